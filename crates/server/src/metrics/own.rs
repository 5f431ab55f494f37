//! Mainstay's own metrics, in Prometheus's text format.

use crate::api::types::EnvironmentState;
use crate::control::Control;
use crate::keeper::phase_word;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The control plane's numbers; label values are names, which need no escaping.
pub(crate) fn text(control: &Control) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, rows: Vec<(String, f64)>| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in rows {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    family(
        "mainstay_build_info",
        "Version of the control plane.",
        vec![(version, 1.0)],
    );
    let summaries = control.summaries();
    let scope = |scope: &mainstay_model::Scope| {
        format!(
            "stack=\"{}\",environment=\"{}\"",
            scope.stack, scope.environment
        )
    };
    family(
        "mainstay_environment_up",
        "1 where everything wanted is healthy.",
        summaries
            .iter()
            .map(|summary| {
                let up = summary.state == EnvironmentState::Up;
                (scope(&summary.scope), f64::from(u8::from(up)))
            })
            .collect(),
    );
    family(
        "mainstay_environment_release",
        "Number of the current release; 0: none.",
        summaries
            .iter()
            .map(|summary| {
                let release = summary.release.unwrap_or_default();
                (scope(&summary.scope), f64::from(release.0))
            })
            .collect(),
    );
    let mut instances: BTreeMap<String, f64> = BTreeMap::new();
    let mut restarts: BTreeMap<String, f64> = BTreeMap::new();
    for environment in control.environments() {
        for status in control.observe(&environment.scope) {
            let labels = format!("{},service=\"{}\"", scope(&status.scope), status.id.service);
            let phase = phase_word(&status.phase);
            *instances
                .entry(format!("{labels},phase=\"{phase}\""))
                .or_default() += 1.0;
            *restarts.entry(labels).or_default() += f64::from(status.restarts);
        }
    }
    family(
        "mainstay_instances",
        "Instances by phase.",
        instances.into_iter().collect(),
    );
    family(
        "mainstay_instance_restarts",
        "Restarts of the instances that are there.",
        restarts.into_iter().collect(),
    );
    control.backups.text(&mut text);
    if let Some(rules) = &control.rules {
        rules.text(&mut text);
    }
    text
}
