//! Which steps a rollout takes, from the stack's rules and what is there to do them with. Pure.

use crate::api::types::OperationKind;
use crate::backups;
use mainstay_model::Step;
use mainstay_pipeline::{How, Part, Plan, Planned};
use mainstay_stack::{PipelineMode, Stack, StepRules};
use std::collections::BTreeMap;

/// What decides about the steps, beside the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub kind: OperationKind,
    /// Nothing ran before.
    pub first: bool,
    /// The watch has a length.
    pub watched: bool,
    /// The client sent notes.
    pub notes: bool,
    /// The schema is to be changed: by the migration, or back by a downgrade.
    pub migrates: bool,
    /// `--waive`, and whose.
    pub waived: &'a BTreeMap<Step, String>,
    pub by: &'a str,
}

pub(crate) fn plan(stack: &Stack, facts: Facts<'_>) -> Plan {
    let hooks = &stack.deploy.hooks;
    let parts = Part::ALL.into_iter().filter_map(|part| {
        let Some(step) = part.step() else {
            let wanted = match part {
                Part::HooksBefore => !hooks.before.is_empty(),
                Part::HooksAfter => !hooks.after.is_empty(),
                _ => facts.migrates,
            };
            return wanted.then(|| Planned::new(part, How::Do));
        };
        let rules = rules(stack, step);
        Some(Planned {
            part,
            how: how(stack, step, rules, facts),
            required: rules.is_some_and(|rules| rules.required),
        })
    });
    Plan {
        parts: parts.collect(),
    }
}

/// `None` in stacks that an older version sealed.
pub(crate) fn rules(stack: &Stack, step: Step) -> Option<&StepRules> {
    stack.deploy.steps.get(&step)
}

fn how(stack: &Stack, step: Step, rules: Option<&StepRules>, facts: Facts<'_>) -> How {
    if let Some(reason) = facts.waived.get(&step) {
        let (by, reason) = (facts.by.to_owned(), reason.clone());
        return How::Waived { by, reason };
    }
    if let Some(reason) = rules.and_then(|rules| rules.waive.clone()) {
        let by = "mainstay.yaml".to_owned();
        return How::Waived { by, reason };
    }
    let skip = |why: &str| How::Skipped {
        why: why.to_owned(),
    };
    let commands = rules.is_some_and(|rules| !rules.commands.is_empty());
    let full = stack.deploy.pipeline == PipelineMode::Full;
    match step {
        Step::Watch if facts.first => skip("there is nothing to go back to yet"),
        Step::Watch if !facts.watched => skip("`deploy.watch` is 0s"),
        Step::Update | Step::Watch | Step::Health => How::Do,
        Step::PreChecks if facts.kind == OperationKind::Rollback => How::Do,
        _ if facts.kind == OperationKind::Rollback => skip("a rollback does without"),
        Step::ReleaseNotes if facts.notes => How::Do,
        Step::Backup if backups::is_wanted(stack, facts.migrates) => How::Do,
        _ if !full && !commands => skip("`deploy.pipeline` is `none` here"),
        Step::PreChecks | Step::Configuration | Step::RollbackPlan => How::Do,
        Step::ReleaseNotes => How::Missing {
            why: "the stack is in no repository of version control".to_owned(),
            hint: "deploy from a git checkout".to_owned(),
        },
        Step::Backup | Step::LoadTest | Step::Alerts if commands => How::Do,
        Step::Backup | Step::LoadTest | Step::Alerts => How::Missing {
            why: match step {
                Step::Backup => {
                    "`backups` is off here or has no source, and there is no command for it"
                        .to_owned()
                }
                _ => "there is no command for it".to_owned(),
            },
            hint: format!(
                "give it one (`deploy.pipeline.steps.{step}.command`), or leave it out on purpose: `--waive {step} --reason …`, or `waive: …` there"
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::time::Duration;

    fn rules(required: bool) -> StepRules {
        StepRules {
            commands: Vec::new(),
            timeout: Duration::from_secs(60),
            required,
            waive: None,
        }
    }

    fn production() -> Stack {
        let mut stack = testing::stack([]);
        stack.deploy.pipeline = PipelineMode::Full;
        stack.deploy.steps = Step::ALL.map(|step| (step, rules(true))).into();
        stack
    }

    fn facts(waived: &BTreeMap<Step, String>) -> Facts<'_> {
        Facts {
            kind: OperationKind::Deploy,
            first: false,
            watched: true,
            notes: true,
            migrates: false,
            waived,
            by: "user 0",
        }
    }

    #[test]
    fn production_refuses_what_has_no_command_and_takes_a_waiver_by_name() {
        let mut waived = BTreeMap::new();
        let refused = |stack: &Stack, waived: &BTreeMap<Step, String>| {
            let refusals = plan(stack, facts(waived)).refusals();
            refusals
                .iter()
                .map(|one| one.part.to_string())
                .collect::<Vec<_>>()
        };
        let mut stack = production();
        assert_eq!(refused(&stack, &waived), ["backup", "load-test", "alerts"]);
        waived.insert(Step::Alerts, "none yet".to_owned());
        if let Some(rules) = stack.deploy.steps.get_mut(&Step::Backup) {
            rules.commands.push(vec!["true".to_owned()]);
        }
        if let Some(rules) = stack.deploy.steps.get_mut(&Step::LoadTest) {
            rules.waive = Some("too small".to_owned());
        }
        assert_eq!(refused(&stack, &waived), [""; 0]);
    }

    #[test]
    fn without_the_pipeline_only_what_is_needed_is_done() {
        let mut stack = production();
        stack.deploy.pipeline = PipelineMode::None;
        let waived = BTreeMap::new();
        let mut facts = facts(&waived);
        facts.notes = false;
        let plan = plan(&stack, facts);
        assert!(plan.refusals().is_empty());
        let done: Vec<Part> = plan
            .parts
            .iter()
            .filter(|planned| planned.how == How::Do)
            .map(|planned| planned.part)
            .collect();
        assert_eq!(done, [Part::Update, Part::Health, Part::Watch]);
    }

    #[test]
    fn a_rollback_checks_moves_and_verifies() {
        let (stack, waived) = (production(), BTreeMap::new());
        let facts = Facts {
            kind: OperationKind::Rollback,
            migrates: true,
            ..facts(&waived)
        };
        let done: Vec<Part> = plan(&stack, facts)
            .parts
            .into_iter()
            .filter(|planned| planned.how == How::Do)
            .map(|planned| planned.part)
            .collect();
        let expected = [
            Part::PreChecks,
            Part::Migration,
            Part::Update,
            Part::Health,
            Part::Watch,
        ];
        assert_eq!(done, expected);
    }
}
