//! Sends one notification once.

use std::time::Duration;

use mainstay_alert::Notification;
use mainstay_alert::config::{Integration, Settings};
use mainstay_model::Timestamp;
use mainstay_template::Templates;

use crate::{Failure, FailureKind, Message, client, mail, request, verdict};

/// What is the same for all notifications: templates, and the address of the console.
#[derive(Debug)]
pub struct Sender {
    templates: Templates,
    external_url: String,
}

impl Sender {
    /// `templates` are those of [`crate::templates`].
    pub fn new(templates: Templates, external_url: impl Into<String>) -> Self {
        Self {
            templates,
            external_url: external_url.into(),
        }
    }

    /// The message of a notification for an integration.
    pub fn message<'a>(
        &'a self,
        integration: &Integration,
        notification: &'a Notification,
        now: Timestamp,
    ) -> Message<'a> {
        let most = match &integration.settings {
            Settings::Webhook(webhook) => webhook.max_alerts,
            _ => 0,
        };
        Message::new(notification, &self.templates, &self.external_url, now, most)
    }

    /// Tries once, and gives up after `within`. Cancel safe: what was sent was sent.
    pub async fn send(
        &self,
        integration: &Integration,
        notification: &Notification,
        now: Timestamp,
        within: Duration,
    ) -> Result<(), Failure> {
        let within = match &integration.settings {
            Settings::Webhook(webhook) => webhook.timeout.map_or(within, |own| own.min(within)),
            _ => within,
        };
        let message = self.message(integration, notification, now);
        let sent = tokio::time::timeout(within, deliver(&integration.settings, &message)).await;
        sent.unwrap_or_else(|_| {
            Err(Failure {
                retry: true,
                kind: FailureKind::Deadline,
                message: format!("no answer within {} s", within.as_secs_f64()),
            })
        })
    }
}

async fn deliver(settings: &Settings, message: &Message<'_>) -> Result<(), Failure> {
    if let Settings::Email(email) = settings {
        return mail::send(email, message).await;
    }
    let (Some(source), Some(http)) = (
        request::principal_secret(settings),
        request::http_config(settings),
    ) else {
        return Err(Failure::configuration("the receiver has no address"));
    };
    let secret = client::secret::read(source).await?;
    let mut secrets = vec![secret.clone()];
    for request in request::requests(settings, message, &secret)? {
        let answer = client::send(http, &request, &mut secrets).await;
        let judged = answer.and_then(|answer| verdict::judge(settings, &answer));
        judged.map_err(|failure| failure.without(&secrets))?;
    }
    Ok(())
}
