//! What goes beyond Alertmanager, as timelines.

use std::time::Duration;

use mainstay_alert::beyond::{
    EscalationPolicy, EscalationStep, Extras, Heartbeat, Person, Recurring, Rota, Target,
    maintenance_windows,
};
use mainstay_alert::engine::SilenceMatcher;
use mainstay_alert::matcher::Matchers;
use mainstay_model::parse_duration;
use mainstay_series::{Labels, Matcher};

use crate::timeline::{START, Timeline};

fn steps(steps: &[(&str, Target)]) -> Vec<EscalationStep> {
    let step = |(after, target): &(&str, Target)| EscalationStep {
        after: parse_duration(after).unwrap(),
        target: target.clone(),
    };
    steps.iter().map(step).collect()
}

fn rota() -> Rota {
    let people = ["ann", "bob"].map(|name| Person {
        name: name.to_owned(),
        receiver: name.to_owned(),
    });
    Rota::new("web", people.to_vec(), "2026-11-23", 1, "00:20", "UTC").unwrap()
}

fn escalating() -> Timeline {
    let mut timeline = Timeline::new(
        "{receiver: ops, group_by: [alertname]}",
        "",
        &["ops", "ann", "bob", "boss"],
    );
    let policy = EscalationPolicy {
        name: "critical".to_owned(),
        matchers: Matchers::parse("severity=critical").unwrap(),
        steps: steps(&[
            ("5m", Target::OnCall("web".to_owned())),
            ("15m", Target::Receiver("boss".to_owned())),
        ]),
    };
    let extras = Extras {
        policies: vec![policy],
        rotas: vec![rota()],
        ..Extras::default()
    };
    timeline.extras(extras);
    timeline
}

#[test]
fn whom_nobody_acknowledges_is_escalated_step_by_step_and_all_hear_when_it_is_over() {
    escalating()
        .fires("a=x severity=critical")
        .fires("a=y severity=warning")
        .at("14m")
        .told(&[
            "30s ops first: +x/critical +y/warning",
            "5m30s bob escalation: +x/critical",
        ])
        .at("19m")
        .told(&["15m30s boss escalation: +x/critical"])
        .resolves("a=x severity=critical")
        .at("1h")
        .told(&[
            "19m bob all-resolved: -x/critical",
            "19m boss all-resolved: -x/critical",
            "20m30s ops new-resolved: -x/critical +y/warning",
        ]);
}

#[test]
fn the_next_on_call_is_told_at_the_handover_and_an_acknowledgement_ends_it() {
    escalating()
        .at("10m")
        .fires("a=x severity=critical")
        .at("21m")
        .told(&[
            "10m30s ops first: +x/critical",
            "15m30s bob escalation: +x/critical",
            "20m30s ann escalation: +x/critical",
        ])
        .acknowledges("a=x severity=critical")
        .at("1h")
        .told(&[]);
}

#[test]
fn a_step_is_made_again_after_a_crash_that_lost_it_and_not_after_one_that_did_not() {
    let mut timeline = escalating();
    timeline
        .fires("a=x severity=critical")
        .at("5m")
        .deaf(true)
        .at("5m45s")
        .told(&[
            "30s ops first: +x/critical",
            "5m30s bob escalation: +x/critical",
        ]);
    timeline
        .deaf(false)
        .crashes()
        .at("6m")
        .told(&["5m45s bob escalation: +x/critical"]);
    timeline.crashes().at("10m").told(&[]);
}

#[test]
fn a_silenced_alert_is_not_escalated() {
    let mut timeline = escalating();
    timeline
        .fires("a=x severity=critical")
        .at("1m")
        .silence(None, "a=x", "1m", "30m");
    timeline.at("29m").told(&["30s ops first: +x/critical"]);
    timeline.at("31m");
    let told = timeline.take_told();
    assert_eq!(
        told,
        [
            "30m30s ann escalation: +x/critical",
            "30m30s boss escalation: +x/critical"
        ]
    );
}

#[test]
fn a_sign_of_life_is_sent_at_its_interval_whatever_happens() {
    let mut timeline = Timeline::new("{receiver: ops}", "", &["ops", "dms"]);
    let heartbeat = Heartbeat {
        name: "outside".to_owned(),
        receiver: "dms".to_owned(),
        every: Duration::from_mins(1),
        labels: Labels::from_pairs([("server", "one")]),
    };
    timeline.extras(Extras {
        heartbeats: vec![heartbeat],
        ..Extras::default()
    });
    timeline.at("2m30s").told(&[
        "0s dms heartbeat: +Heartbeat/one",
        "1m dms heartbeat: +Heartbeat/one",
        "2m dms heartbeat: +Heartbeat/one",
    ]);
    // While it cannot be sent it is tried, and the next one takes its place.
    timeline.down("dms").at("5m").up("dms").at("6m10s");
    let told = timeline.take_told();
    assert_eq!(told.last().unwrap(), "6m dms heartbeat: +Heartbeat/one");
    assert!(told.len() <= 2, "{told:?}");
    timeline
        .crashes()
        .at("7m")
        .told(&["6m10s dms heartbeat: +Heartbeat/one"]);
}

#[test]
fn windows_of_maintenance_keep_their_environment_quiet() {
    let mut timeline = Timeline::new("{receiver: ops, group_by: ['...']}", "", &["ops"]);
    timeline.extras(Extras {
        windows: maintenance_windows(),
        ..Extras::default()
    });
    timeline
        .at("2h")
        .fires("environment=dev")
        .fires("environment=staging")
        .fires("environment=production")
        .at("3h")
        .told(&["2h30s ops first: +production"])
        .at("4h5m")
        .told(&["4h30s ops first: +staging"]);
}

#[test]
fn a_silence_comes_again_every_week_and_over_a_restart() {
    let mut timeline = Timeline::new("{receiver: ops, repeat_interval: 100d}", "", &["ops"]);
    let recurring = Recurring {
        id: "backup".to_owned(),
        matchers: vec![SilenceMatcher::of(&Matcher::equal("job", "backup"))],
        weekdays: vec![1],
        from: "23:00".to_owned(),
        to: "01:00".to_owned(),
        zone: "UTC".to_owned(),
        created_by: "ann".to_owned(),
        comment: "the backup slows it".to_owned(),
        until: Some(START + Duration::from_hours(24 * 8)),
    };
    timeline.engine.set_recurring(recurring).unwrap();
    timeline
        .at("23h")
        .fires("job=backup")
        .crashes()
        .at("24h59m")
        .told(&[]);
    timeline
        .at("25h10m")
        .told(&["1d1h30s ops first: +backup"])
        .resolves("job=backup");
    timeline
        .at("191h")
        .fires("job=backup")
        .at("192h")
        .told(&["1d1h10m30s ops all-resolved: -backup"]);
    // It does not come again after its end.
    timeline.at("200h").told(&["8d30s ops first: +backup"]);
    assert_eq!(timeline.engine.recurring().count(), 0);
    assert!(!timeline.engine.remove_recurring("backup"));
}
