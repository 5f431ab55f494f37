//! The configuration of those who have none: the handbooks' routing over the receivers whose address is
//! known.
//!
//! What is critical goes to PagerDuty or a webhook, warnings go to Slack, the rest is mailed. Where one of
//! these has no address, its alerts go to the next that has one, so that none is told to nobody: critical
//! ones to Slack, then to the mail; warnings and the rest to the mail, then to Slack, then to the webhook.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use mainstay_model::{Problems, SecretSource};
use mainstay_yaml::source::Source;

use crate::config::{Configuration, quote_yaml};

/// Where people can be reached.
#[derive(Debug, Clone, Default)]
pub struct Addresses {
    pub pagerduty_routing_key: Option<SecretSource>,
    pub webhook_url: Option<SecretSource>,
    pub slack_api_url: Option<SecretSource>,
    pub slack_channel: Option<String>,
    pub mail: Option<MailAddress>,
}

/// Where mails go, and who takes them.
#[derive(Debug, Clone)]
pub struct MailAddress {
    pub to: String,
    pub from: String,
    /// `mail.example.org:587`
    pub smarthost: String,
    pub username: Option<String>,
    pub password: Option<SecretSource>,
    pub require_tls: bool,
}

/// The built-in configuration; `None` where it cannot be made of those addresses, and why.
pub fn default_configuration(addresses: &Addresses) -> (Option<Configuration>, Problems) {
    let source = Arc::new(Source {
        display: "the built-in alert configuration".to_owned(),
        path: PathBuf::new(),
        base: PathBuf::from("/"),
    });
    Configuration::read_source(&written(addresses), &source)
}

fn written(addresses: &Addresses) -> String {
    let pagerduty = addresses
        .pagerduty_routing_key
        .is_some()
        .then_some("pagerduty");
    let webhook = addresses.webhook_url.is_some().then_some("webhook");
    let slack = addresses.slack_api_url.is_some().then_some("slack");
    let mail = addresses.mail.is_some().then_some("email");
    let rest = mail.or(slack).or(webhook).or(pagerduty).unwrap_or("nobody");
    let critical = pagerduty.or(webhook).or(slack).unwrap_or(rest);
    let warning = slack.unwrap_or(rest);
    let mut out = format!(
        "route:\n  receiver: {rest}\n  group_by: [alertname, stack, environment, service]\n  routes:\n"
    );
    for (severity, receiver) in [("critical", critical), ("warning", warning)] {
        let _ = writeln!(
            out,
            "  - {{matchers: [severity={severity}], receiver: {receiver}}}"
        );
    }
    out.push_str(
        "inhibit_rules:\n- source_matchers: [severity=critical]\n  target_matchers: [severity=warning]\n  \
         equal: [alertname, stack, environment, service]\nreceivers:\n",
    );
    if rest == "nobody" {
        out.push_str("- name: nobody\n");
    }
    if let Some(key) = &addresses.pagerduty_routing_key {
        let key = secret("routing_key", key);
        let _ = writeln!(out, "- name: pagerduty\n  pagerduty_configs:\n  - {key}");
    }
    if let Some(url) = &addresses.webhook_url {
        let _ = writeln!(
            out,
            "- name: webhook\n  webhook_configs:\n  - {}",
            secret("url", url)
        );
    }
    if let Some(url) = &addresses.slack_api_url {
        let url = secret("api_url", url);
        let _ = writeln!(
            out,
            "- name: slack\n  slack_configs:\n  - send_resolved: true\n    {url}"
        );
        if let Some(channel) = &addresses.slack_channel {
            let _ = writeln!(out, "    channel: {}", quote_yaml(channel));
        }
    }
    if let Some(mail) = &addresses.mail {
        let _ = writeln!(
            out,
            "- name: email\n  email_configs:\n  - send_resolved: true"
        );
        for (key, value) in [
            ("to", &mail.to),
            ("from", &mail.from),
            ("smarthost", &mail.smarthost),
        ] {
            let _ = writeln!(out, "    {key}: {}", quote_yaml(value));
        }
        if let Some(username) = &mail.username {
            let _ = writeln!(out, "    auth_username: {}", quote_yaml(username));
        }
        if let Some(password) = &mail.password {
            let _ = writeln!(out, "    {}", secret("auth_password", password));
        }
        let _ = writeln!(out, "    require_tls: {}", mail.require_tls);
    }
    out
}

fn secret(key: &str, value: &SecretSource) -> String {
    match value {
        SecretSource::Inline(text) => format!("{key}: {}", quote_yaml(text.expose())),
        SecretSource::File(path) => {
            format!("{key}_file: {}", quote_yaml(&path.display().to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Secret;
    use mainstay_series::Labels;

    fn inline(text: &str) -> SecretSource {
        SecretSource::Inline(Secret::new(text.to_owned()))
    }

    fn mail() -> MailAddress {
        MailAddress {
            to: "ops@example.org".to_owned(),
            from: "mainstay@example.org".to_owned(),
            smarthost: "mail.example.org:587".to_owned(),
            username: Some("u".to_owned()),
            password: Some(inline("s3cret")),
            require_tls: true,
        }
    }

    fn receivers(addresses: &Addresses) -> [String; 3] {
        let (config, problems) = default_configuration(addresses);
        let config = config.unwrap_or_else(|| panic!("{problems}"));
        assert!(!config.printed().contains("s3cret"));
        ["critical", "warning", "info"].map(|severity| {
            let labels = Labels::from_pairs([("severity", severity)]);
            config.route.matching(&labels)[0].receiver.clone()
        })
    }

    #[test]
    fn each_severity_goes_to_the_receiver_whose_address_is_known() {
        let slack_api_url = Some(inline("https://hooks.example.org/s3cret"));
        let all = Addresses {
            pagerduty_routing_key: Some(inline("s3cret")),
            webhook_url: Some(inline("https://example.org/s3cret")),
            slack_api_url: slack_api_url.clone(),
            slack_channel: Some("#ops".to_owned()),
            mail: Some(mail()),
        };
        assert_eq!(receivers(&all), ["pagerduty", "slack", "email"]);
        let hook = Addresses {
            pagerduty_routing_key: None,
            ..all.clone()
        };
        assert_eq!(receivers(&hook), ["webhook", "slack", "email"]);
        let slack = Addresses {
            slack_api_url,
            ..Addresses::default()
        };
        assert_eq!(receivers(&slack), ["slack", "slack", "slack"]);
        let mailed = Addresses {
            mail: Some(mail()),
            ..Addresses::default()
        };
        assert_eq!(receivers(&mailed), ["email", "email", "email"]);
        assert_eq!(
            receivers(&Addresses::default()),
            ["nobody", "nobody", "nobody"]
        );
    }

    #[test]
    fn what_is_no_address_is_told_without_its_secret() {
        let bad = Addresses {
            webhook_url: Some(inline("s3cret")),
            ..Addresses::default()
        };
        let (config, problems) = default_configuration(&bad);
        assert!(config.is_none());
        assert!(
            problems.has_errors() && !problems.to_string().contains("s3cret"),
            "{problems}"
        );
    }
}
