//! The record of a release: where it came from, who agreed, each step with its time.
//!
//! As text for a terminal, and as Markdown to be kept elsewhere; both from the same values.

use crate::look::{Look, Tone};
use crate::render::quantity::{date, elapsed};
use crate::render::rollout;
use crate::render::table::{Entry, table};
use mainstay_server::api::types::{PipelineReport, Record, ReleaseDetail, StepReport, StepState};
use std::fmt::Write as _;

fn word(state: StepState) -> (Tone, &'static str) {
    match state {
        StepState::Waiting => (Tone::Faint, "waiting"),
        StepState::Running => (Tone::Warning, "running"),
        StepState::Passed => (Tone::Good, "passed"),
        StepState::Failed => (Tone::Bad, "failed"),
        StepState::NotDone => (Tone::Warning, "not done"),
        StepState::Waived => (Tone::Warning, "waived"),
        StepState::Skipped => (Tone::Faint, "skipped"),
    }
}

/// The step's number; hooks and the migration stand between the ten.
fn number(step: &StepReport) -> String {
    step.step
        .map_or_else(String::new, |step| step.number().to_string())
}

fn took(step: &StepReport) -> Option<String> {
    let (from, to) = (step.started_at?, step.finished_at?);
    Some(elapsed(to.since(from)))
}

/// Why it is not *passed*, else what was seen.
fn said(step: &StepReport) -> String {
    match (&step.reason, &step.by) {
        (Some(reason), Some(by)) => format!("{reason} (by {by})"),
        (Some(reason), None) => reason.clone(),
        (None, _) => step.evidence.join("; "),
    }
}

/// The whole of what is known beside the resolved stack.
pub fn text(detail: &ReleaseDetail, look: Look) -> String {
    let mut text = String::new();
    for (name, value) in origin(detail) {
        let _ = writeln!(text, "  {name:<8} {value}");
    }
    for pipeline in &detail.pipelines {
        let _ = write!(text, "\n{}\n{}\n", heading(pipeline), steps(pipeline, look));
    }
    if let Some(notes) = &detail.record.notes {
        let title = look.paint(Tone::Strong, "release notes");
        let _ = write!(text, "\n{title}\n\n{}", notes.text);
    }
    text
}

fn heading(pipeline: &PipelineReport) -> String {
    let operation = &pipeline.operation;
    let result = operation
        .outcome
        .as_ref()
        .map_or("runs", |outcome| rollout::result(outcome.result));
    let end = operation
        .outcome
        .as_ref()
        .map(|outcome| outcome.finished_at);
    let took = end.map_or_else(String::new, |end| {
        format!(" in {}", elapsed(end.since(operation.started_at)))
    });
    format!(
        "{} of {}: {result}{took}",
        rollout::kind(operation.kind),
        date(operation.started_at)
    )
}

fn steps(pipeline: &PipelineReport, look: Look) -> String {
    let rows = pipeline.steps.iter().map(|step| {
        let (tone, word) = word(step.state);
        vec![
            Entry::new(number(step)).right(),
            Entry::new(&step.name),
            Entry::new(word).tone(tone),
            Entry::optional(took(step)).right(),
            Entry::new(said(step)),
        ]
    });
    table(look, &["", "STEP", "STATE", "TOOK", "WHAT"], rows.collect())
}

/// Where it comes from and who agreed, as names and values.
fn origin(detail: &ReleaseDetail) -> Vec<(&'static str, String)> {
    let Record {
        promoted_from,
        dirty,
        branch,
        approvals,
        schema,
        ..
    } = &detail.record;
    let mut lines = Vec::new();
    if let Some(from) = promoted_from {
        let server = from.server.as_ref().map(|server| format!(" on {server}"));
        let server = server.unwrap_or_default();
        lines.push((
            "from",
            format!("{} of {}{server}, promoted", from.release, from.scope),
        ));
    }
    lines.extend(branch.clone().map(|branch| ("branch", branch)));
    if *dirty {
        lines.push(("files", "had changes that are in no commit".to_owned()));
    }
    for approved in approvals {
        let reason = approved.reason.as_ref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        lines.push((
            "approved",
            format!("{} by {}{reason}", date(approved.at), approved.by),
        ));
    }
    if let Some(schema) = schema {
        let word = |revision: &Option<String>| revision.clone().unwrap_or_else(|| "?".to_owned());
        lines.push((
            "schema",
            format!("{} → {}", word(&schema.before), word(&schema.after)),
        ));
    }
    if let Some(at) = detail.release.verified_at {
        lines.push(("verified", date(at)));
    }
    lines
}

/// The same as a document of its own.
pub fn markdown(detail: &ReleaseDetail, scope: &str) -> String {
    let release = &detail.release;
    let mut text = format!("# Release {} of {scope}\n\n", release.number);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "- **{name}:** {value}");
    };
    line("made", &format!("{} by {}", release.created_at, release.by));
    for (name, value) in [
        ("tag", &release.tag),
        ("commit", &release.commit),
        ("message", &release.description),
    ] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    for (name, value) in origin(detail) {
        line(name, &value);
    }
    for pipeline in &detail.pipelines {
        let _ = write!(
            text,
            "\n## {}\n\n{}",
            heading(pipeline),
            markdown_steps(pipeline)
        );
    }
    if let Some(notes) = &detail.record.notes {
        let _ = write!(text, "\n## Release notes\n\n{}", notes.text);
    }
    text
}

fn markdown_steps(pipeline: &PipelineReport) -> String {
    let mut text = String::from("| | step | state | took | |\n|---:|---|---|---:|---|\n");
    for step in &pipeline.steps {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            number(step),
            step.name,
            word(step.state).1,
            took(step).unwrap_or_default(),
            cell(&said(step))
        );
    }
    text
}

/// Nothing in it ends the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::{Step, Timestamp};

    fn step(step: Step, state: StepState, reason: Option<&str>) -> StepReport {
        StepReport {
            step: Some(step),
            name: step.to_string(),
            state,
            reason: reason.map(str::to_owned),
            by: (state == StepState::Waived).then(|| "user 0".to_owned()),
            required: true,
            started_at: Some(Timestamp::from_millis(0)),
            finished_at: Some(Timestamp::from_millis(1200)),
            evidence: vec!["a | b".to_owned()],
        }
    }

    #[test]
    fn each_state_says_why_and_how_long() {
        let rows = [
            (step(Step::Backup, StepState::Passed, None), "a | b"),
            (
                step(Step::LoadTest, StepState::NotDone, Some("no command")),
                "no command",
            ),
            (
                step(Step::Alerts, StepState::Waived, Some("none yet")),
                "none yet (by user 0)",
            ),
        ];
        for (step, words) in rows {
            assert_eq!(said(&step), words);
            assert_eq!(took(&step).as_deref(), Some("1.2 s"));
        }
        assert_eq!(cell("a | b\nc"), "a \\| b c");
    }
}
