//! Findings of an audit, and how large build contexts are.

use super::quantity::count;
use crate::look::{Look, Tone};
use mainstay_audit::context::Summary;
use mainstay_audit::{Finding, Severity};
use mainstay_model::Bytes;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many directories of a context are shown.
const SHOWN: usize = 3;

pub fn text(
    findings: &[Finding],
    contexts: &BTreeMap<String, Summary>,
    fail_on: Severity,
    look: Look,
) -> String {
    let mut out = String::new();
    for finding in findings {
        out.push_str(&one(finding, look));
    }
    for (name, context) in contexts {
        let _ = writeln!(out, "{}", look.paint(Tone::Faint, size(name, context)));
    }
    out + &verdict(findings, fail_on, look)
}

/// A finding on two lines, as problems are shown.
pub fn one(finding: &Finding, look: Look) -> String {
    let severity = look.paint(tone(finding.severity), finding.severity);
    let mut place = finding.place.file.clone();
    if finding.place.line > 0 {
        let _ = write!(place, ":{}", finding.place.line);
    }
    let rule = look.paint(Tone::Faint, format!("[{}]", finding.rule));
    format!(
        "{severity}: {place}: {} {rule}\n  fix: {}\n",
        finding.message, finding.fix
    )
}

fn size(name: &str, context: &Summary) -> String {
    let files = count(usize::try_from(context.files).unwrap_or(usize::MAX), "file");
    let mut text = format!(
        "build context of {name}: {} in {files}",
        Bytes(context.bytes)
    );
    let parts: Vec<String> = context
        .directories
        .iter()
        .take(SHOWN)
        .map(|part| format!("{} {}", part.path, Bytes(part.bytes)))
        .collect();
    if !parts.is_empty() {
        let _ = write!(text, " ({})", parts.join(", "));
    }
    text
}

fn verdict(findings: &[Finding], fail_on: Severity, look: Look) -> String {
    if findings.is_empty() {
        return look.paint(Tone::Good, "ok: nothing was found");
    }
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter_map(|severity| {
            let count = findings
                .iter()
                .filter(|one| one.severity == severity)
                .count();
            (count > 0).then(|| format!("{count} {severity}"))
        })
        .collect();
    let failed = findings.iter().any(|finding| finding.severity >= fail_on);
    let word = if failed {
        look.paint(Tone::Bad, "failed")
    } else {
        look.paint(Tone::Good, "ok")
    };
    let found = count(findings.len(), "finding");
    format!(
        "{word}: {found}: {} (fails from {fail_on} on)",
        counts.join(", ")
    )
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical | Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warning,
        Severity::Low => Tone::Faint,
    }
}
