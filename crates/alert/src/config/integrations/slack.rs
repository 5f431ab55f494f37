//! `slack_configs`

use mainstay_model::{HttpConfig, SecretSource};
use mainstay_yaml::tree::Node;

use crate::config::fields::Fields;
use crate::config::global::Global;

/// A message with one attachment. All texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct Slack {
    pub api_url: SecretSource,
    pub channel: String,
    pub username: String,
    pub color: String,
    pub title: String,
    pub title_link: String,
    pub pretext: String,
    pub text: String,
    pub fields: Vec<SlackField>,
    /// What a field is that does not say whether it is short.
    pub short_fields: bool,
    pub footer: String,
    pub fallback: String,
    pub callback_id: String,
    pub icon_emoji: String,
    pub icon_url: String,
    pub image_url: String,
    pub thumb_url: String,
    pub link_names: bool,
    pub mrkdwn_in: Vec<String>,
    pub actions: Vec<SlackAction>,
    pub http: HttpConfig,
}

/// `fields`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackField {
    pub title: String,
    pub value: String,
    pub short: Option<bool>,
}

/// `actions`: a button, with an address or with a name and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackAction {
    pub kind: String,
    pub text: String,
    pub url: String,
    pub style: String,
    pub name: String,
    pub value: String,
    pub confirm: Option<SlackConfirm>,
}

/// `confirm`: asked before a button does what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackConfirm {
    pub text: String,
    pub title: String,
    pub ok_text: String,
    pub dismiss_text: String,
}

const KEYS: &[&str] = &[
    "send_resolved",
    "http_config",
    "api_url",
    "api_url_file",
    "channel",
    "username",
    "color",
    "title",
    "title_link",
    "pretext",
    "text",
    "fields",
    "short_fields",
    "footer",
    "fallback",
    "callback_id",
    "icon_emoji",
    "icon_url",
    "image_url",
    "thumb_url",
    "link_names",
    "mrkdwn_in",
    "actions",
    "app_token",
    "app_token_file",
    "app_url",
    "message_text",
    "timeout",
    "update_message",
];

const NEWER: &[(&str, &str)] = &[
    (
        "app_token",
        "use `api_url`, or `http_config` with `authorization`",
    ),
    ("app_token_file", "use `api_url_file`"),
    ("app_url", "use `api_url`"),
    ("message_text", "use `pretext`"),
    ("timeout", "every request has the same time"),
    (
        "update_message",
        "each notification is a message of its own",
    ),
];

impl Fields<'_> {
    pub(in crate::config) fn slack(&mut self, node: &Node, global: &Global) -> Option<Slack> {
        if node.is_null() || !self.section(node, "slack_configs", KEYS) {
            return None;
        }
        for (key, hint) in NEWER {
            self.unsupported(node, key, hint);
        }
        let wrong = node.get("api_url").is_some();
        let own = self.secret_url(node, "api_url");
        let api_url = own.or_else(|| global.slack_api_url.clone());
        if api_url.is_none() && !wrong {
            let hint = "give `api_url` here, or `slack_api_url` in `global`";
            self.mend(node, "receiver", "Slack has no address", hint);
        }
        let template = |name: &str| format!("{{{{ template \"slack.default.{name}\" . }}}}");
        let color = "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}";
        let fields = self.list(node, "fields").iter();
        let fields = fields.filter_map(|node| self.slack_field(node)).collect();
        let actions = self.list(node, "actions").iter();
        let actions = actions.filter_map(|node| self.slack_action(node)).collect();
        Some(Slack {
            channel: self.text_or(node, "channel", ""),
            username: self.text_or(node, "username", &template("username")),
            color: self.text_or(node, "color", color),
            title: self.text_or(node, "title", &template("title")),
            title_link: self.text_or(node, "title_link", &template("titlelink")),
            pretext: self.text_or(node, "pretext", &template("pretext")),
            text: self.text_or(node, "text", &template("text")),
            fields,
            short_fields: self.flag(node, "short_fields").unwrap_or(false),
            footer: self.text_or(node, "footer", &template("footer")),
            fallback: self.text_or(node, "fallback", &template("fallback")),
            callback_id: self.text_or(node, "callback_id", &template("callbackid")),
            icon_emoji: self.text_or(node, "icon_emoji", &template("iconemoji")),
            icon_url: self.text_or(node, "icon_url", &template("iconurl")),
            image_url: self.text_or(node, "image_url", ""),
            thumb_url: self.text_or(node, "thumb_url", ""),
            link_names: self.flag(node, "link_names").unwrap_or(false),
            mrkdwn_in: self
                .texts(node, "mrkdwn_in")
                .into_iter()
                .map(|(_, text)| text)
                .collect(),
            actions,
            http: self.http(node, &global.http),
            api_url: api_url?,
        })
    }

    fn slack_field(&mut self, node: &Node) -> Option<SlackField> {
        if !self.section(node, "fields", &["title", "value", "short"]) {
            return None;
        }
        let field = SlackField {
            title: self.text_or(node, "title", ""),
            value: self.text_or(node, "value", ""),
            short: self.flag(node, "short"),
        };
        self.needs(
            node,
            "a field",
            &[("title", &field.title), ("value", &field.value)],
        );
        Some(field)
    }

    fn slack_action(&mut self, node: &Node) -> Option<SlackAction> {
        let keys = ["type", "text", "url", "style", "name", "value", "confirm"];
        if !self.section(node, "actions", &keys) {
            return None;
        }
        let confirm = node
            .get("confirm")
            .and_then(|node| self.slack_confirm(node));
        let mut action = SlackAction {
            kind: self.text_or(node, "type", ""),
            text: self.text_or(node, "text", ""),
            url: self.text_or(node, "url", ""),
            style: self.text_or(node, "style", ""),
            name: self.text_or(node, "name", ""),
            value: self.text_or(node, "value", ""),
            confirm,
        };
        self.needs(
            node,
            "an action",
            &[("type", &action.kind), ("text", &action.text)],
        );
        if action.url.is_empty() && action.name.is_empty() {
            self.error(node, "receiver", "an action of Slack needs `name` or `url`");
        }
        // An address makes it a link; what stands beside it is left out, as Alertmanager does.
        if !action.url.is_empty() {
            (action.name, action.value, action.confirm) = (String::new(), String::new(), None);
        }
        Some(action)
    }

    fn slack_confirm(&mut self, node: &Node) -> Option<SlackConfirm> {
        if !self.section(
            node,
            "confirm",
            &["text", "title", "ok_text", "dismiss_text"],
        ) {
            return None;
        }
        let confirm = SlackConfirm {
            text: self.text_or(node, "text", ""),
            title: self.text_or(node, "title", ""),
            ok_text: self.text_or(node, "ok_text", ""),
            dismiss_text: self.text_or(node, "dismiss_text", ""),
        };
        self.needs(node, "a confirmation", &[("text", &confirm.text)]);
        Some(confirm)
    }

    fn needs(&mut self, node: &Node, what: &str, values: &[(&str, &str)]) {
        for (key, value) in values {
            if value.is_empty() {
                self.error(node, "receiver", format!("{what} of Slack needs `{key}`"));
            }
        }
    }
}
