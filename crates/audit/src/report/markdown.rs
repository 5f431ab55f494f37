//! A table for a pull request or a report.

use crate::finding::{Finding, Severity};
use std::fmt::Write as _;

/// A heading with the counts, and a table, the worst first.
pub fn markdown(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "## Audit\n\nNothing was found.\n".to_owned();
    }
    let mut counts = Vec::new();
    for severity in Severity::ALL.into_iter().rev() {
        let count = findings
            .iter()
            .filter(|one| one.severity == severity)
            .count();
        if count > 0 {
            counts.push(format!("{count} {severity}"));
        }
    }
    let mut out = format!(
        "## Audit\n\n{} found: {}\n\n",
        findings.len(),
        counts.join(", ")
    );
    out.push_str("| severity | place | rule | finding | fix |\n|---|---|---|---|---|\n");
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in sorted {
        let place = match finding.place.line {
            0 => finding.place.file.clone(),
            line => format!("{}:{line}", finding.place.file),
        };
        let _ = writeln!(
            out,
            "| {} | {} | `{}` | {} | {} |",
            finding.severity,
            cell(&place),
            finding.rule,
            cell(&finding.message),
            cell(&finding.fix)
        );
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
