//! A rollout: where it stands, and how it ended.

use crate::look::{Look, Tone};
use crate::render::quantity::elapsed;
use mainstay_server::api::types::{
    Event, Operation, OperationKind, OperationOutcome, OperationResult, RolloutProgress,
    RolloutStatus,
};
use std::fmt::Write as _;

/// `rollout status`
pub fn status(status: &RolloutStatus, look: Look) -> String {
    let mut text = format!("{}\n", look.paint(Tone::Strong, line(status)));
    for service in &status.services {
        let _ = writeln!(text, "  {}", progress(service));
    }
    if let Some(hold) = &status.hold {
        let _ = writeln!(text, "  {}", look.paint(Tone::Warning, hold));
    }
    if status.paused {
        let hint = look.paint(Tone::Accent, "hint:");
        let _ = writeln!(
            text,
            "  {hint} go on: mainstay rollout resume; go back: mainstay rollout abort"
        );
    }
    if let Some(outcome) = &status.operation.outcome {
        let tone = tone(outcome.result);
        let word = look.paint(tone, result(outcome.result));
        match reason(outcome) {
            Some(reason) => writeln!(text, "  {word}: {reason}"),
            None => writeln!(text, "  {word}"),
        }
        .unwrap_or_default();
    }
    text
}

/// One line, for a spinner: `r2 → r3: rolling app, 12 s`.
pub fn line(status: &RolloutStatus) -> String {
    let way = match status.from {
        Some(from) => format!("{from} → {}", status.to),
        None => status.to.to_string(),
    };
    format!("{way}: {}, {}", status.phase, elapsed(status.elapsed))
}

/// The same with what it waits for.
pub fn live(status: &RolloutStatus) -> String {
    match &status.hold {
        Some(hold) => format!("{}; {hold}", line(status)),
        None => line(status),
    }
}

/// `app: 1 of 2 new ready, 1 old left, 50 % of the traffic`
pub fn progress(service: &RolloutProgress) -> String {
    format!(
        "{}: {} of {} new ready, {} old left, {} % of the traffic",
        service.service,
        service.new_ready,
        service.new_wanted,
        service.old_left,
        service.traffic_percent
    )
}

pub fn result(result: OperationResult) -> &'static str {
    match result {
        OperationResult::Succeeded => "succeeded",
        OperationResult::Unchanged => "nothing had changed",
        OperationResult::RolledBack => "rolled back",
        OperationResult::Failed => "failed",
        OperationResult::Rejected => "rejected",
        OperationResult::Expired => "expired",
    }
}

fn tone(result: OperationResult) -> Tone {
    match result {
        OperationResult::Succeeded | OperationResult::Unchanged => Tone::Good,
        OperationResult::RolledBack => Tone::Warning,
        OperationResult::Failed | OperationResult::Rejected | OperationResult::Expired => Tone::Bad,
    }
}

pub fn kind(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Deploy => "deploy",
        OperationKind::Rollback => "rollback",
        OperationKind::Scale => "scale",
        OperationKind::Restart => "restart",
        OperationKind::Down => "down",
        OperationKind::Infra => "change of the infrastructure",
    }
}

/// The reason without the result that it begins with; `None` where it says nothing more.
pub fn reason(outcome: &OperationOutcome) -> Option<&str> {
    let reason = outcome.reason.strip_prefix(result(outcome.result));
    let reason = reason.unwrap_or(&outcome.reason);
    let reason = reason.trim_start_matches([':', ' ']);
    (!reason.is_empty()).then_some(reason)
}

/// How an operation ended: `deploy of release r3 succeeded in 4.2 s: …`.
pub fn ending(operation: &Operation, look: Look) -> String {
    let what = match operation.release {
        Some(release) if operation.kind != OperationKind::Down => {
            format!("{} to {release}", kind(operation.kind))
        }
        _ => kind(operation.kind).to_owned(),
    };
    let Some(outcome) = &operation.outcome else {
        return format!("{what} runs");
    };
    let word = look.paint(tone(outcome.result), result(outcome.result));
    let took = elapsed(outcome.finished_at.since(operation.started_at));
    let mut text = format!("{what}: {word} after {took}");
    if let Some(reason) = reason(outcome) {
        let _ = write!(text, ": {reason}");
    }
    text
}

/// One event as a line of progress; `None` for the last one, which the ending says in full.
pub fn event(event: &Event, look: Look) -> Option<String> {
    if event.kind.ends_with(".finished") || event.kind.ends_with(".unchanged") {
        return None;
    }
    let (tone, mark) = mark(&event.kind);
    Some(format!("{} {}", look.paint(tone, mark), event.message))
}

/// What kind of news it is; a kind of a later version is neither good nor bad.
fn mark(kind: &str) -> (Tone, &'static str) {
    match kind.rsplit('.').next().unwrap_or_default() {
        "admitted" | "service-done" | "committed" | "resumed" => (Tone::Good, "✓"),
        "rollback-began" | "forced" | "refused" | "evidence" => (Tone::Bad, "✗"),
        "held" | "paused" => (Tone::Warning, "…"),
        _ => (Tone::Faint, "·"),
    }
}
