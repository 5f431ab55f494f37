//! A report as a page that can be kept.

use crate::report::{Finding, Report, State};
use std::fmt::Write as _;

impl Report {
    /// Dated, with every figure, what fails and what could not be judged.
    pub fn markdown(&self) -> String {
        let mut page = format!(
            "# Health of {} in {}\n\n{}, profile {}: **{}**\n\n",
            self.scope.stack,
            self.scope.environment,
            self.at,
            self.profile,
            self.headline()
        );
        page.push_str(
            "| check | value | target | warning | critical | result |\n|---|---|---|---|---|---|\n",
        );
        for finding in &self.findings {
            let dash = |text: Option<String>| text.unwrap_or("-".to_owned());
            let [target, warning, critical] = finding.limits_shown().map(dash);
            let _ = writeln!(
                page,
                "| {} ({}) | {} | {target} | {warning} | {critical} | {} |",
                finding.title,
                finding.check,
                dash(finding.shown()),
                finding.state
            );
        }
        section(&mut page, "What fails", &self.failures());
        for (title, state) in [
            ("Not enough data", State::NotEnoughData),
            ("Cannot be measured", State::CannotMeasure),
        ] {
            let findings: Vec<&Finding> = self
                .findings
                .iter()
                .filter(|finding| finding.state == state)
                .collect();
            section(&mut page, title, &findings);
        }
        page
    }
}

fn section(page: &mut String, title: &str, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    let _ = write!(page, "\n## {title}\n\n");
    for finding in findings {
        let reason = plain(&finding.judgement.reason);
        let _ = write!(page, "- **{}** {}: {reason}.", finding.title, finding.state);
        if let Some(next) = &finding.next {
            let _ = write!(page, " Next: `{next}`");
            if matches!(finding.state, State::Degraded | State::Critical) {
                let _ = write!(page, ", {}", finding.runbook);
            }
            page.push('.');
        }
        page.push('\n');
    }
}

/// Foreign text (labels, errors) that must begin no markup and end no line.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '|' | '*' | '`' | '[' | ']' | '<' | '\\' => safe.extend(['\\', letter]),
            '\n' | '\r' => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
