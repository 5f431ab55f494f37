//! `deploy.pipeline` and `deploy.migrations`.

use super::health::unknown;
use crate::decode::{Found, command, duration, flag, text};
use crate::request::Purpose;
use crate::resolved::{Migrations, PipelineMode, StepRules};
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName, Step, did_you_mean};
use std::collections::BTreeMap;
use std::time::Duration;

/// Steps that have commands of the user's.
const WITH_COMMANDS: [Step; 6] = [
    Step::PreChecks,
    Step::Configuration,
    Step::Backup,
    Step::Health,
    Step::LoadTest,
    Step::Alerts,
];
const TIMEOUT: Duration = Duration::from_mins(10);

pub(super) fn mode(section: &Node, purpose: Purpose) -> PipelineMode {
    let mode = section.get("pipeline").and_then(|node| text(node, "mode"));
    match mode.as_deref() {
        Some("full") => PipelineMode::Full,
        None if purpose.is_guarded() => PipelineMode::Full,
        _ => PipelineMode::None,
    }
}

/// The rules of all ten steps.
pub(super) fn steps(
    section: &Node,
    purpose: Purpose,
    problems: &mut Problems,
) -> BTreeMap<Step, StepRules> {
    let nothing = Node::empty_map(section.at.clone());
    let pipeline = section.get("pipeline").unwrap_or(&nothing);
    let written = pipeline.get("steps").unwrap_or(&nothing);
    for entry in written.entries() {
        if let Err(error) = entry.key.parse::<Step>() {
            let problem = Problem::error("mainstay/unknown-step", error.to_string());
            let problem = problem.at(entry.at.place());
            problems.push(match did_you_mean(&entry.key, Step::WORDS) {
                Some(word) => problem.hint(format!("did you mean `{word}`?")),
                None => problem,
            });
        }
    }
    Step::ALL
        .into_iter()
        .map(|step| {
            let node = written.get(step.word()).unwrap_or(&nothing);
            (step, rules(step, node, purpose, problems))
        })
        .collect()
}

fn rules(step: Step, node: &Node, purpose: Purpose, problems: &mut Problems) -> StepRules {
    let written = node.get("command");
    if let Some(written) = written
        && !WITH_COMMANDS.contains(&step)
    {
        let words = WITH_COMMANDS.map(Step::word);
        let message = format!("step `{step}` takes no command");
        let problem = Problem::error("mainstay/value", message).at(written.at.place());
        problems.push(problem.hint(format!("{} do", crate::check::list(&words))));
    }
    if let Some(waived) = node.get("waive") {
        let empty = waived.as_text().is_none_or(|text| text.trim().is_empty());
        if step == Step::Update || empty {
            let message = match step {
                Step::Update => "`update` cannot be waived: it is the deploy itself",
                _ => "`waive` must say why the step is left out",
            };
            problems.push(Problem::error("mainstay/value", message).at(waived.at.place()));
        }
    }
    let commands = written.map(Node::items).unwrap_or_default();
    StepRules {
        commands: commands
            .iter()
            .filter_map(|item| command(item, problems))
            .filter(|words| !words.is_empty())
            .collect(),
        timeout: duration(node, "timeout").unwrap_or(TIMEOUT),
        required: flag(node, "required")
            .unwrap_or(purpose.is_guarded() || step == Step::Update || step == Step::Health),
        waive: text(node, "waive").filter(|_| step != Step::Update),
    }
}

pub(super) fn migrations(
    section: &Node,
    services: &BTreeMap<ServiceName, Found>,
    problems: &mut Problems,
) -> Option<Migrations> {
    let node = section.get("migrations")?;
    let mut words = |key: &str| {
        let words = node.get(key).and_then(|node| command(node, problems));
        words.filter(|words| !words.is_empty())
    };
    let (run, downgrade, revision) = (words("command"), words("downgrade"), words("revision"));
    let service = text(node, "service");
    let known = service
        .as_deref()
        .and_then(|name| services.get_key_value(name));
    let missing = match (&service, known) {
        (None, _) => Some("`service` is missing: whose program and variables the commands have"),
        (Some(name), None) => {
            let at = node.get("service").map_or(&node.at, |node| &node.at);
            let names = services.keys().map(ServiceName::as_str);
            problems.push(unknown(name, names).at(at.place()));
            return None;
        }
        _ if run.is_none() => Some("`command` is missing: what brings the schema up to date"),
        _ => None,
    };
    if let Some(missing) = missing {
        let message = format!("`migrations`: {missing}");
        problems.push(Problem::error("mainstay/value", message).at(node.at.place()));
    }
    if run.is_some() && revision.is_none() {
        let message =
            "`migrations` has no `revision`: no rollback can be refused for the schema's sake";
        let problem = Problem::warning("mainstay/no-revision", message).at(node.at.place());
        problems.push(problem.hint("add the command that prints it, such as `alembic current`"));
    }
    Some(Migrations {
        service: known?.0.clone(),
        command: run?,
        downgrade,
        revision,
        timeout: duration(node, "timeout").unwrap_or(TIMEOUT),
    })
}
