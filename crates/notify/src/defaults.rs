//! The texts that are sent where a receiver does not say its own: templates under the names that
//! Alertmanager's have, so that a user's file takes the place of any of them.

use mainstay_template::{TemplateError, Templates, alertmanager};

const FILES: [(&str, &str); 2] = [
    ("default.tmpl", include_str!("default.tmpl")),
    ("email.tmpl", include_str!("email.tmpl")),
];

/// What they define.
pub const NAMES: &[&str] = &[
    "__alertmanager",
    "__alertmanagerURL",
    "__description",
    "__subject",
    "__text_alert_list",
    "__text_alert_list_markdown",
    "discord.default.content",
    "discord.default.message",
    "discord.default.title",
    "email.default.html",
    "email.default.subject",
    "msteams.default.summary",
    "msteams.default.text",
    "msteams.default.title",
    "msteamsv2.default.text",
    "msteamsv2.default.title",
    "opsgenie.default.description",
    "opsgenie.default.message",
    "opsgenie.default.source",
    "pagerduty.default.client",
    "pagerduty.default.clientURL",
    "pagerduty.default.description",
    "pagerduty.default.instances",
    "slack.default.callbackid",
    "slack.default.color",
    "slack.default.fallback",
    "slack.default.footer",
    "slack.default.iconemoji",
    "slack.default.iconurl",
    "slack.default.pretext",
    "slack.default.text",
    "slack.default.title",
    "slack.default.titlelink",
    "slack.default.username",
    "telegram.default.message",
];

/// The defaults, and over them the user's files: names and texts, in their order.
pub fn templates<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Templates, TemplateError> {
    let mut templates = alertmanager::templates();
    for (name, text) in FILES.into_iter().chain(files) {
        templates.add(name, text)?;
    }
    Ok(templates)
}
