//! When a process is started again.
//!
//! Left out, Compose never restarts; here it is `always` but for a service that is to complete:
//! to keep a stack up is what Mainstay is for (see the reference page).

use super::{Context, duration, number, text};
use crate::resolved::{Restart, RestartCondition};
use crate::tree::Node;
use mainstay_model::{Problem, did_you_mean};
use std::time::Duration;

pub(super) fn restart(context: &mut Context<'_, '_>, service: &Node, one_shot: bool) -> Restart {
    let mut restart = Restart {
        condition: if one_shot {
            RestartCondition::No
        } else {
            RestartCondition::Always
        },
        delay: Duration::from_secs(1),
        max_attempts: 5,
        window: Duration::from_mins(2),
    };
    if let Some(node) = service.get("restart") {
        simple(context, node, &mut restart);
    }
    let policy = service
        .get("deploy")
        .and_then(|deploy| deploy.get("restart_policy"));
    if let Some(policy) = policy {
        restart.condition = match text(policy, "condition").as_deref() {
            Some("none" | "no") => RestartCondition::No,
            Some("on-failure") => RestartCondition::OnFailure,
            Some("unless-stopped") => RestartCondition::UnlessStopped,
            _ => RestartCondition::Always,
        };
        restart.delay = duration(policy, "delay").unwrap_or(restart.delay);
        restart.max_attempts = number(policy, "max_attempts").unwrap_or(restart.max_attempts);
        restart.window = duration(policy, "window").unwrap_or(restart.window);
    }
    restart
}

/// `no`, `always`, `unless-stopped`, `on-failure[:TIMES]`
fn simple(context: &mut Context<'_, '_>, node: &Node, restart: &mut Restart) {
    let text = node.as_text().unwrap_or_default();
    let (word, times) = match text.split_once(':') {
        Some((word, times)) => (word, Some(times)),
        None => (text, None),
    };
    let condition = match word {
        "no" | "false" => Some(RestartCondition::No),
        "always" => Some(RestartCondition::Always),
        "unless-stopped" => Some(RestartCondition::UnlessStopped),
        "on-failure" => Some(RestartCondition::OnFailure),
        _ => None,
    };
    let times = times.map(str::parse::<u32>);
    match (condition, times) {
        (Some(condition), None) => restart.condition = condition,
        (Some(RestartCondition::OnFailure), Some(Ok(times))) => {
            restart.condition = RestartCondition::OnFailure;
            restart.max_attempts = times;
        }
        _ => {
            let known = ["no", "always", "unless-stopped", "on-failure"];
            let found = node.scalar().map(crate::check::found).unwrap_or_default();
            let problem = Problem::error("compose/value", format!("{found} is no restart policy"));
            let hint = match did_you_mean(word, known).filter(|near| *near != word) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`no`, `always`, `unless-stopped` or `on-failure:3`".to_owned(),
            };
            context.problem(node, problem.hint(hint));
        }
    }
}
