//! Health as people read it: a table with limits, and what to do about what fails.

use crate::look::{Look, Tone};
use crate::render::table::{Entry, table};
use mainstay_health::{Finding, Report, State};
use std::fmt::Write as _;

/// The whole look.
pub fn report(report: &Report, look: Look) -> String {
    let mut text = format!(
        "{}\n{}\n\n",
        look.paint(tone(report.state), report.headline()),
        look.paint(
            Tone::Faint,
            format!(
                "{}, {}, profile {}",
                report.scope.stack, report.scope.environment, report.profile
            )
        )
    );
    let rows = report.findings.iter().map(|finding| {
        let [target, warning, critical] = finding.limits_shown();
        vec![
            Entry::new(finding.check),
            Entry::optional(finding.shown()).right(),
            Entry::optional(target).right(),
            Entry::optional(warning).right(),
            Entry::optional(critical).right(),
            Entry::new(finding.state).tone(tone(finding.state)),
        ]
    });
    let heading = ["CHECK", "VALUE", "TARGET", "WARNING", "CRITICAL", "RESULT"];
    text.push_str(&table(look, &heading, rows.collect()));
    for finding in report.failures() {
        let _ = write!(text, "\n\n{}", failure(finding, look));
    }
    let unjudged =
        |finding: &&Finding| matches!(finding.state, State::NotEnoughData | State::CannotMeasure);
    let unjudged: Vec<&Finding> = report.findings.iter().filter(unjudged).collect();
    if !unjudged.is_empty() {
        text.push('\n');
    }
    for finding in unjudged {
        let line = format!(
            "{}: {}, {}",
            finding.check, finding.state, finding.judgement.reason
        );
        let _ = write!(text, "\n{}", look.paint(Tone::Faint, line));
    }
    text
}

/// One look of many: a line, and one for each failure.
pub fn line(report: &Report, look: Look) -> String {
    let mut text = format!(
        "{} {}",
        report.at,
        look.paint(tone(report.state), report.headline())
    );
    for finding in report.failures() {
        let _ = write!(text, "\n  {}: {}", finding.title, finding.judgement.reason);
    }
    text
}

fn failure(finding: &Finding, look: Look) -> String {
    let mut text = format!(
        "{} {}: {}",
        look.paint(tone(finding.state), finding.state),
        finding.title,
        finding.judgement.reason
    );
    if let Some(next) = &finding.next {
        let _ = write!(text, "\n  {} {next}", look.paint(Tone::Strong, "next:"));
    }
    let _ = write!(
        text,
        "\n  {} {}",
        look.paint(Tone::Strong, "page:"),
        finding.runbook
    );
    text
}

fn tone(state: State) -> Tone {
    match state {
        State::Pass => Tone::Good,
        State::Degraded => Tone::Warning,
        State::Critical => Tone::Bad,
        State::NotEnoughData | State::CannotMeasure => Tone::Faint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_health::{Answer, Answers, Plan, Row, judge, profile};
    use mainstay_model::{Scope, Timestamp};
    use snapbox::{assert_data_eq, str};

    fn seen() -> Report {
        let scope = Scope {
            stack: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
        };
        let mut plan = Plan::new(profile("rag-admin").unwrap());
        plan.change("api.response=300ms:2s").unwrap();
        let at = Timestamp::from_millis(1_795_795_200_000);
        let row = |label: &str, of: &str, value| {
            Answer::Rows(vec![Row {
                labels: [(label.to_owned(), of.to_owned())].into(),
                value,
            }])
        };
        let rows = [
            ("api.available", row("service", "app", 1.0)),
            ("api.response", row("service", "app", 0.48)),
            ("system.disk", row("mountpoint", "/", 0.95)),
            ("api.errors", Answer::Rows(Vec::new())),
            ("api.errors?", row("x", "", 2.0)),
        ];
        let rows = rows.map(|(id, answer)| (id.to_owned(), answer)).into();
        judge(&plan, &scope, &Answers { at, rows }, at)
    }

    #[test]
    fn a_look_is_a_table_and_what_to_do() {
        assert_data_eq!(
            report(&seen(), Look::PLAIN),
            str![[r"
critical: 2 of 3 checks fail, 7 could not be judged
shop, production, profile rag-admin

CHECK                  VALUE  TARGET   WARNING  CRITICAL  RESULT
api.available          100 %       -   < 100 %    < 50 %  pass
api.response          480 ms       -  > 300 ms     > 2 s  degraded
api.errors                 -       -         -    > 10 %  not enough data
database.reachable         -       -   < 100 %    < 50 %  cannot measure
database.connections       -       -    > 80 %         -  cannot measure
database.deadlocks         -       -       > 0       > 5  cannot measure
system.cpu                 -       -    > 80 %         -  cannot measure
system.memory              -       -    > 85 %         -  cannot measure
system.disk             95 %       -         -    > 90 %  critical
system.network             -       -     > 1 %     > 5 %  cannot measure

critical file system in use: 95 % (mountpoint=/) is above the critical level of 90 %
  next: mainstay doctor
  page: docs/runbooks/DiskSpaceCritical.md

degraded response time, 95th percentile: 480 ms (service=app) is above the warning level of 300 ms
  next: mainstay logs --since 10m
  page: docs/runbooks/HighResponseTime.md

api.errors: not enough data, no new request seen within 5 minutes
database.reachable: cannot measure, it was not asked for
database.connections: cannot measure, it was not asked for
database.deadlocks: cannot measure, it was not asked for
system.cpu: cannot measure, it was not asked for
system.memory: cannot measure, it was not asked for
system.network: cannot measure, it was not asked for
"]]
        );
    }

    #[test]
    fn one_look_of_many_is_short() {
        assert_data_eq!(
            line(&seen(), Look::PLAIN),
            str![[r"
2026-11-27T16:00:00.000Z critical: 2 of 3 checks fail, 7 could not be judged
  file system in use: 95 % (mountpoint=/) is above the critical level of 90 %
  response time, 95th percentile: 480 ms (service=app) is above the warning level of 300 ms
"]]
        );
    }
}
