//! What was: releases, events, log lines, tokens, the journal's verdict.

use crate::look::{Look, Tone};
use crate::render::quantity::{ago, clock, count, date};
use crate::render::table::{Entry, table};
use mainstay_model::{ServiceName, Timestamp};
use mainstay_server::api::types::{
    Event, ImageRecord, JournalVerdict, Release, ReleaseStatus, Role, Token,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How much of a commit people read.
const SHORT_COMMIT: usize = 9;

/// `releases`, newest first.
pub fn releases(releases: &[Release], now: Timestamp, look: Look) -> String {
    if releases.is_empty() {
        return "no release yet; make one: mainstay deploy".to_owned();
    }
    let rows = releases.iter().map(|release| {
        let (tone, word) = release_status(release.status);
        vec![
            Entry::new(release.number),
            Entry::new(word).tone(tone),
            Entry::new(ago(release.created_at, now)),
            Entry::new(&release.by),
            Entry::optional(release.tag.as_ref()),
            Entry::optional(release.commit.as_deref().map(short)),
            Entry::new(release.description.as_deref().unwrap_or_default()),
        ]
    });
    table(
        look,
        &[
            "RELEASE", "STATUS", "MADE", "BY", "TAG", "COMMIT", "MESSAGE",
        ],
        rows.collect(),
    )
}

/// The head of `releases show`.
pub fn release(release: &Release, look: Look) -> String {
    let (tone, word) = release_status(release.status);
    let number = look.paint(Tone::Strong, format!("release {}", release.number));
    let mut text = format!("{number}  {}\n", look.paint(tone, word));
    let _ = writeln!(
        text,
        "  made     {} by {}",
        date(release.created_at),
        release.by
    );
    let optional = [
        ("tag", &release.tag),
        ("commit", &release.commit),
        ("message", &release.description),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:<8} {value}");
        }
    }
    for (service, started) in &release.services {
        let _ = writeln!(text, "  {service}: instances of {started}");
    }
    text
}

/// What exactly each service runs, a line each.
pub fn images(images: &BTreeMap<ServiceName, ImageRecord>) -> String {
    let mut text = String::new();
    for (service, image) in images {
        let digest = image
            .digest
            .as_deref()
            .and_then(|digest| digest.split_once('@'));
        let known = digest.map_or("not pushed", |(_, digest)| digest);
        let _ = writeln!(
            text,
            "  {service}: image {} is {} ({known})",
            image.reference, image.id
        );
    }
    text
}

fn release_status(status: ReleaseStatus) -> (Tone, &'static str) {
    match status {
        ReleaseStatus::RollingOut => (Tone::Warning, "rolling out"),
        ReleaseStatus::Current => (Tone::Good, "current"),
        ReleaseStatus::Superseded => (Tone::Faint, "superseded"),
        ReleaseStatus::Failed => (Tone::Bad, "failed"),
    }
}

fn short(commit: &str) -> String {
    commit.chars().take(SHORT_COMMIT).collect()
}

/// One event of `events`.
pub fn event(event: &Event, look: Look) -> String {
    let time = look.paint(Tone::Faint, date(event.time));
    let scope = event
        .scope
        .as_ref()
        .map(|scope| format!("{scope} "))
        .unwrap_or_default();
    let release = event
        .release
        .map(|number| format!("{number} "))
        .unwrap_or_default();
    let actor = event
        .actor
        .as_ref()
        .map(|actor| format!(" ({actor})"))
        .unwrap_or_default();
    format!(
        "{time} {:>5} {scope}{release}{} {}{}",
        event.seq,
        look.paint(Tone::Accent, &event.kind),
        event.message,
        look.paint(Tone::Faint, actor),
    )
}

/// The beginning of a log line: time on request, and whose it is.
pub fn log_prefix(instance: &str, width: usize, time: Option<Timestamp>) -> String {
    let time = time
        .map(|time| format!("{} ", clock(time)))
        .unwrap_or_default();
    format!("{time}{instance:<width$} |")
}

/// `token list`
pub fn tokens(tokens: &[Token], now: Timestamp, look: Look) -> String {
    if tokens.is_empty() {
        return "no token; make one: mainstay token create NAME --role operator".to_owned();
    }
    let rows = tokens.iter().map(|token| {
        vec![
            Entry::new(&token.name),
            Entry::new(role(token.role)),
            Entry::new(ago(token.created_at, now)),
            Entry::new(&token.created_by),
        ]
    });
    table(look, &["NAME", "ROLE", "MADE", "BY"], rows.collect())
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

/// `journal verify`
pub fn verdict(verdict: &JournalVerdict, look: Look) -> String {
    let events = count(verdict.events as usize, "event");
    let problem = verdict.problem.as_deref().unwrap_or("no reason given");
    let result = if verdict.intact {
        format!(
            "{}: {events}, each chained to the one before",
            look.paint(Tone::Good, "intact")
        )
    } else {
        format!(
            "{}: {problem} ({events} read)",
            look.paint(Tone::Bad, "broken")
        )
    };
    format!("{result}\nhead {}", verdict.head)
}
