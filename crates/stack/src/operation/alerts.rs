//! `alerts`: which rules are evaluated for the stack.
//!
//! The files are read here, like every file of the user; what stands in them is judged by whoever
//! knows rules.

use crate::decode::{flag, texts};
use crate::project::Reading;
use crate::resolved::{Alerts, RuleText};
use crate::tree::Node;
use mainstay_model::Problem;
use std::collections::BTreeSet;

/// Rule files of one stack.
const MOST_FILES: usize = 100;

pub(crate) fn alerts(reading: &mut Reading<'_>, tree: &Node) -> Alerts {
    let Some(section) = tree.get("alerts") else {
        return Alerts::default();
    };
    let mut alerts = Alerts {
        packs: texts(section.get("packs")),
        rules: Vec::new(),
        mute_in_windows: flag(section, "mute_in_windows").unwrap_or(false),
    };
    let Some(files) = section.get("rules") else {
        return alerts;
    };
    let mut seen = BTreeSet::new();
    for name in texts(Some(files)) {
        let at = &files.at;
        let path = at.path(&name);
        let problem = if alerts.rules.len() == MOST_FILES {
            Some(format!("more than {MOST_FILES} rule files"))
        } else if seen.insert(path.clone()) {
            None
        } else {
            Some(format!("`{name}` stands twice"))
        };
        if let Some(message) = problem {
            let problem = Problem::error("mainstay/value", message).at(at.place());
            reading.problems.push(problem);
            break;
        }
        let directory = reading.directory;
        let Some((text, source)) = reading.load(&path, directory, Some(at)) else {
            continue;
        };
        alerts.rules.push(RuleText {
            path: source.display.clone(),
            text,
        });
    }
    alerts
}
