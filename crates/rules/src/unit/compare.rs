//! What is different between what was expected and what is there.

use std::collections::BTreeMap;

use mainstay_promql::format_float;
use mainstay_series::{Labels, quote};

use super::Firing;

/// How alerts differ; empty: they do not.
pub(super) fn alerts(mut expected: Vec<Firing>, mut found: Vec<Firing>) -> Vec<String> {
    expected.sort();
    found.sort();
    if expected == found {
        return Vec::new();
    }
    let mut difference = Vec::new();
    // Each expected one takes one that is the same, or else one with the same labels.
    let taken = |found: &mut Vec<Firing>, is: &dyn Fn(&Firing) -> bool| {
        let at = found.iter().position(is)?;
        Some(found.remove(at))
    };
    expected.retain(|wanted| taken(&mut found, &|found| found == wanted).is_none());
    for wanted in expected {
        let same_labels = |found: &Firing| found.labels == wanted.labels;
        match taken(&mut found, &same_labels) {
            Some(other) => {
                difference.push(format!("  {}", shown(&wanted.labels)));
                maps(&wanted.annotations, &other.annotations, &mut difference);
            }
            None => whole('-', &wanted, &mut difference),
        }
    }
    for other in found {
        whole('+', &other, &mut difference);
    }
    difference
}

fn whole(sign: char, alert: &Firing, into: &mut Vec<String>) {
    into.push(format!("{sign} {}", shown(&alert.labels)));
    for (name, value) in &alert.annotations {
        into.push(format!("{sign}   {name}: {}", quote(value)));
    }
}

/// The annotations that differ.
fn maps(
    expected: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    into: &mut Vec<String>,
) {
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for name in names {
        let (wanted, is) = (expected.get(name), found.get(name));
        if wanted == is {
            continue;
        }
        into.extend(wanted.map(|value| format!("-   {name}: {}", quote(value))));
        into.extend(is.map(|value| format!("+   {name}: {}", quote(value))));
    }
}

fn shown(labels: &BTreeMap<String, String>) -> String {
    let pairs = labels
        .iter()
        .map(|(name, value)| format!("{name}={}", quote(value)));
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
}

/// How samples differ; empty: they do not.
pub(super) fn samples(
    expected: &[(Labels, f64)],
    found: &[(Labels, f64)],
    fuzzy: bool,
) -> Vec<String> {
    let mut found: Vec<&(Labels, f64)> = found.iter().collect();
    let mut missing = Vec::new();
    for wanted in expected {
        let same = |found: &&(Labels, f64)| found.0 == wanted.0 && equal(wanted.1, found.1, fuzzy);
        match found.iter().position(same) {
            Some(at) => {
                found.remove(at);
            }
            None => missing.push(wanted),
        }
    }
    let line = |sign: char, (labels, value): &(Labels, f64)| {
        let note = if sign == '-' && value.is_nan() {
            " (NaN equals nothing, as in promtool)"
        } else {
            ""
        };
        let value = format_float(*value);
        (
            labels.clone(),
            sign,
            format!("{sign} {labels} {value}{note}"),
        )
    };
    let missing = missing.into_iter().map(|sample| line('-', sample));
    let mut lines: Vec<_> = missing
        .chain(found.into_iter().map(|sample| line('+', sample)))
        .collect();
    // What has the same labels stands together, what was expected first.
    lines.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    lines.into_iter().map(|(_, _, line)| line).collect()
}

#[expect(clippy::float_cmp, reason = "promtool compares exactly")]
fn equal(a: f64, b: f64, fuzzy: bool) -> bool {
    a == b || (fuzzy && (a.next_up() == b || a.next_down() == b))
}
