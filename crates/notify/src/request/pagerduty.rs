//! PagerDuty: an event of the Events API version 2. Source: PagerDuty's developer reference, "Send an
//! alert event".

use mainstay_alert::config::Pagerduty;
use serde_json::Value;

use super::{Object, Request};
use crate::{Failure, Message, limit};

const SUMMARY_CHARS: usize = 1024;
/// Of a whole event.
const EVENT_BYTES: usize = 512_000;

pub(super) fn request(
    pagerduty: &Pagerduty,
    message: &Message<'_>,
    key: &str,
) -> Result<Request, Failure> {
    let key = message.text("routing_key", key)?;
    if key.is_empty() {
        return Err(Failure::configuration(
            "the routing key of PagerDuty is empty",
        ));
    }
    let mut details = Object::default();
    for (name, text) in &pagerduty.details {
        details = details.put(name, message.text(&format!("details.{name}"), text)?);
    }
    let body = event(pagerduty, message, &key, details.value())?;
    let request = Request::post(pagerduty.url.as_str(), &body);
    if request.body.expose().len() <= EVENT_BYTES {
        return Ok(request);
    }
    let why = format!("the details were left out: the event was larger than {EVENT_BYTES} bytes");
    let details = Object::default().put("error", why).value();
    let body = event(pagerduty, message, &key, details)?;
    Ok(Request::post(pagerduty.url.as_str(), &body))
}

fn event(
    pagerduty: &Pagerduty,
    message: &Message<'_>,
    key: &str,
    details: Value,
) -> Result<Value, Failure> {
    let text = |name: &str, text: &str| message.text(name, text);
    let summary = text("description", &pagerduty.description)?;
    let payload = Object::default()
        .put("summary", limit::chars(&summary, SUMMARY_CHARS))
        .put("source", text("source", &pagerduty.source)?)
        .put("severity", text("severity", &pagerduty.severity)?)
        .text("class", text("class", &pagerduty.class)?)
        .text("component", text("component", &pagerduty.component)?)
        .text("group", text("group", &pagerduty.group)?);
    let has_details = details
        .as_object()
        .is_some_and(|details| !details.is_empty());
    let payload = if has_details {
        payload.put("custom_details", details)
    } else {
        payload
    };
    let action = if message.firing() {
        "trigger"
    } else {
        "resolve"
    };
    Ok(Object::default()
        .put("routing_key", key)
        .put("event_action", action)
        .put("dedup_key", message.incident())
        .put("payload", payload.value())
        .text("client", text("client", &pagerduty.client)?)
        .text("client_url", text("client_url", &pagerduty.client_url)?)
        .list("images", images(pagerduty, message)?)
        .list("links", links(pagerduty, message)?)
        .value())
}

/// An image without an address is none.
fn images(pagerduty: &Pagerduty, message: &Message<'_>) -> Result<Vec<Value>, Failure> {
    let mut images = Vec::new();
    for image in &pagerduty.images {
        let src = message.text("images.src", &image.src)?;
        if src.is_empty() {
            continue;
        }
        let image = Object::default()
            .put("src", src)
            .put("alt", message.text("images.alt", &image.alt)?)
            .put("href", message.text("images.href", &image.href)?);
        images.push(image.value());
    }
    Ok(images)
}

fn links(pagerduty: &Pagerduty, message: &Message<'_>) -> Result<Vec<Value>, Failure> {
    let mut links = Vec::new();
    for link in &pagerduty.links {
        let href = message.text("links.href", &link.href)?;
        if href.is_empty() {
            continue;
        }
        let link = Object::default()
            .put("href", href)
            .put("text", message.text("links.text", &link.text)?);
        links.push(link.value());
    }
    Ok(links)
}
