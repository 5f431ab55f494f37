//! `discord_configs`, `telegram_configs`, `msteams_configs` and `msteamsv2_configs`.

use mainstay_model::{HttpConfig, SecretSource};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::Global;

/// A message with one embed. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Discord {
    pub webhook_url: SecretSource,
    pub content: String,
    pub title: String,
    pub message: String,
    pub username: String,
    pub avatar_url: String,
    pub http: HttpConfig,
}

/// A message of a bot. `message` is a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Telegram {
    pub api_url: String,
    pub bot_token: SecretSource,
    pub chat_id: i64,
    /// 0 is none.
    pub message_thread_id: i64,
    pub message: String,
    pub disable_notifications: bool,
    /// `Markdown`, `MarkdownV2`, `HTML`, or nothing.
    pub parse_mode: String,
    pub http: HttpConfig,
}

/// A card of the old kind. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct MsTeams {
    pub webhook_url: SecretSource,
    pub title: String,
    pub summary: String,
    pub text: String,
    pub http: HttpConfig,
}

/// An adaptive card. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct MsTeamsV2 {
    pub webhook_url: SecretSource,
    pub title: String,
    pub text: String,
    pub http: HttpConfig,
}

const DISCORD: &[&str] = &[
    "send_resolved",
    "http_config",
    "webhook_url",
    "webhook_url_file",
    "content",
    "title",
    "message",
    "username",
    "avatar_url",
];
const TELEGRAM: &[&str] = &[
    "send_resolved",
    "http_config",
    "api_url",
    "bot_token",
    "bot_token_file",
    "chat_id",
    "chat_id_file",
    "message_thread_id",
    "message",
    "disable_notifications",
    "parse_mode",
];
const MSTEAMS: &[&str] = &[
    "send_resolved",
    "http_config",
    "webhook_url",
    "webhook_url_file",
    "title",
    "summary",
    "text",
];
const MSTEAMSV2: &[&str] = &[
    "send_resolved",
    "http_config",
    "webhook_url",
    "webhook_url_file",
    "title",
    "text",
];

fn template(kind: &str, name: &str) -> String {
    format!("{{{{ template \"{kind}.default.{name}\" . }}}}")
}

impl Fields<'_> {
    fn webhook_url(&mut self, node: &Node, what: &str) -> Option<SecretSource> {
        let url = self.secret_url(node, "webhook_url");
        if url.is_none() && node.get("webhook_url").is_none() {
            let message = format!("{what} needs `webhook_url` or `webhook_url_file`");
            self.error(node, "receiver", message);
        }
        url
    }

    pub(in crate::config) fn discord(&mut self, node: &Node, global: &Global) -> Option<Discord> {
        if !self.section(node, "discord_configs", DISCORD) {
            return None;
        }
        let webhook_url = self.webhook_url(node, "Discord");
        Some(Discord {
            content: self.text_or(node, "content", ""),
            title: self.text_or(node, "title", &template("discord", "title")),
            message: self.text_or(node, "message", &template("discord", "message")),
            username: self.text_or(node, "username", ""),
            avatar_url: self.text_or(node, "avatar_url", ""),
            http: self.http(node, &global.http),
            webhook_url: webhook_url?,
        })
    }

    pub(in crate::config) fn telegram(&mut self, node: &Node, global: &Global) -> Option<Telegram> {
        if !self.section(node, "telegram_configs", TELEGRAM) {
            return None;
        }
        self.unsupported(node, "chat_id_file", "write the number to `chat_id`");
        let own = self.secret(node, "bot_token");
        let bot_token = own.or_else(|| global.telegram_bot_token.clone());
        if bot_token.is_none() {
            self.error(
                node,
                "receiver",
                "Telegram needs `bot_token` or `bot_token_file`",
            );
        }
        let chat_id = self.number(node, "chat_id").unwrap_or(0);
        if chat_id == 0
            && node
                .get("chat_id")
                .is_none_or(|node| node.as_text() == Some("0"))
        {
            self.error(node, "receiver", "Telegram needs `chat_id`");
        }
        let modes = "`Markdown`, `MarkdownV2`, `HTML`, or nothing";
        let parse_mode = self.parsed(node, "parse_mode", modes, |text| {
            matches!(text, "" | "Markdown" | "MarkdownV2" | "HTML").then(|| text.to_owned())
        });
        let api_url = self.url(node, "api_url");
        Some(Telegram {
            api_url: api_url.unwrap_or_else(|| global.telegram_api_url.clone()),
            chat_id,
            message_thread_id: self.number(node, "message_thread_id").unwrap_or(0),
            message: self.text_or(node, "message", &template("telegram", "message")),
            disable_notifications: self.flag(node, "disable_notifications").unwrap_or(false),
            parse_mode: parse_mode.unwrap_or_else(|| "HTML".to_owned()),
            http: self.http(node, &global.http),
            bot_token: bot_token?,
        })
    }

    pub(in crate::config) fn msteams(&mut self, node: &Node, global: &Global) -> Option<MsTeams> {
        if !self.section(node, "msteams_configs", MSTEAMS) {
            return None;
        }
        let webhook_url = self.webhook_url(node, "Microsoft Teams");
        Some(MsTeams {
            title: self.text_or(node, "title", &template("msteams", "title")),
            summary: self.text_or(node, "summary", &template("msteams", "summary")),
            text: self.text_or(node, "text", &template("msteams", "text")),
            http: self.http(node, &global.http),
            webhook_url: webhook_url?,
        })
    }

    pub(in crate::config) fn msteamsv2(
        &mut self,
        node: &Node,
        global: &Global,
    ) -> Option<MsTeamsV2> {
        if !self.section(node, "msteamsv2_configs", MSTEAMSV2) {
            return None;
        }
        let webhook_url = self.webhook_url(node, "Microsoft Teams");
        Some(MsTeamsV2 {
            title: self.text_or(node, "title", &template("msteamsv2", "title")),
            text: self.text_or(node, "text", &template("msteamsv2", "text")),
            http: self.http(node, &global.http),
            webhook_url: webhook_url?,
        })
    }
}
