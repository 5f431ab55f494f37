//! Opsgenie: an alert is created, brought up to date, closed. Source: Opsgenie's Alert API reference.

use mainstay_alert::config::{Opsgenie, OpsgenieResponder};
use mainstay_model::Secret;
use serde_json::Value;

use super::{Object, Request};
use crate::{Failure, Message, limit};

const MESSAGE_CHARS: usize = 130;
const DESCRIPTION_CHARS: usize = 15_000;
const SOURCE_CHARS: usize = 100;
const ENTITY_CHARS: usize = 512;
const NOTE_CHARS: usize = 25_000;
const TAGS: usize = 20;
const ACTIONS: usize = 10;
/// Of a tag or an action.
const WORD_CHARS: usize = 50;

pub(super) fn requests(
    opsgenie: &Opsgenie,
    message: &Message<'_>,
    key: &str,
) -> Result<Vec<Request>, Failure> {
    let alias = message.incident();
    let of_alias = |what: &str| {
        format!(
            "{}v2/alerts/{alias}/{what}?identifierType=alias",
            opsgenie.api_url
        )
    };
    let source = message.text("source", &opsgenie.source)?;
    let source = limit::chars(&source, SOURCE_CHARS);
    let mut requests = Vec::new();
    if message.firing() {
        let text = limit::chars(&message.text("message", &opsgenie.message)?, MESSAGE_CHARS);
        let description = message.text("description", &opsgenie.description)?;
        let description = limit::chars(&description, DESCRIPTION_CHARS);
        let body = alert(opsgenie, message)?
            .put("alias", alias.as_str())
            .put("message", text.as_str())
            .put("source", source)
            .text("description", description.clone());
        let url = format!("{}v2/alerts", opsgenie.api_url);
        requests.push(Request::post(url, &body.value()));
        if opsgenie.update_alerts {
            let put = |what: &str, value: String| {
                let body = Object::default().text(what, value).value();
                let mut request = Request::post(of_alias(what), &body);
                request.method = "PUT";
                request
            };
            requests.push(put("message", text));
            requests.push(put("description", description));
        }
    } else {
        let body = Object::default().put("source", source).value();
        requests.push(Request::post(of_alias("close"), &body));
    }
    let key = message.text("api_key", key)?;
    for request in &mut requests {
        let key = Secret::new(format!("GenieKey {key}"));
        request.headers.push(("authorization", key));
    }
    Ok(requests)
}

/// The fields of an alert that closing it does not need.
fn alert(opsgenie: &Opsgenie, message: &Message<'_>) -> Result<Object, Failure> {
    let text = |name: &str, text: &str, most: usize| {
        message
            .text(name, text)
            .map(|text| limit::chars(&text, most))
    };
    let mut details = Object::default();
    for (name, value) in &message.data.common_labels {
        details = details.put(name, value.as_str());
    }
    for (name, value) in &opsgenie.details {
        details = details.put(name, message.text(&format!("details.{name}"), value)?);
    }
    let mut responders = Vec::new();
    for each in &opsgenie.responders {
        responders.extend(responder(each, message)?);
    }
    let words = |text: &str, most: usize| -> Vec<Value> {
        let words = text.split(',').filter(|word| !word.is_empty());
        let words = words.take(most).map(|word| limit::chars(word, WORD_CHARS));
        words.map(Value::from).collect()
    };
    let tags = message.text("tags", &opsgenie.tags)?;
    let actions = message.text("actions", &opsgenie.actions)?;
    Ok(Object::default()
        .put("details", details.value())
        .list("responders", responders)
        .list("tags", words(tags.trim(), TAGS))
        .list("actions", words(actions.trim(), ACTIONS))
        .text("note", text("note", &opsgenie.note, NOTE_CHARS)?)
        .text("priority", message.text("priority", &opsgenie.priority)?)
        .text("entity", text("entity", &opsgenie.entity, ENTITY_CHARS)?))
}

/// `teams` is several of type `team`; one that is empty altogether is none.
fn responder(responder: &OpsgenieResponder, message: &Message<'_>) -> Result<Vec<Value>, Failure> {
    let text = |name: &str, text: &str| message.text(&format!("responders.{name}"), text);
    let (id, name) = (text("id", &responder.id)?, text("name", &responder.name)?);
    let username = text("username", &responder.username)?;
    let kind = text("type", &responder.kind)?;
    if kind == "teams" {
        let teams = name
            .split(',')
            .map(str::trim)
            .filter(|team| !team.is_empty());
        let team = |team: &str| {
            Object::default()
                .put("name", team)
                .put("type", "team")
                .value()
        };
        return Ok(teams.map(team).collect());
    }
    if id.is_empty() && name.is_empty() && username.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![
        Object::default()
            .text("id", id)
            .text("name", name)
            .text("username", username)
            .put("type", kind)
            .value(),
    ])
}
