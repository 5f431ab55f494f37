//! New configurations.

use mainstay_rules::{Settings, reload};

use crate::drive::{Drive, MINUTE, groups_of, samples};

const RULES: &str = "
groups:
- name: g
  rules:
  - {record: r, expr: x}
  - {record: s, expr: x, labels: {a: b}}
  - {alert: A, expr: x == 0, for: 5m}
";
const LOAD: &str = "load 1m\n  x 0x100";

fn changed(new: &str, settings: &Settings) -> (Drive, mainstay_rules::Reloaded) {
    let mut drive = Drive::new(LOAD, RULES);
    drive.until(0, 2);
    let old = vec![drive.group.clone()];
    let reloaded = reload(old, groups_of(new, settings), 150_000);
    (drive, reloaded)
}

#[test]
fn what_is_unchanged_goes_on() {
    // Written in another way, the same.
    let same = RULES.replace("expr: x == 0", "expr: 'x  ==  0.0'");
    let (_, reloaded) = changed(&same, &Settings::default());
    assert_eq!(reloaded.groups.len(), 1);
    assert_eq!(reloaded.groups[0].figures().evaluations, 9);
    assert!(reloaded.groups[0].rules()[0].last_evaluation_ms().is_some());
    assert!(reloaded.departed.is_empty());
}

#[test]
fn a_rule_that_changed_keeps_its_alerts_and_series_of_others_end() {
    let new = RULES.replace("x == 0, for: 5m", "x <= 0, for: 4m").replace(
        "{record: s, expr: x, labels: {a: b}}",
        "{record: t, expr: x}",
    );
    let (mut drive, mut reloaded) = changed(&new, &Settings::default());
    drive.group = reloaded.groups.remove(0);
    let evaluation = drive.at(4 * MINUTE);
    assert_eq!(drive.active(), [r#"firing {alertname="A"} 0m"#]);
    let all = samples(&evaluation);
    assert!(
        all.contains(&r#"s{a="b"} stale @240"#.to_owned()),
        "{all:?}"
    );
    assert!(all.contains(&r#"ALERTS{alertname="A", alertstate="pending"} stale @240"#.to_owned()));
    // Only once.
    assert!(drive.at(5 * MINUTE).departed.is_empty());
}

#[test]
fn settings_that_matter_are_a_change() {
    let settings = Settings {
        external_url: "http://b".to_owned(),
        ..Settings::default()
    };
    let (_, reloaded) = changed(RULES, &settings);
    // The state of its alerts is there, the last evaluation was another group's.
    assert!(reloaded.groups[0].rules()[0].last_evaluation_ms().is_none());
    assert_eq!(reloaded.groups[0].rules()[2].alerts().count(), 1);
}

#[test]
fn a_group_that_is_gone_ends_later() {
    let (_, reloaded) = changed(
        &RULES.replace("name: g", "name: other"),
        &Settings::default(),
    );
    assert_eq!(reloaded.groups[0].name(), "other");
    assert_eq!(reloaded.groups[0].figures().evaluations, 0);
    let departed = &reloaded.departed[0];
    assert_eq!((departed.name.as_str(), departed.at_ms), ("g", 270_000));
    let times = departed.samples.iter().map(|new| new.sample.time_ms);
    assert_eq!(times.collect::<Vec<_>>(), [150_000; 4]);
    assert!(
        departed
            .samples
            .iter()
            .all(|new| mainstay_series::is_stale(new.sample.value))
    );
}

#[test]
fn of_two_rules_that_are_alike_the_first_is_the_first() {
    let two = "
groups:
- name: g
  rules:
  - {alert: A, expr: x == 0}
  - {alert: A, expr: x == 1, for: 1m}
";
    let (file, _) = mainstay_rules::RuleFile::read(two, std::path::Path::new("/r.yml"), "r.yml");
    let settings = std::sync::Arc::new(Settings::default());
    let make = || mainstay_rules::Group::without_past(&file.name, &file.groups[0], &settings);
    let mut drive = Drive::new(LOAD, RULES);
    drive.group = make();
    drive.until(0, 2);
    let limited = mainstay_rules::GroupSpec {
        limit: 5,
        ..file.groups[0].clone()
    };
    let new = mainstay_rules::Group::without_past(&file.name, &limited, &settings);
    let reloaded = reload(vec![drive.group], vec![new], 0);
    let alerts = |rule: usize| reloaded.groups[0].rules()[rule].alerts().count();
    assert_eq!((alerts(0), alerts(1)), (1, 0));
}
