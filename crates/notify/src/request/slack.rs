//! Slack: a message with one attachment. Source: Slack's references of incoming webhooks, of
//! `chat.postMessage` (the address and the answer are the same) and of secondary attachments.

use mainstay_alert::config::{Slack, SlackAction, SlackField};
use serde_json::Value;

use super::{Object, Request};
use crate::{Failure, Message, limit};

const TITLE_CHARS: usize = 1024;
/// What is longer Slack cuts itself.
const TEXT_CHARS: usize = 40_000;
/// What is formatted where the receiver does not say it.
const FORMATTED: [&str; 3] = ["fallback", "pretext", "text"];

pub(super) fn request(slack: &Slack, message: &Message<'_>, url: &str) -> Result<Request, Failure> {
    let body = Object::default()
        .text("channel", message.text("channel", &slack.channel)?)
        .text("username", message.text("username", &slack.username)?)
        .text("icon_emoji", message.text("icon_emoji", &slack.icon_emoji)?)
        .text("icon_url", message.text("icon_url", &slack.icon_url)?);
    let body = if slack.link_names {
        body.put("link_names", true)
    } else {
        body
    };
    let body = body.put("attachments", vec![attachment(slack, message)?]);
    Ok(Request::post(url, &body.value()))
}

fn attachment(slack: &Slack, message: &Message<'_>) -> Result<Value, Failure> {
    let text = |name: &str, text: &str| message.text(name, text);
    let formatted: Vec<Value> = if slack.mrkdwn_in.is_empty() {
        FORMATTED.into_iter().map(Value::from).collect()
    } else {
        slack
            .mrkdwn_in
            .iter()
            .map(|name| Value::from(name.as_str()))
            .collect()
    };
    let fields = slack.fields.iter();
    let fields = fields.map(|each| field(each, slack.short_fields, message));
    let actions = slack.actions.iter().map(|each| action(each, message));
    Ok(Object::default()
        .text(
            "title",
            limit::chars(&text("title", &slack.title)?, TITLE_CHARS),
        )
        .text("title_link", text("title_link", &slack.title_link)?)
        .text("pretext", text("pretext", &slack.pretext)?)
        .put(
            "text",
            limit::chars(&text("text", &slack.text)?, TEXT_CHARS),
        )
        .put("fallback", text("fallback", &slack.fallback)?)
        .put("callback_id", text("callback_id", &slack.callback_id)?)
        .list("fields", fields.collect::<Result<_, _>>()?)
        .list("actions", actions.collect::<Result<_, _>>()?)
        .text("image_url", text("image_url", &slack.image_url)?)
        .text("thumb_url", text("thumb_url", &slack.thumb_url)?)
        .put("footer", text("footer", &slack.footer)?)
        .text("color", text("color", &slack.color)?)
        .list("mrkdwn_in", formatted)
        .value())
}

fn field(field: &SlackField, short: bool, message: &Message<'_>) -> Result<Value, Failure> {
    Ok(Object::default()
        .text("title", message.text("fields.title", &field.title)?)
        .text("value", message.text("fields.value", &field.value)?)
        .put("short", field.short.unwrap_or(short))
        .value())
}

fn action(action: &SlackAction, message: &Message<'_>) -> Result<Value, Failure> {
    let text = |name: &str, text: &str| message.text(name, text);
    let object = Object::default()
        .text("type", text("actions.type", &action.kind)?)
        .text("text", text("actions.text", &action.text)?)
        .text("url", text("actions.url", &action.url)?)
        .text("style", text("actions.style", &action.style)?)
        .text("name", text("actions.name", &action.name)?)
        .text("value", text("actions.value", &action.value)?);
    let Some(confirm) = &action.confirm else {
        return Ok(object.value());
    };
    let confirm = Object::default()
        .text("text", text("actions.confirm.text", &confirm.text)?)
        .text("title", text("actions.confirm.title", &confirm.title)?)
        .text(
            "ok_text",
            text("actions.confirm.ok_text", &confirm.ok_text)?,
        )
        .text(
            "dismiss_text",
            text("actions.confirm.dismiss_text", &confirm.dismiss_text)?,
        );
    Ok(object.put("confirm", confirm.value()).value())
}
