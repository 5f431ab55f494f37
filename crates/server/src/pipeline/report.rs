//! A pipeline as the API shows it.

use crate::api::types::{StepReport, StepState};
use mainstay_pipeline::{Entry, Pipeline, State};

/// The lines in their order.
pub(crate) fn report(pipeline: &Pipeline) -> Vec<StepReport> {
    pipeline.entries().iter().map(line).collect()
}

fn line(entry: &Entry) -> StepReport {
    let (state, reason, by) = match &entry.state {
        State::Waiting => (StepState::Waiting, None, None),
        State::Running => (StepState::Running, None, None),
        State::Passed => (StepState::Passed, None, None),
        State::Failed { reason } => (StepState::Failed, Some(reason), None),
        State::NotDone { why } => (StepState::NotDone, Some(why), None),
        State::Waived { by, reason } => (StepState::Waived, Some(reason), Some(by)),
        State::Skipped { why } => (StepState::Skipped, Some(why), None),
    };
    StepReport {
        step: entry.part.step(),
        name: entry.part.to_string(),
        state,
        reason: reason.cloned(),
        by: by.cloned(),
        required: entry.required,
        started_at: entry.started_at,
        finished_at: entry.finished_at,
        evidence: entry.evidence.clone(),
    }
}
