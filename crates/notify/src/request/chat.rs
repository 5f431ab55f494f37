//! Discord, Telegram, Microsoft Teams: a message in a channel.
//!
//! Sources: Discord's webhook resource and its limits of embeds; Telegram's Bot API, `sendMessage`;
//! Microsoft's references of message cards, adaptive cards and the size of webhook messages.

use mainstay_alert::config::{Discord, MsTeams, MsTeamsV2, Telegram};
use serde_json::{Value, json};

use super::{Object, Request};
use crate::{Failure, Message, limit};

const DISCORD_TITLE_CHARS: usize = 256;
const DISCORD_TEXT_CHARS: usize = 4096;
const DISCORD_CONTENT_CHARS: usize = 2000;
const DISCORD_NAME_CHARS: usize = 80;
const DISCORD_RED: u32 = 0x00c0_392b;
const DISCORD_GREEN: u32 = 0x0027_ae60;

pub(super) fn discord(
    discord: &Discord,
    message: &Message<'_>,
    url: &str,
) -> Result<Request, Failure> {
    let text = |name: &str, text: &str, most: usize| {
        message
            .text(name, text)
            .map(|text| limit::chars(&text, most))
    };
    let color = if message.firing() {
        DISCORD_RED
    } else {
        DISCORD_GREEN
    };
    let embed = json!({
        "title": text("title", &discord.title, DISCORD_TITLE_CHARS)?,
        "description": text("message", &discord.message, DISCORD_TEXT_CHARS)?,
        "color": color,
    });
    let body = Object::default()
        .put(
            "content",
            text("content", &discord.content, DISCORD_CONTENT_CHARS)?,
        )
        .put("embeds", vec![embed])
        .text(
            "username",
            text("username", &discord.username, DISCORD_NAME_CHARS)?,
        )
        .text(
            "avatar_url",
            message.text("avatar_url", &discord.avatar_url)?,
        );
    Ok(Request::post(url, &body.value()))
}

const TELEGRAM_CHARS: usize = 4096;
/// What is said where markup cannot be cut.
const TELEGRAM_TOO_LONG: &str = "{{ template \"__subject\" . }}\n\nThe message is longer than Telegram takes; see {{ .ExternalURL }}";

pub(super) fn telegram(
    telegram: &Telegram,
    message: &Message<'_>,
    token: &str,
) -> Result<Request, Failure> {
    let text = if telegram.parse_mode == "HTML" {
        let text = message.html("message", &telegram.message)?;
        if text.chars().count() <= TELEGRAM_CHARS {
            text
        } else {
            message.html("message", TELEGRAM_TOO_LONG)?
        }
    } else {
        limit::chars(&message.text("message", &telegram.message)?, TELEGRAM_CHARS)
    };
    let body = Object::default()
        .put("chat_id", telegram.chat_id)
        .put("text", text)
        .text("parse_mode", telegram.parse_mode.clone())
        .put("disable_notification", telegram.disable_notifications)
        .put("link_preview_options", json!({"is_disabled": true}));
    let body = match telegram.message_thread_id {
        0 => body,
        thread => body.put("message_thread_id", thread),
    };
    let api = telegram.api_url.trim_end_matches('/');
    Ok(Request::post(
        format!("{api}/bot{token}/sendMessage"),
        &body.value(),
    ))
}

/// Of a whole message.
const TEAMS_BYTES: usize = 28 * 1024;

/// A card whose text is cut until the message is no longer than Teams takes.
fn fitting(url: &str, text: &str, card: impl Fn(&str) -> Value) -> Request {
    let mut most = TEAMS_BYTES;
    loop {
        let request = Request::post(url, &card(&limit::bytes(text, most)));
        let over = request.body.expose().len().saturating_sub(TEAMS_BYTES);
        if over == 0 || most == 0 {
            return request;
        }
        most = most.min(text.len()).saturating_sub(over);
    }
}

pub(super) fn teams(teams: &MsTeams, message: &Message<'_>, url: &str) -> Result<Request, Failure> {
    let title = message.text("title", &teams.title)?;
    let summary = message.text("summary", &teams.summary)?;
    let text = message.text("text", &teams.text)?;
    let color = if message.firing() { "C0392B" } else { "27AE60" };
    Ok(fitting(url, &text, |text| {
        json!({
            "@context": "http://schema.org/extensions",
            "@type": "MessageCard",
            "type": "MessageCard",
            "title": title,
            "summary": summary,
            "text": text,
            "themeColor": color,
        })
    }))
}

pub(super) fn teams_v2(
    teams: &MsTeamsV2,
    message: &Message<'_>,
    url: &str,
) -> Result<Request, Failure> {
    let title = message.text("title", &teams.title)?;
    let text = message.text("text", &teams.text)?;
    let color = if message.firing() {
        "Attention"
    } else {
        "Good"
    };
    Ok(fitting(url, &text, |text| {
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.2",
                    "msteams": {"width": "full"},
                    "body": [
                        {
                            "type": "TextBlock", "text": title, "weight": "Bolder", "size": "Medium",
                            "wrap": true, "style": "heading", "color": color,
                        },
                        {"type": "TextBlock", "text": text, "wrap": true},
                    ],
                },
            }],
        })
    }))
}
