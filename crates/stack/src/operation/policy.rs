//! `environments.NAME.policy`: read, with the purpose's defaults filled in.

use crate::check::found;
use crate::decode::{duration, flag, text, texts};
use crate::policy::{
    Approval, ApproverRole, AutoDeploy, Clock, Day, DeployTime, EXPIRES, Policy, TagPattern, Window,
};
use crate::request::Purpose;
use crate::tree::{Node, as_bool};
use mainstay_model::{Problem, Problems};

/// More people than this agree to nothing.
const MOST_APPROVALS: u32 = 20;

/// The policy of one environment; `node` is its entry.
pub(super) fn policy(node: &Node, purpose: Purpose, problems: &mut Problems) -> Policy {
    let default = Policy::of(purpose);
    let Some(node) = node.get("policy") else {
        return default;
    };
    let windows = node.get("windows").map(|list| windows(list, problems));
    let policy = Policy {
        approval: node
            .get("approval")
            .and_then(|node| approval(node, problems)),
        tags_only: node.get("tags_only").and_then(pattern),
        windows: windows.unwrap_or(default.windows),
        deploys: match text(node, "deploys").as_deref() {
            Some("in-windows") => DeployTime::InWindows,
            _ => DeployTime::Anytime,
        },
        auto_deploy: node.get("auto_deploy").map(|node| AutoDeploy {
            branches: texts(node.get("branch"))
                .into_iter()
                .map(TagPattern::new)
                .collect(),
        }),
    };
    if policy.deploys == DeployTime::InWindows
        && policy.windows.is_empty()
        && let Some(asked) = node.get("deploys")
    {
        let message = "`deploys: in-windows` allows nothing where there is no window";
        let problem = Problem::error("mainstay/value", message).at(asked.at.place());
        problems.push(
            problem.hint("add one: `windows: [{days: sun, from: \"04:00\", to: \"06:00\"}]`"),
        );
    }
    policy
}

/// `true` is every version tag.
fn pattern(node: &Node) -> Option<TagPattern> {
    let text = node.as_text()?;
    match as_bool(text) {
        Some(true) => Some(TagPattern::new("v*")),
        Some(false) => None,
        None => Some(TagPattern::new(text)),
    }
}

/// `None`: none is needed, or what is written makes no sense and was reported.
fn approval(node: &Node, problems: &mut Problems) -> Option<Approval> {
    let count = match node.get("count").and_then(Node::as_text) {
        None | Some("required" | "true" | "yes") => Some(1),
        Some("none" | "false" | "no") => return None,
        Some(text) => text.parse().ok(),
    };
    let Some(count @ 1..=MOST_APPROVALS) = count else {
        let at = node.get("count").map_or(&node.at, |count| &count.at);
        let message = format!("approvals are 1 to {MOST_APPROVALS}");
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint("`approval: required`, or how many people have to agree"));
        return None;
    };
    Some(Approval {
        count,
        role: match text(node, "role").as_deref() {
            Some("operator") => ApproverRole::Operator,
            _ => ApproverRole::Admin,
        },
        self_approval: flag(node, "self_approval").unwrap_or(false),
        expires: duration(node, "expires").unwrap_or(EXPIRES),
    })
}

fn windows(list: &Node, problems: &mut Problems) -> Vec<Window> {
    let items = list.items().iter();
    items.filter_map(|item| window(item, problems)).collect()
}

fn window(node: &Node, problems: &mut Problems) -> Option<Window> {
    let days: Vec<Day> = texts(node.get("days"))
        .iter()
        .filter_map(|day| day.parse().ok())
        .collect();
    let (from, to) = (clock(node, "from", problems), clock(node, "to", problems));
    let zone = text(node, "zone").unwrap_or_else(|| "UTC".to_owned());
    if !Window::knows_zone(&zone) {
        let at = node.get("zone").map_or(&node.at, |zone| &zone.at);
        let message = format!("no time zone `{}`", crate::check::shown(&zone));
        let problem = Problem::error("mainstay/value", message).at(at.place());
        problems.push(problem.hint("write its IANA name, such as `Europe/Berlin`, or `UTC`"));
        return None;
    }
    Some(Window {
        days: if days.is_empty() {
            Day::ALL.to_vec()
        } else {
            days
        },
        from: from?,
        to: to?,
        zone,
    })
}

fn clock(node: &Node, key: &str, problems: &mut Problems) -> Option<Clock> {
    let Some(value) = node.get(key) else {
        let problem = Problem::error("mainstay/value", format!("a window needs `{key}`"));
        let problem = problem.at(node.at.place());
        problems.push(problem.hint("such as `{days: sun, from: \"04:00\", to: \"06:00\"}`"));
        return None;
    };
    let clock = value.as_text().and_then(|text| text.parse().ok());
    if clock.is_none() {
        let found = value.scalar().map(found).unwrap_or_default();
        let message = format!("`{key}` must be a time of day, found {found}");
        let problem = Problem::error("mainstay/value", message).at(value.at.place());
        problems.push(problem.hint("in 24 hours and in quotes, such as `\"04:00\"`"));
    }
    clock
}
