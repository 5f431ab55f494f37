//! Rules as Prometheus's API and metrics show them.

use super::Rules;
use mainstay_model::{Problem, Severity};
use mainstay_prometheus::{Alertmanagers, RuleGroup};
use mainstay_rules::Figures;
use std::fmt::Write as _;

impl mainstay_prometheus::Rules for Rules {
    fn groups(&self) -> Vec<RuleGroup> {
        let groups = Self::groups(self).into_iter();
        groups.map(|kept| RuleGroup::from(&*kept.group())).collect()
    }

    fn alertmanagers(&self) -> Alertmanagers {
        Alertmanagers {
            active: self.outlet.addresses(),
            dropped: Vec::new(),
        }
    }
}

/// One metric of each group.
type Family = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Figures) -> f64,
);

const FAMILIES: [Family; 8] = [
    (
        "prometheus_rule_evaluations_total",
        "counter",
        "Evaluations of rules.",
        |figures| figures.evaluations as f64,
    ),
    (
        "prometheus_rule_evaluation_failures_total",
        "counter",
        "Evaluations of rules that failed.",
        |figures| figures.failures as f64,
    ),
    (
        "prometheus_rule_group_iterations_total",
        "counter",
        "Evaluations of the group, those that were missed among them.",
        |figures| figures.iterations as f64,
    ),
    (
        "prometheus_rule_group_iterations_missed_total",
        "counter",
        "Evaluations that were missed, since the one before took too long.",
        |figures| figures.iterations_missed as f64,
    ),
    (
        "prometheus_rule_group_last_duration_seconds",
        "gauge",
        "How long the last evaluation of the group took.",
        |figures| figures.last_duration.as_secs_f64(),
    ),
    (
        "prometheus_rule_group_last_evaluation_timestamp_seconds",
        "gauge",
        "When the group was evaluated last.",
        |figures| figures.last_evaluation_ms.unwrap_or_default() as f64 / 1e3,
    ),
    (
        "prometheus_rule_group_last_evaluation_samples",
        "gauge",
        "Samples that the last evaluation gave.",
        |figures| figures.last_samples as f64,
    ),
    (
        "prometheus_template_text_expansion_failures_total",
        "counter",
        "Templates of alerts that could not be expanded.",
        |figures| figures.template_failures as f64,
    ),
];

impl Rules {
    /// In Prometheus's text format, under its names. A group that is just being evaluated is left out
    /// rather than waited for.
    pub(crate) fn text(&self, text: &mut String) {
        let groups: Vec<(String, Figures, usize)> = self
            .groups()
            .iter()
            .filter_map(|kept| {
                let group = kept.try_group()?;
                let name = format!("{};{}", group.file(), group.name());
                Some((name, group.figures(), group.rules().len()))
            })
            .collect();
        for (name, kind, help, value) in FAMILIES {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (group, figures, _) in &groups {
                let group = mainstay_series::quote(group);
                let _ = writeln!(text, "{name}{{rule_group={group}}} {}", value(figures));
            }
        }
        let name = "prometheus_rule_group_rules";
        let _ = writeln!(
            text,
            "# HELP {name} Rules of the group.\n# TYPE {name} gauge"
        );
        for (group, _, rules) in &groups {
            let group = mainstay_series::quote(group);
            let _ = writeln!(text, "{name}{{rule_group={group}}} {rules}");
        }
        let name = "mainstay_rule_problems";
        let problems = self.problems();
        let is_error = |problem: &&Problem| problem.severity == Severity::Error;
        let problems = problems.iter().filter(is_error).count();
        let _ = writeln!(
            text,
            "# HELP {name} What is wrong with rule files that are therefore not in force.\n# TYPE {name} gauge\n{name} {problems}"
        );
    }
}
