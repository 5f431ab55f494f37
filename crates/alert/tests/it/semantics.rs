//! Alertmanager's documented semantics, each as a timeline.

use mainstay_alert::engine::{Outcome, Quiet, SilenceState, Station, What};

use crate::timeline::{START, Timeline, labels};

const PLAIN: &str = "{receiver: ops, group_by: [alertname]}";

fn plain() -> Timeline {
    Timeline::new(PLAIN, "", &["ops"])
}

#[test]
fn a_group_waits_for_its_first_notification_and_takes_what_comes_meanwhile() {
    plain()
        .fires("alertname=Down job=a")
        .at("10s")
        .fires("alertname=Down job=b")
        .fires("alertname=Full job=a")
        .at("29s")
        .told(&[])
        .at("1m")
        .told(&["30s ops first: +Down/a +Down/b", "40s ops first: +Full/a"]);
}

#[test]
fn without_labels_to_group_by_all_are_one_group_and_with_dots_each_is_its_own() {
    Timeline::new("{receiver: ops}", "", &["ops"])
        .fires("alertname=Down job=a")
        .fires("alertname=Full job=a")
        .at("1m")
        .told(&["30s ops first: +Down/a +Full/a"]);
    Timeline::new("{receiver: ops, group_by: ['...']}", "", &["ops"])
        .fires("alertname=Down job=a")
        .fires("alertname=Down job=b")
        .at("1m")
        .take_told()
        .iter()
        .for_each(|line| assert_eq!(line.matches('+').count(), 1, "{line}"));
}

#[test]
fn what_is_new_in_a_group_waits_for_its_interval() {
    plain()
        .fires("alertname=Down job=a")
        .at("1m")
        .told(&["30s ops first: +Down/a"])
        .fires("alertname=Down job=b")
        .at("5m29s")
        .told(&[])
        .at("6m")
        .told(&["5m30s ops new-firing: +Down/a +Down/b"]);
}

#[test]
fn an_alert_that_has_fired_for_longer_than_the_wait_is_told_at_once() {
    let mut timeline = plain();
    timeline.at("10m");
    let (starts, ends) = (START, START + std::time::Duration::from_hours(9));
    timeline
        .post("alertname=Down job=a", Some(starts), Some(ends))
        .told(&["10m ops first: +Down/a"]);
}

#[test]
fn it_is_repeated_at_the_first_interval_after_repeat_interval() {
    Timeline::new("{receiver: ops, repeat_interval: 1h}", "", &["ops"])
        .fires("alertname=Down")
        .at("1h5m29s")
        .told(&["30s ops first: +Down"])
        .at("2h20m")
        .told(&["1h5m30s ops repeat: +Down", "2h10m30s ops repeat: +Down"]);
}

#[test]
fn what_is_over_is_told_once_and_leaves_the_group() {
    plain()
        .fires("alertname=Down job=a")
        .fires("alertname=Down job=b")
        .at("1m")
        .resolves("alertname=Down job=a")
        .at("20m")
        .resolves("alertname=Down job=b")
        .at("9h")
        .told(&[
            "30s ops first: +Down/a +Down/b",
            "5m30s ops new-resolved: -Down/a +Down/b",
            "20m30s ops all-resolved: -Down/b",
        ]);
}

#[test]
fn what_is_over_before_it_was_told_is_never_told() {
    plain()
        .fires("alertname=Down job=a")
        .at("10s")
        .resolves("alertname=Down job=a")
        .at("1h")
        .told(&[]);
}

#[test]
fn who_does_not_want_to_know_what_is_over_hears_of_the_next_fire_all_the_same() {
    Timeline::of(
        "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'http://r', send_resolved: false}]}]",
    )
    .fires("alertname=Down job=a")
    .fires("alertname=Down job=b")
    .at("1m")
    .resolves("alertname=Down job=a")
    .at("11m")
    .resolves("alertname=Down job=b")
    .at("21m")
    .fires("alertname=Down job=b")
    .at("30m")
    .told(&["30s r first: +Down/a +Down/b", "21m30s r new-firing: +Down/b"]);
}

#[test]
fn an_alert_without_an_end_is_over_after_the_resolve_timeout() {
    Timeline::new(PLAIN, "global: {resolve_timeout: 2m}", &["ops"])
        .post("alertname=Down", None, None)
        .at("1m")
        .post("alertname=Down", None, None)
        .at("20m")
        .told(&["30s ops first: +Down", "5m30s ops all-resolved: -Down"]);
}

#[test]
fn words_on_the_same_alert_are_one_alert_from_the_first_start() {
    let mut timeline = plain();
    timeline
        .fires("alertname=Down")
        .at("1m")
        .fires("alertname=Down");
    let kept = |timeline: &Timeline| timeline.engine.alerts(timeline.now)[0].alert.clone();
    assert_eq!(kept(&timeline).starts_at, START);
    // After its end it is another.
    timeline
        .at("2m")
        .resolves("alertname=Down")
        .at("3m")
        .fires("alertname=Down");
    assert_eq!(kept(&timeline).starts_at, timeline.now);
}

const TREE: &str = "\
receiver: root
  group_by: [alertname]
  routes:
  - {matchers: [severity=critical], receiver: pager, continue: true}
  - matchers: [team=db]
    receiver: db
    routes: [{matchers: ['severity=~warning|info'], receiver: dbchat}]
  - {matchers: [severity=critical], receiver: late}";

#[test]
fn the_deepest_route_takes_it_and_continue_asks_the_next() {
    let cases = [
        ("severity=critical team=db", vec!["db", "pager"]),
        ("severity=warning team=db", vec!["dbchat"]),
        ("severity=critical team=web", vec!["late", "pager"]),
        ("severity=warning team=web", vec!["root"]),
        ("team=db", vec!["db"]),
    ];
    for (text, receivers) in cases {
        let mut timeline = Timeline::new(
            &format!("\n  {TREE}"),
            "",
            &["root", "pager", "db", "dbchat", "late"],
        );
        timeline.fires(&format!("alertname=x {text}")).at("1m");
        let mut told: Vec<String> = timeline
            .take_told()
            .iter()
            .map(|line| line.split(' ').nth(1).unwrap().to_owned())
            .collect();
        told.sort();
        assert_eq!(told, receivers, "{text}");
    }
}

const INHIBIT: &str = "inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [service]}
- {source_matchers: [a=1], target_matchers: [a=1]}";

#[test]
fn an_alert_keeps_others_quiet_while_it_fires() {
    Timeline::new("{receiver: ops, group_by: ['...']}", INHIBIT, &["ops"])
        .fires("n=x service=s severity=critical")
        .fires("n=y service=s severity=warning")
        .fires("n=z service=t severity=warning")
        .at("1m")
        .told(&[
            "30s ops first: +x/s/critical",
            "30s ops first: +z/t/warning",
        ])
        .at("10m")
        .resolves("n=x service=s severity=critical")
        .at("11m")
        .told(&[
            "10m30s ops all-resolved: -x/s/critical",
            "10m30s ops first: +y/s/warning",
        ]);
}

#[test]
fn a_label_that_neither_has_is_equal_and_one_that_is_missing_is_empty() {
    let mut timeline = Timeline::new("{receiver: ops, group_by: ['...']}", INHIBIT, &["ops"]);
    timeline
        .fires("n=x severity=critical")
        .fires("n=y severity=warning")
        .fires("n=z severity=warning service=s")
        .at("1m")
        .told(&["30s ops first: +x/critical", "30s ops first: +z/s/warning"]);
}

#[test]
fn an_alert_on_both_sides_of_a_rule_does_not_keep_itself_or_its_like_quiet() {
    Timeline::new("{receiver: ops}", INHIBIT, &["ops"])
        .fires("a=1 n=x")
        .fires("a=1 n=y")
        .at("1m")
        .told(&["30s ops first: +1/x +1/y"]);
}

#[test]
fn a_mute_interval_holds_back_and_what_still_fires_is_told_after_it() {
    let rest = "time_intervals: [{name: night, time_intervals: [{times: [{start_time: '01:00', end_time: '02:00'}]}]}]";
    let route =
        "{receiver: ops, routes: [{receiver: ops, matchers: [a=1], mute_time_intervals: [night]}]}";
    Timeline::new(route, rest, &["ops"])
        .at("1h")
        .fires("a=1")
        .at("1h59m")
        .told(&[])
        .at("2h5m")
        .told(&["2h30s ops first: +1"]);
}

#[test]
fn outside_of_its_active_intervals_a_route_tells_nothing() {
    let rest = "time_intervals: [{name: day, time_intervals: [{times: [{start_time: '09:00', end_time: '17:00'}], location: Europe/Zurich, weekdays: ['monday:friday']}]}]";
    let route = "{receiver: ops, repeat_interval: 30h, routes: [{receiver: ops, matchers: [a=1], active_time_intervals: [day]}]}";
    Timeline::new(route, rest, &["ops"])
        .at("7h50m")
        .fires("a=1")
        .at("7h59m")
        .told(&[])
        .at("17h")
        .told(&["8h30s ops first: +1"]);
}

#[test]
fn a_silence_is_pending_then_active_then_expired() {
    let mut timeline = plain();
    let id = timeline.silence(None, "job=a", "1m", "30m");
    let state = |t: &Timeline| t.engine.silence(&id).unwrap().state(t.now);
    assert_eq!(state(&timeline), SilenceState::Pending);
    timeline
        .at("1m")
        .fires("alertname=Down job=a")
        .fires("alertname=Down job=b");
    assert_eq!(state(&timeline), SilenceState::Active);
    timeline.at("30m").told(&["1m30s ops first: +Down/b"]);
    assert_eq!(state(&timeline), SilenceState::Expired);
    timeline
        .at("32m")
        .told(&["31m30s ops new-firing: +Down/a +Down/b"]);
    timeline.at("120h29m");
    assert!(timeline.engine.silence(&id).is_some());
    timeline.at("121h");
    assert!(timeline.engine.silence(&id).is_none());
}

#[test]
fn an_edit_that_keeps_history_changes_a_silence_and_another_makes_a_new_one() {
    let mut timeline = plain();
    let id = timeline.silence(None, "job=a", "0s", "30m");
    timeline.at("5m");
    assert_eq!(timeline.silence(Some(&id), "job=a", "0s", "40m"), id);
    let other = timeline.silence(Some(&id), "job=b", "0s", "40m");
    assert_ne!(other, id);
    let at = |t: &Timeline, id: &str| t.engine.silence(id).unwrap().clone();
    assert_eq!(
        at(&timeline, &id).state(timeline.now),
        SilenceState::Expired
    );
    assert_eq!(at(&timeline, &other).starts_at, timeline.now);
    timeline.at("6m");
    let now = timeline.now;
    timeline.engine.expire_silence(&other, now).unwrap();
    assert_eq!(at(&timeline, &other).ends_at, timeline.now);
    assert!(
        timeline
            .engine
            .expire_silence("none", timeline.now)
            .is_err()
    );
}

#[test]
fn a_silence_that_would_match_everything_or_ends_before_it_starts_is_refused() {
    use mainstay_alert::engine::{SilenceDraft, SilenceError, SilenceMatcher};
    let draft = |matchers: &str, from: u64, to: u64| SilenceDraft {
        id: None,
        matchers: mainstay_alert::matcher::parse_matchers(matchers)
            .unwrap()
            .iter()
            .map(SilenceMatcher::of)
            .collect(),
        starts_at: START + std::time::Duration::from_secs(from),
        ends_at: START + std::time::Duration::from_secs(to),
        created_by: String::new(),
        comment: String::new(),
    };
    let mut timeline = plain();
    timeline.at("1m");
    let mut set = |draft| {
        timeline
            .engine
            .set_silence(draft, "id", START + std::time::Duration::from_secs(60))
    };
    assert_eq!(set(draft("", 0, 100)), Err(SilenceError::Matchers));
    assert_eq!(set(draft("a=~.+", 0, 100)), Ok("id".to_owned()));
    assert_eq!(set(draft("a=~.*", 0, 100)), Err(SilenceError::MatchesAll));
    assert_eq!(set(draft("a=b", 100, 100)), Err(SilenceError::Backwards));
    assert_eq!(set(draft("a=b", 0, 50)), Err(SilenceError::Past));
    let named = SilenceDraft {
        id: Some("none".to_owned()),
        ..draft("a=b", 0, 100)
    };
    assert_eq!(set(named), Err(SilenceError::NotFound("none".to_owned())));
}

#[test]
fn a_restart_goes_on_without_telling_again() {
    let mut timeline = Timeline::new("{receiver: ops, repeat_interval: 1h}", "", &["ops"]);
    timeline
        .fires("alertname=Down")
        .at("1m")
        .told(&["30s ops first: +Down"]);
    timeline.crashes().at("2m").crashes().at("1h5m").told(&[]);
    timeline
        .crashes()
        .at("1h6m")
        .told(&["1h5m30s ops repeat: +Down"]);
    timeline
        .resolves("alertname=Down")
        .crashes()
        .at("2h")
        .told(&["1h10m30s ops all-resolved: -Down"]);
    // What is over and told is forgotten in the end.
    timeline.crashes().at("5h").crashes().at("6h").told(&[]);
    assert!(
        timeline
            .engine
            .records()
            .iter()
            .all(|change| !change.key.starts_with("alert/"))
    );
}

#[test]
fn a_delivery_whose_outcome_was_lost_in_a_crash_is_made_again_at_once() {
    plain()
        .fires("alertname=Down")
        .deaf(true)
        .at("1m")
        .told(&["30s ops first: +Down"])
        .deaf(false)
        .crashes()
        .told(&["1m ops first: +Down"])
        .at("1h")
        .told(&[]);
}

#[test]
fn a_receiver_that_is_down_is_tried_again_with_growing_waits() {
    let mut timeline = plain();
    timeline
        .fires("alertname=Down")
        .down("ops")
        .at("32s")
        .up("ops")
        .at("40s");
    // 30 s, 30.5 s, 31.25 s, 32.375 s.
    timeline.told(&["32s375ms ops first: +Down"]);
    let trace = timeline
        .engine
        .why(&labels("alertname=Down"), timeline.now, timeline.now);
    let fails = trace.decisions.iter().filter(|decision| {
        matches!(
            &decision.what,
            What::Notification {
                outcome: Outcome::Failed { next: Some(_), .. },
                ..
            }
        )
    });
    assert_eq!(fails.count(), 3);
}

#[test]
fn what_could_not_be_told_is_told_at_the_groups_next_interval() {
    let mut timeline = plain();
    timeline
        .fires("alertname=Down")
        .broken("ops")
        .at("1m")
        .up("ops")
        .at("4m")
        .told(&[])
        .at("6m")
        .told(&["5m30s ops first: +Down"]);
}

#[test]
fn what_is_over_stays_until_every_integration_was_told() {
    plain()
        .fires("alertname=Down")
        .at("1m")
        .down("ops")
        .resolves("alertname=Down")
        .at("14m")
        .told(&["30s ops first: +Down"])
        .up("ops")
        .at("15m31s")
        .told(&["14m38s741ms ops all-resolved: -Down"]);
}

#[test]
fn a_reload_keeps_what_stays_the_same_and_brings_alerts_to_new_routes() {
    let mut timeline = plain();
    timeline
        .fires("alertname=Down")
        .at("1m")
        .told(&["30s ops first: +Down"]);
    timeline
        .reloads("route: {receiver: ops, group_by: [alertname], routes: [{receiver: db, matchers: [team=db]}]}\nreceivers: [{name: ops, webhook_configs: [{url: 'http://o'}]}, {name: db, webhook_configs: [{url: 'http://d'}]}]")
        .fires("alertname=Full team=db")
        .at("5m")
        .told(&["1m30s db first: +Full/db"]);
}

#[test]
fn an_acknowledged_alert_is_not_repeated_until_something_changes() {
    Timeline::new("{receiver: ops, repeat_interval: 10m}", "", &["ops"])
        .fires("alertname=Down job=a")
        .at("1m")
        .acknowledges("alertname=Down job=a")
        .crashes()
        .at("1h")
        .told(&["30s ops first: +Down/a"])
        .fires("alertname=Down job=b")
        .at("1h20m")
        .told(&[
            "1h30s ops new-firing: +Down/a +Down/b",
            "1h15m30s ops repeat: +Down/a +Down/b",
        ])
        .resolves("alertname=Down job=b")
        .resolves("alertname=Down job=a")
        .at("1h30m")
        .told(&["1h20m30s ops all-resolved: -Down/a -Down/b"])
        // It fires anew: nobody looks after that yet.
        .fires("alertname=Down job=a")
        .at("1h51m")
        .told(&[
            "1h30m30s ops new-firing: +Down/a",
            "1h45m30s ops repeat: +Down/a",
        ]);
}

#[test]
fn muted_until_resolved_ends_with_the_alert() {
    plain()
        .fires("alertname=Down")
        .mutes("alertname=Down")
        .at("10h")
        .told(&[])
        .resolves("alertname=Down")
        .at("11h")
        .fires("alertname=Down")
        .at("12h")
        .told(&["11h30s ops first: +Down"]);
}

#[test]
fn alerts_that_are_none_are_refused_and_the_others_taken() {
    let mut timeline = plain();
    timeline.post("", None, None);
    let before = START;
    timeline.at("1m").post("a=1", None, Some(before)).post(
        "a=2",
        Some(timeline_end()),
        Some(before),
    );
    let refused = timeline.refused();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert_eq!(refused[0], "an alert has at least one label");
    assert!(refused[1].contains("ends before it starts"), "{refused:?}");
}

fn timeline_end() -> mainstay_model::Timestamp {
    START + std::time::Duration::from_hours(1)
}

#[test]
fn why_names_every_station() {
    let rest = format!("{INHIBIT}\ntime_intervals: [{{name: never}}]");
    let route = "{receiver: ops, routes: [{receiver: ops, matchers: [team=db], active_time_intervals: [never]}]}";
    let mut timeline = Timeline::new(route, &rest, &["ops"]);
    timeline
        .fires("n=x severity=critical")
        .fires("n=y severity=warning")
        .fires("team=db")
        .fires("n=z");
    let id = timeline.silence(None, "n=z", "0s", "1h");
    timeline.at("1m");
    let station = |text: &str| {
        let trace = timeline
            .engine
            .why(&labels(text), timeline.now, timeline.now);
        assert!(
            trace.alert.is_some() && trace.groups.len() == 1,
            "{trace:?}"
        );
        trace.groups[0].station.clone()
    };
    let by = mainstay_alert::Fingerprint::of(&labels("n=x severity=critical"));
    assert_eq!(
        station("n=y severity=warning"),
        Station::Inhibited { rule: 0, by }
    );
    assert_eq!(
        station("team=db"),
        Station::Inactive {
            intervals: vec!["never".to_owned()]
        }
    );
    assert_eq!(station("n=z"), Station::Silenced { by: vec![id] });
    assert_eq!(station("n=x severity=critical"), Station::Passed);
    let trace = timeline
        .engine
        .why(&labels("n=x severity=critical"), timeline.now, timeline.now);
    let visits: Vec<_> = trace
        .routes
        .iter()
        .map(|v| (v.failing.as_deref(), v.takes))
        .collect();
    assert_eq!(visits, [(None, true), (Some("team=\"db\""), false)]);
    let integration = &trace.groups[0].integrations[0];
    let told = START + std::time::Duration::from_secs(30);
    assert_eq!(integration.last_told, Some(told));
    assert_eq!(integration.now, Err(Quiet::KnowsAll { since: told }));
    // The past: at 30 s it had been grouped, passed, sent and delivered; at 29 s only grouped.
    let decisions = |seconds: u64| {
        let until = START + std::time::Duration::from_secs(seconds);
        timeline
            .engine
            .why(&labels("n=x severity=critical"), until, timeline.now)
            .decisions
            .len()
    };
    assert_eq!((decisions(29), decisions(30)), (1, 4));
}
