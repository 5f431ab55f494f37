//! What an answer means: done, to be tried again, or wrong for good.
//!
//! As Alertmanager has it: what is 2xx is done, what is 5xx is tried again, everything else is
//! not. We try again after a 429 from anybody; Alertmanager does from some.

use mainstay_alert::config::Settings;
use serde_json::Value;

use crate::client::Answer;
use crate::{Failure, FailureKind, limit};

/// How much of an answer a failure repeats.
const SHOWN_BYTES: usize = 400;

pub(crate) fn judge(settings: &Settings, answer: &Answer) -> Result<(), Failure> {
    if answer.status / 100 == 2 {
        return match settings {
            Settings::Slack(_) => slack(answer),
            _ => Ok(()),
        };
    }
    let kind = match answer.status {
        401 | 403 => FailureKind::Authentication,
        429 => FailureKind::RateLimited,
        status if status / 100 == 5 => FailureKind::Server,
        _ => FailureKind::Client,
    };
    let details = details(settings, answer);
    // In one line: it is a line of a log.
    let details: Vec<_> = details.split_whitespace().collect();
    let details = limit::bytes(&details.join(" "), SHOWN_BYTES);
    let separator = if details.is_empty() { "" } else { ": " };
    Err(Failure {
        retry: matches!(kind, FailureKind::RateLimited | FailureKind::Server),
        kind,
        message: format!("answered {}{separator}{details}", answer.status),
    })
}

/// Slack says `ok` in the body, whatever the status.
fn slack(answer: &Answer) -> Result<(), Failure> {
    let wrong = |why: &str| Failure {
        retry: false,
        kind: FailureKind::Client,
        message: format!("Slack answered: {}", limit::bytes(why.trim(), SHOWN_BYTES)),
    };
    if !answer.json {
        return match answer.body.trim() {
            "ok" => Ok(()),
            other => Err(wrong(other)),
        };
    }
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    if body["ok"] == true {
        return Ok(());
    }
    Err(wrong(
        body["error"]
            .as_str()
            .unwrap_or("an answer that is no JSON"),
    ))
}

/// What the receiver says about it.
fn details(settings: &Settings, answer: &Answer) -> String {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let said = match settings {
        Settings::Pagerduty(_) => {
            let errors = body["errors"].as_array().into_iter().flatten();
            let errors: Vec<_> = errors.filter_map(Value::as_str).collect();
            let message = body["message"].as_str();
            message.map(|message| format!("{message}: {}", errors.join(", ")))
        }
        Settings::Telegram(_) => body["description"].as_str().map(str::to_owned),
        _ => None,
    };
    said.unwrap_or_else(|| answer.body.clone())
}
