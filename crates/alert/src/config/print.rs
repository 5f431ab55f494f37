//! The file as YAML again, without its secrets: what the API's status and `amtool config show` print.
//!
//! Every value is written in double quotes unless it is a plain word, so that what is read back is what
//! was read. An address that is a secret keeps its host, and loses its user, its path and its query: so it
//! stays an address to every version of amtool.

use std::fmt::Write as _;

use mainstay_yaml::tree::{Kind, Node};

use super::fields::REDACTED;

/// Keys whose value is a secret wherever they stand.
const SECRETS: &[&str] = &[
    "smtp_auth_password",
    "smtp_auth_secret",
    "auth_password",
    "auth_secret",
    "slack_api_url",
    "slack_app_token",
    "app_token",
    "opsgenie_api_key",
    "api_key",
    "api_secret",
    "service_key",
    "bot_token",
    "telegram_bot_token",
    "webhook_url",
    "wechat_api_secret",
    "victorops_api_key",
    "rocketchat_token",
    "rocketchat_token_id",
    "mattermost_webhook_url",
    "alert_source_token",
    "user_key",
    "token",
    "token_id",
    "secret_key",
    "access_key",
    "client_secret",
    "password",
    "credentials",
    "bearer_token",
    "key",
    "proxy_url",
    "secrets",
    "values",
];

/// Whether the value of `key` is a secret in the section it stands in.
fn is_secret(section: &str, key: &str) -> bool {
    match (section, key) {
        ("pagerduty_configs", "routing_key")
        | ("slack_configs", "api_url")
        | ("webhook_configs" | "incidentio_configs", "url") => true,
        // Labels and free texts of the user.
        (
            "match" | "match_re" | "source_match" | "source_match_re" | "target_match"
            | "target_match_re" | "details" | "custom_fields",
            _,
        ) => false,
        _ => SECRETS.contains(&key),
    }
}

/// The tree as YAML.
pub(super) fn redacted(tree: &Node) -> String {
    let mut out = String::new();
    map(tree, "", 0, &mut out);
    out
}

fn map(node: &Node, section: &str, depth: usize, out: &mut String) {
    for (index, entry) in node.entries().iter().enumerate() {
        if index > 0 || !out.ends_with("- ") {
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push_str(&word(&entry.key));
        out.push(':');
        let section = match entry.key.as_str() {
            // A list's items stand in its section.
            key if is_secret(section, key) => {
                hidden(&entry.value, depth, out);
                continue;
            }
            key => key,
        };
        value(&entry.value, section, depth, out);
    }
}

/// After `key:`.
fn value(node: &Node, section: &str, depth: usize, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push_str(" null\n"),
        Kind::Scalar(scalar) => {
            let text = if scalar.plain {
                word(&scalar.text)
            } else {
                quote_yaml(&scalar.text)
            };
            let _ = writeln!(out, " {text}");
        }
        Kind::List(items) if items.is_empty() => out.push_str(" []\n"),
        Kind::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Kind::List(items) => {
            out.push('\n');
            list(items, section, depth, out);
        }
        Kind::Map(_) => {
            out.push('\n');
            map(node, section, depth + 1, out);
        }
    }
}

fn list(items: &[Node], section: &str, depth: usize, out: &mut String) {
    for item in items {
        out.extend(std::iter::repeat_n("  ", depth));
        out.push('-');
        match &item.kind {
            Kind::Map(entries) if !entries.is_empty() => {
                out.push(' ');
                map(item, section, depth + 1, out);
            }
            _ => value(item, section, depth + 1, out),
        }
    }
}

/// In the place of a secret, or of a list or mapping of them.
fn hidden(node: &Node, depth: usize, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push_str(" null\n"),
        Kind::Scalar(scalar) if scalar.text.is_empty() => out.push_str(" \"\"\n"),
        Kind::Scalar(scalar) => {
            let _ = writeln!(out, " {}", quote_yaml(&shown(&scalar.text)));
        }
        Kind::List(items) => {
            out.push('\n');
            for _ in items {
                out.extend(std::iter::repeat_n("  ", depth));
                let _ = writeln!(out, "- {}", quote_yaml(REDACTED));
            }
        }
        Kind::Map(_) => {
            let _ = writeln!(out, " {}", quote_yaml(REDACTED));
        }
    }
}

fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return REDACTED.to_owned();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/{REDACTED}")
}

/// Bare where nothing in it means anything to YAML and it is not a word YAML knows.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '=');
    let first = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_');
    if first && text.chars().all(plain) {
        return text.to_owned();
    }
    quote_yaml(text)
}

/// YAML's double quotes.
pub(crate) fn quote_yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
