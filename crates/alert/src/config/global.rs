//! `global`: what receivers take where they do not say it themselves.

use std::time::Duration;

use mainstay_model::{HttpConfig, SecretSource, TlsConfig};
use mainstay_yaml::tree::Node;

use super::fields::Fields;

/// A mail server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    pub host: String,
    pub port: String,
}

/// The section.
#[derive(Debug, Clone, PartialEq)]
pub struct Global {
    /// An alert that says no end is resolved after this time without another word about it.
    pub resolve_timeout: Duration,
    pub http: HttpConfig,
    pub smtp_from: Option<String>,
    pub smtp_hello: String,
    pub smtp_smarthost: Option<HostPort>,
    pub smtp_auth_username: Option<String>,
    pub smtp_auth_password: Option<SecretSource>,
    pub smtp_auth_secret: Option<SecretSource>,
    pub smtp_auth_identity: Option<String>,
    pub smtp_require_tls: bool,
    pub smtp_tls: Option<TlsConfig>,
    pub slack_api_url: Option<SecretSource>,
    pub pagerduty_url: String,
    pub opsgenie_api_url: String,
    pub opsgenie_api_key: Option<SecretSource>,
    pub telegram_api_url: String,
    pub telegram_bot_token: Option<SecretSource>,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            resolve_timeout: Duration::from_mins(5),
            http: HttpConfig::default(),
            smtp_from: None,
            smtp_hello: "localhost".to_owned(),
            smtp_smarthost: None,
            smtp_auth_username: None,
            smtp_auth_password: None,
            smtp_auth_secret: None,
            smtp_auth_identity: None,
            smtp_require_tls: true,
            smtp_tls: None,
            slack_api_url: None,
            pagerduty_url: "https://events.pagerduty.com/v2/enqueue".to_owned(),
            opsgenie_api_url: "https://api.opsgenie.com/".to_owned(),
            opsgenie_api_key: None,
            telegram_api_url: "https://api.telegram.org".to_owned(),
            telegram_bot_token: None,
        }
    }
}

const READ: &[&str] = &[
    "resolve_timeout",
    "http_config",
    "smtp_from",
    "smtp_hello",
    "smtp_smarthost",
    "smtp_auth_username",
    "smtp_auth_password",
    "smtp_auth_password_file",
    "smtp_auth_secret",
    "smtp_auth_secret_file",
    "smtp_auth_identity",
    "smtp_require_tls",
    "smtp_tls_config",
    "slack_api_url",
    "slack_api_url_file",
    "pagerduty_url",
    "opsgenie_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
];

/// Defaults of receivers that are not there yet: they say nothing without their receivers, which are
/// refused where they stand.
const IDLE: &[&str] = &[
    "wechat_api_url",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_corp_id",
    "victorops_api_url",
    "victorops_api_key",
    "victorops_api_key_file",
    "webex_api_url",
    "jira_api_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
];

const REFUSED: &[(&str, &str)] = &[
    (
        "slack_app_token",
        "use `slack_api_url`, or `http_config` with `authorization`",
    ),
    ("slack_app_token_file", "use `slack_api_url_file`"),
    ("slack_app_url", "use `slack_api_url`"),
    (
        "smtp_force_implicit_tls",
        "port 465 speaks TLS from the first byte, every other port by STARTTLS",
    ),
];

impl Fields<'_> {
    pub(super) fn global(&mut self, node: &Node) -> Global {
        let default = Global::default();
        let refused: Vec<&str> = REFUSED.iter().map(|(key, _)| *key).collect();
        if !self.section(node, "global", &[READ, IDLE, &refused].concat()) {
            return default;
        }
        for (key, hint) in REFUSED {
            self.unsupported(node, key, hint);
        }
        for key in ["victorops_api_key", "wechat_api_secret"] {
            self.secret(node, key);
        }
        for key in ["wechat_api_url", "victorops_api_url", "webex_api_url"] {
            self.url(node, key);
        }
        Global {
            resolve_timeout: self
                .duration(node, "resolve_timeout")
                .unwrap_or(default.resolve_timeout),
            http: self.http(node, &default.http),
            smtp_from: self.text(node, "smtp_from"),
            smtp_hello: self.text_or(node, "smtp_hello", &default.smtp_hello),
            smtp_smarthost: self.host_port(node, "smtp_smarthost"),
            smtp_auth_username: self.text(node, "smtp_auth_username"),
            smtp_auth_password: self.secret(node, "smtp_auth_password"),
            smtp_auth_secret: self.secret(node, "smtp_auth_secret"),
            smtp_auth_identity: self.text(node, "smtp_auth_identity"),
            smtp_require_tls: self.flag(node, "smtp_require_tls").unwrap_or(true),
            smtp_tls: self.tls(node, "smtp_tls_config"),
            slack_api_url: self.secret_url(node, "slack_api_url"),
            pagerduty_url: self
                .url(node, "pagerduty_url")
                .unwrap_or(default.pagerduty_url),
            opsgenie_api_url: self
                .url(node, "opsgenie_api_url")
                .unwrap_or(default.opsgenie_api_url),
            opsgenie_api_key: self.secret(node, "opsgenie_api_key"),
            telegram_api_url: self
                .url(node, "telegram_api_url")
                .unwrap_or(default.telegram_api_url),
            telegram_bot_token: self.secret(node, "telegram_bot_token"),
        }
    }

    /// `host:port`; the host may be empty, the port may not.
    pub(super) fn host_port(&mut self, node: &Node, key: &str) -> Option<HostPort> {
        let value = node.get(key)?;
        if value.as_text() == Some("") {
            return None;
        }
        self.parsed(
            node,
            key,
            "a host and a port, `mail.example.org:587`",
            |text| {
                let (host, port) = text.rsplit_once(':')?;
                let bare = host
                    .strip_prefix('[')
                    .and_then(|host| host.strip_suffix(']'));
                if port.is_empty() || bare.is_none() && host.contains([':', '[', ']']) {
                    return None;
                }
                Some(HostPort {
                    host: bare.unwrap_or(host).to_owned(),
                    port: port.to_owned(),
                })
            },
        )
    }
}
