//! What each receiver is sent: pure, so that a payload can be looked at without a receiver.
//!
//! Each kind follows its vendor's reference, which its file names.

mod chat;
mod opsgenie;
mod pagerduty;
mod slack;
mod webhook;

use mainstay_alert::config::Settings;
use mainstay_model::{HttpConfig, Secret, SecretSource};
use serde_json::{Map, Value};
use std::fmt;

use crate::{Failure, Message};

/// One request of HTTP, without the credentials of `http_config`.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    /// With Slack, Discord, Telegram and Teams the address is the secret.
    pub url: Secret<String>,
    /// Beside `content-type`, which is JSON.
    pub headers: Vec<(&'static str, Secret<String>)>,
    /// JSON; with PagerDuty the key stands in it.
    pub body: Secret<String>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Request {
    fn post(url: impl Into<String>, body: &Value) -> Self {
        Self {
            method: "POST",
            url: Secret::new(url.into()),
            headers: Vec::new(),
            body: Secret::new(body.to_string()),
        }
    }
}

/// The secret that a kind cannot do without: an address, a key or a token. Mail has none, or more
/// than one: [`crate::mail`].
pub fn principal_secret(settings: &Settings) -> Option<&SecretSource> {
    Some(match settings {
        Settings::Webhook(webhook) => &webhook.url,
        Settings::Slack(slack) => &slack.api_url,
        Settings::Pagerduty(pagerduty) => &pagerduty.routing_key,
        Settings::Opsgenie(opsgenie) => &opsgenie.api_key,
        Settings::Discord(discord) => &discord.webhook_url,
        Settings::Telegram(telegram) => &telegram.bot_token,
        Settings::MsTeams(teams) => &teams.webhook_url,
        Settings::MsTeamsV2(teams) => &teams.webhook_url,
        Settings::Email(_) => return None,
    })
}

/// How the receiver's server is spoken to.
pub(crate) fn http_config(settings: &Settings) -> Option<&HttpConfig> {
    Some(match settings {
        Settings::Webhook(webhook) => &webhook.http,
        Settings::Slack(slack) => &slack.http,
        Settings::Pagerduty(pagerduty) => &pagerduty.http,
        Settings::Opsgenie(opsgenie) => &opsgenie.http,
        Settings::Discord(discord) => &discord.http,
        Settings::Telegram(telegram) => &telegram.http,
        Settings::MsTeams(teams) => &teams.http,
        Settings::MsTeamsV2(teams) => &teams.http,
        Settings::Email(_) => return None,
    })
}

/// The requests of one notification, to be sent one after the other. `secret` is the value of
/// [`principal_secret`].
pub fn requests(
    settings: &Settings,
    message: &Message<'_>,
    secret: &Secret<String>,
) -> Result<Vec<Request>, Failure> {
    let secret = secret.expose().trim();
    let one = match settings {
        Settings::Webhook(_) => webhook::request(message, secret)?,
        Settings::Slack(slack) => slack::request(slack, message, secret)?,
        Settings::Pagerduty(pagerduty) => pagerduty::request(pagerduty, message, secret)?,
        Settings::Opsgenie(opsgenie) => return opsgenie::requests(opsgenie, message, secret),
        Settings::Discord(discord) => chat::discord(discord, message, secret)?,
        Settings::Telegram(telegram) => chat::telegram(telegram, message, secret)?,
        Settings::MsTeams(teams) => chat::teams(teams, message, secret)?,
        Settings::MsTeamsV2(teams) => chat::teams_v2(teams, message, secret)?,
        Settings::Email(_) => {
            return Err(Failure::configuration("mail is not sent over HTTP"));
        }
    };
    Ok(vec![one])
}

/// A JSON object in the making: empty texts and empty lists are left out of it.
#[derive(Debug, Default)]
struct Object(Map<String, Value>);

impl Object {
    /// Whatever it is.
    fn put(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn text(self, name: &str, text: String) -> Self {
        if text.is_empty() {
            return self;
        }
        self.put(name, text)
    }

    fn list(self, name: &str, list: Vec<Value>) -> Self {
        if list.is_empty() {
            return self;
        }
        self.put(name, list)
    }

    fn value(self) -> Value {
        Value::Object(self.0)
    }
}
