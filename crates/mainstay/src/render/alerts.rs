//! Alerts and silences as people read them.

use crate::look::{Look, Tone};
use crate::render::quantity::{ago, elapsed};
use crate::render::table::{Entry, table};
use mainstay_alert::beyond::Recurring;
use mainstay_alert::engine::SilenceMatcher;
use mainstay_model::Timestamp;
use mainstay_server::api::types::{AlertWay, OnCallNow, ReceiverTested};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

pub type Labels = BTreeMap<String, String>;

/// Of Prometheus's `/api/v1/alerts`: what rules hold.
#[derive(Debug, Serialize, Deserialize)]
pub struct RuleAlerts {
    pub alerts: Vec<RuleAlert>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleAlert {
    pub labels: Labels,
    #[serde(default)]
    pub annotations: Labels,
    pub state: String,
    pub active_at: Option<Timestamp>,
}

/// Of Alertmanager's `/api/v2/alerts`: what people are told of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fired {
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: Timestamp,
    pub receivers: Vec<Receiver>,
    pub status: FiredStatus,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Receiver {
    pub name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FiredStatus {
    pub state: String,
    #[serde(default)]
    pub silenced_by: Vec<String>,
    #[serde(default)]
    pub inhibited_by: Vec<String>,
    #[serde(default)]
    pub muted_by: Vec<String>,
}

/// Both, as one list.
#[derive(Debug, Serialize)]
pub struct Listed {
    alerts: Vec<One>,
}

#[derive(Debug, Serialize)]
struct One {
    labels: Labels,
    summary: String,
    /// `firing`, `pending`, `suppressed`
    state: &'static str,
    since: Option<Timestamp>,
    receivers: Vec<String>,
    /// What keeps it quiet.
    quiet: Option<String>,
}

impl Listed {
    /// What fires as it is told, and what is pending beside it.
    pub fn of(rules: Vec<RuleAlert>, fired: Vec<Fired>) -> Self {
        let known: Vec<Labels> = fired.iter().map(|fired| fired.labels.clone()).collect();
        let mut alerts: Vec<One> = fired.into_iter().map(One::fired).collect();
        let others = rules.into_iter();
        let others = others.filter(|alert| !known.contains(&alert.labels));
        alerts.extend(others.map(One::of_rule));
        let severity = |one: &One| match one.labels.get("severity").map(String::as_str) {
            Some("critical") => 0,
            Some("warning") => 1,
            _ => 2,
        };
        let state = |one: &One| match one.state {
            "firing" => 0,
            "pending" => 1,
            _ => 2,
        };
        alerts.sort_by_key(|one| (state(one), severity(one), one.since));
        Self { alerts }
    }

    /// Whether something fires that is not kept quiet.
    pub fn is_anything_told(&self) -> bool {
        self.alerts.iter().any(|one| one.state == "firing")
    }
}

impl One {
    fn fired(fired: Fired) -> Self {
        let status = &fired.status;
        let quiet = [
            ("silenced by", &status.silenced_by),
            ("inhibited by", &status.inhibited_by),
            ("muted by", &status.muted_by),
        ];
        let quiet: Vec<String> = quiet
            .into_iter()
            .filter(|(_, by)| !by.is_empty())
            .map(|(words, by)| format!("{words} {}", by.join(", ")))
            .collect();
        Self {
            state: if status.state == "suppressed" {
                "suppressed"
            } else {
                "firing"
            },
            summary: summary(&fired.annotations),
            since: Some(fired.starts_at),
            receivers: fired.receivers.into_iter().map(|one| one.name).collect(),
            quiet: (!quiet.is_empty()).then(|| quiet.join("; ")),
            labels: fired.labels,
        }
    }

    fn of_rule(alert: RuleAlert) -> Self {
        Self {
            state: if alert.state == "firing" {
                "firing"
            } else {
                "pending"
            },
            summary: summary(&alert.annotations),
            since: alert.active_at,
            receivers: Vec::new(),
            quiet: None,
            labels: alert.labels,
        }
    }
}

fn summary(annotations: &Labels) -> String {
    let known = ["summary", "description", "message"];
    let found = known.iter().find_map(|name| annotations.get(*name));
    found.cloned().unwrap_or_default()
}

/// `Down{service="api"}`
pub fn labelled(labels: &Labels) -> String {
    let others = labels.iter();
    let others = others.filter(|(name, _)| !matches!(name.as_str(), "alertname" | "severity"));
    let others: Vec<String> = others
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let name = labels.get("alertname").map_or("", String::as_str);
    match others.len() {
        0 => name.to_owned(),
        _ => format!("{name}{{{}}}", others.join(", ")),
    }
}

pub fn list(listed: &Listed, now: Timestamp, look: Look) -> String {
    if listed.alerts.is_empty() {
        return "nothing fires and nothing is pending".to_owned();
    }
    let rows = listed.alerts.iter().map(|one| {
        let tone = match (one.state, one.labels.get("severity").map(String::as_str)) {
            ("firing", Some("critical")) => Tone::Bad,
            ("firing", _) => Tone::Warning,
            _ => Tone::Faint,
        };
        let told = match &one.quiet {
            Some(quiet) => quiet.clone(),
            None => one.receivers.join(", "),
        };
        vec![
            Entry::new(one.state).tone(tone),
            Entry::optional(one.labels.get("severity")),
            Entry::optional(one.since.map(|since| ago(since, now))),
            Entry::new(labelled(&one.labels)).tone(Tone::Strong),
            Entry::new(&one.summary),
            Entry::optional((!told.is_empty()).then_some(told)),
        ]
    });
    table(
        look,
        &[
            "STATE",
            "SEVERITY",
            "SINCE",
            "ALERT",
            "SUMMARY",
            "TOLD, OR WHY NOT",
        ],
        rows.collect(),
    )
}

/// The way of each alert, one station a line.
pub fn ways(ways: &[AlertWay], look: Look) -> String {
    let mut text = String::new();
    for way in ways {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let name = labelled(&way.labels);
        let _ = write!(text, "{}", look.paint(Tone::Strong, &name));
        for step in &way.steps {
            let (mark, tone) = if step.passes {
                ("✓", Tone::Good)
            } else {
                ("✗", Tone::Warning)
            };
            let at = step.at.map(|at| format!("{at} ")).unwrap_or_default();
            let word = step.station.word();
            let mark = look.paint(tone, mark);
            let _ = write!(text, "\n  {mark} {word:<10} {at}{}", step.text);
        }
    }
    text
}

/// What `silence add` answers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Amount {
    #[serde(rename = "silenceID")]
    pub id: String,
}

/// One silence.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub id: String,
    pub status: SilenceStatus,
    pub matchers: Vec<SilenceMatcher>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub created_by: String,
    pub comment: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SilenceStatus {
    pub state: String,
}

pub fn silences(silences: &[Shown], weekly: &[Recurring], now: Timestamp, look: Look) -> String {
    if silences.is_empty() && weekly.is_empty() {
        return "no silence holds".to_owned();
    }
    let once = silences.iter().map(|silence| {
        let (tone, time) = match silence.status.state.as_str() {
            "active" => (Tone::Good, format!("{} left", until(now, silence.ends_at))),
            "pending" => (
                Tone::Accent,
                format!("begins in {}", until(now, silence.starts_at)),
            ),
            _ => (Tone::Faint, ago(silence.ends_at, now)),
        };
        row(
            &silence.id,
            (tone, &silence.status.state),
            time,
            &silence.matchers,
            (&silence.created_by, &silence.comment),
        )
    });
    let again = weekly.iter().map(|silence| {
        let days: Vec<&str> = silence.weekdays.iter().map(|day| day_name(*day)).collect();
        let days = if days.is_empty() {
            "every day".to_owned()
        } else {
            days.join(",")
        };
        let (from, to, zone) = (&silence.from, &silence.to, &silence.zone);
        row(
            &silence.id,
            (Tone::Accent, "weekly"),
            format!("{days} {from}-{to} {zone}"),
            &silence.matchers,
            (&silence.created_by, &silence.comment),
        )
    });
    table(
        look,
        &["ID", "STATE", "TIME", "MATCHERS", "BY", "COMMENT"],
        once.chain(again).collect(),
    )
}

fn row(
    id: &str,
    (tone, state): (Tone, &str),
    time: String,
    matchers: &[SilenceMatcher],
    (by, comment): (&str, &str),
) -> Vec<Entry> {
    let matchers: Vec<String> = matchers.iter().map(matcher).collect();
    vec![
        Entry::new(id),
        Entry::new(state).tone(tone),
        Entry::new(time),
        Entry::new(matchers.join(" ")).tone(Tone::Strong),
        Entry::new(by),
        Entry::new(comment),
    ]
}

/// 0 is Sunday.
fn day_name(day: u8) -> &'static str {
    let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    names.get(usize::from(day)).copied().unwrap_or("?")
}

fn until(now: Timestamp, then: Timestamp) -> String {
    let left = (then.as_millis() - now.as_millis()).max(0);
    elapsed(Duration::from_millis(left.unsigned_abs()))
}

fn matcher(matcher: &SilenceMatcher) -> String {
    let operator = match (matcher.is_equal, matcher.is_regex) {
        (true, false) => "=",
        (false, false) => "!=",
        (true, true) => "=~",
        (false, true) => "!~",
    };
    format!("{}{operator}{:?}", matcher.name, matcher.value)
}

pub fn tested(receiver: &str, tested: &[ReceiverTested], look: Look) -> String {
    if tested.is_empty() {
        return format!("{receiver} has no integration: nobody would be told");
    }
    let lines = tested.iter().map(|one| match &one.error {
        None => format!("{} {}: told", look.paint(Tone::Good, "✓"), one.integration),
        Some(error) => format!(
            "{} {}: {error}",
            look.paint(Tone::Bad, "✗"),
            one.integration
        ),
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub fn on_call(all: &[OnCallNow], look: Look) -> String {
    if all.is_empty() {
        return "there is no rota; see `alerts.rotas` in server.yaml".to_owned();
    }
    let rows = all.iter().map(|one| {
        vec![
            Entry::new(&one.rota).tone(Tone::Strong),
            Entry::optional(one.person.as_ref()),
            Entry::optional(one.receiver.as_ref()),
            Entry::optional(one.from),
            Entry::optional(one.until),
        ]
    });
    let heads = ["ROTA", "PERSON", "TOLD BY", "FROM", "UNTIL"];
    table(look, &heads, rows.collect())
}
