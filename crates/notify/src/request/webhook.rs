//! Webhook. Source: Alertmanager's configuration reference, `webhook_config`, version 4 of the message.

use serde_json::Value;

use super::Request;
use crate::{Failure, Message};

pub(super) fn request(message: &Message<'_>, url: &str) -> Result<Request, Failure> {
    let mut body = message.data.json();
    if let Value::Object(fields) = &mut body {
        fields.insert("version".to_owned(), "4".into());
        fields.insert(
            "groupKey".to_owned(),
            message.notification.group_key.as_str().into(),
        );
        fields.insert("truncatedAlerts".to_owned(), message.truncated.into());
    }
    Ok(Request::post(message.text("url", url)?, &body))
}
