//! Why an alert was told or not: its way from the rule to the receiver, in words.

use crate::api::types::{AlertStation, AlertStep};
use mainstay_alert::engine::{
    Decision, GroupTrace, IntegrationTrace, Outcome, Quiet, Reason, RouteVisit, Station, Trace,
    What,
};
use mainstay_model::Timestamp;
use mainstay_rules::{ActiveAlert, AlertState, RuleState};

/// Decisions that are shown, the newest.
const MOST_PAST: usize = 100;

fn step(station: AlertStation, passes: bool, text: String) -> AlertStep {
    AlertStep {
        station,
        text,
        passes,
        at: None,
    }
}

/// Where the alert comes from; `found` is what its rule holds of it.
pub(super) fn rule(
    file: &str,
    group: &str,
    state: &RuleState,
    found: Option<&ActiveAlert>,
) -> AlertStep {
    let rule = state.rule();
    let place = format!("{} of group {group} in {file}", rule.name);
    let time = |ms: i64| Timestamp::from_millis(ms);
    let (passes, words) = match (found, state.last_error()) {
        (_, Some(error)) => (false, format!("could not be evaluated: {error}")),
        (None, None) => (false, format!("`{}` gives nothing", rule.query)),
        (Some(alert), None) => {
            let since = time(alert.active_at_ms);
            let gives = format!("`{}` gives {} since {since}", rule.query, alert.value);
            match alert.state {
                AlertState::Firing => (true, format!("{gives}: it fires")),
                AlertState::Pending => {
                    let hold = rule.alerting().map_or(0, |alerting| alerting.hold_ms);
                    let fires = time(alert.active_at_ms + hold);
                    (false, format!("{gives}: pending, fires at {fires}"))
                }
                AlertState::Inactive | AlertState::Unknown => {
                    let over = alert.resolved_at_ms.map(time);
                    let over = over.map_or_else(String::new, |at| format!(" since {at}"));
                    (true, format!("over{over}"))
                }
            }
        }
    };
    step(AlertStation::Rule, passes, format!("{place}: {words}"))
}

pub(super) fn no_rule() -> AlertStep {
    let text = "no rule of this server: somebody else posts it".to_owned();
    step(AlertStation::Rule, true, text)
}

/// Routes, groups, deliveries, and what was decided before.
pub(super) fn way(trace: &Trace) -> Vec<AlertStep> {
    let mut steps: Vec<AlertStep> = trace.routes.iter().map(route).collect();
    if trace.alert.is_none() {
        let text = "no such alert is kept: it has not come here, or has been over for long";
        steps.push(step(AlertStation::Group, false, text.to_owned()));
    }
    for group in &trace.groups {
        group_steps(group, &mut steps);
    }
    if let Some(who) = &trace.acknowledged {
        let text = format!("acknowledged by {} at {}: {}", who.by, who.at, who.comment);
        steps.push(step(AlertStation::Delivery, false, text));
    }
    let beyond = trace.decisions.len().saturating_sub(MOST_PAST);
    steps.extend(trace.decisions[beyond..].iter().filter_map(past));
    steps
}

fn route(visit: &RouteVisit) -> AlertStep {
    let (key, receiver) = (&visit.key, &visit.receiver);
    let text = match &visit.failing {
        Some(matcher) => format!("{key}: {matcher} does not hold"),
        None if visit.takes => format!("{key}: takes it, for {receiver}"),
        None => format!("{key}: holds, and a route below takes it"),
    };
    step(AlertStation::Route, visit.failing.is_none(), text)
}

fn group_steps(group: &GroupTrace, steps: &mut Vec<AlertStep>) {
    let (key, receiver, next) = (&group.key, &group.receiver, group.next_flush);
    let text = format!("{key} for {receiver}: looked at next at {next}");
    steps.push(step(AlertStation::Group, true, text));
    steps.extend(station(&group.station));
    if group.station != Station::Passed {
        return;
    }
    if group.integrations.is_empty() {
        let text = format!("{receiver} has no integration: nobody is told");
        steps.push(step(AlertStation::Delivery, false, text));
    }
    steps.extend(group.integrations.iter().map(integration));
}

/// What keeps it quiet; nothing where it passes.
fn station(station: &Station) -> Option<AlertStep> {
    let (station, text) = match station {
        Station::Passed => return None,
        Station::Inhibited { rule, by } => (
            AlertStation::Inhibition,
            format!("kept quiet by alert {by}, by inhibit rule {}", rule + 1),
        ),
        Station::Silenced { by } => (
            AlertStation::Silence,
            format!("silenced by {}", by.join(", ")),
        ),
        Station::Muted { interval } => (
            AlertStation::Interval,
            format!("the route is mute in `{interval}`"),
        ),
        Station::Inactive { intervals } => (
            AlertStation::Interval,
            format!("the route is active in {} only", intervals.join(", ")),
        ),
        Station::Window { name } => (
            AlertStation::Interval,
            format!("kept quiet by window `{name}`"),
        ),
        Station::MutedUntilResolved { by } => (
            AlertStation::Silence,
            format!("muted until it is over, by {by}"),
        ),
    };
    Some(step(station, false, text))
}

fn integration(trace: &IntegrationTrace) -> AlertStep {
    let told = trace.last_told.map_or_else(
        || "not told yet".to_owned(),
        |at| format!("last told at {at}"),
    );
    let (passes, now) = match (&trace.now, trace.pending) {
        (_, Some((tries, Some(next)))) => (false, format!("tried {tries} times, again at {next}")),
        (_, Some((tries, None))) => (true, format!("being told now, try {tries}")),
        (Ok(reason), None) => (true, format!("would be told: {}", because(*reason))),
        (Err(quiet), None) => (false, silent(quiet)),
    };
    let text = format!("{}: {told}; {now}", trace.integration);
    step(AlertStation::Delivery, passes, text)
}

fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::First => "it was not told of this group before",
        Reason::NewFiring => "alerts fire that it was not told of",
        Reason::AllResolved => "all is over",
        Reason::NewResolved => "some of it is over",
        Reason::Repeat => "repeat_interval has passed",
        Reason::Escalation => "nobody acknowledged it in time",
        Reason::Heartbeat => "a sign of life is due",
    }
}

fn silent(quiet: &Quiet) -> String {
    match quiet {
        Quiet::NeverTold => "what is over was never told".to_owned(),
        Quiet::KnowsAll { since } => {
            format!("knows all of it since {since}; told again after repeat_interval")
        }
        Quiet::KnowsResolved => "knows that it is over".to_owned(),
        Quiet::Acknowledged => "all that fires is acknowledged".to_owned(),
    }
}

fn past(decision: &Decision) -> Option<AlertStep> {
    let receiver = &decision.receiver;
    let (passes, text) = match &decision.what {
        What::Grouped => (
            true,
            format!("came into {} for {receiver}", decision.group_key),
        ),
        What::Station(Station::Passed) => return None,
        What::Station(other) => (false, station(other)?.text),
        What::Notification {
            integration,
            outcome,
        } => {
            let (passes, words) = outcome_words(outcome);
            (passes, format!("{receiver} {integration}: {words}"))
        }
    };
    Some(AlertStep {
        at: Some(decision.at),
        ..step(AlertStation::Past, passes, text)
    })
}

fn outcome_words(outcome: &Outcome) -> (bool, String) {
    match outcome {
        Outcome::Sent { reason, attempt } => {
            (true, format!("try {attempt} begun: {}", because(*reason)))
        }
        Outcome::Delivered { attempt } => (true, format!("told, at try {attempt}")),
        Outcome::Noted => (
            true,
            "nothing to tell: it does not want to know what is over".to_owned(),
        ),
        Outcome::Failed {
            attempt,
            error,
            next,
        } => {
            let next = next.map_or_else(
                || "not tried again".to_owned(),
                |at| format!("tried again at {at}"),
            );
            (false, format!("try {attempt} failed: {error}; {next}"))
        }
        Outcome::GivenUp { attempts } => (false, format!("given up after {attempts} tries")),
        Outcome::Quiet(quiet) => (false, silent(quiet)),
    }
}
