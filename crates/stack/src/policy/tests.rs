//! Windows across midnight, zones and changes of the clocks; what a policy objects to.

use super::*;

fn at(text: &str) -> Timestamp {
    serde_json::from_str(&format!("\"{text}\"")).unwrap()
}

fn window(days: &str, from: &str, to: &str, zone: &str) -> Window {
    assert!(Window::knows_zone(zone), "{zone}");
    Window {
        days: days.split(' ').map(|day| day.parse().unwrap()).collect(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        zone: zone.to_owned(),
    }
}

#[test]
fn the_next_stretch_is_the_one_under_way_or_the_one_after() {
    // 2026-11-27 is a Friday.
    for (window, now, from, to) in [
        (
            window("sun", "04:00", "06:00", "UTC"),
            "2026-11-27T10:00:00Z",
            "2026-11-29T04:00:00Z",
            "2026-11-29T06:00:00Z",
        ),
        (
            window("sun", "04:00", "06:00", "UTC"),
            "2026-11-29T05:59:59Z",
            "2026-11-29T04:00:00Z",
            "2026-11-29T06:00:00Z",
        ),
        (
            window("sun", "04:00", "06:00", "UTC"),
            "2026-11-29T06:00:00Z",
            "2026-12-06T04:00:00Z",
            "2026-12-06T06:00:00Z",
        ),
        // Across midnight it belongs to the day on which it begins.
        (
            window("fri", "22:00", "02:00", "UTC"),
            "2026-11-28T01:00:00Z",
            "2026-11-27T22:00:00Z",
            "2026-11-28T02:00:00Z",
        ),
        (
            window("fri", "00:00", "24:00", "UTC"),
            "2026-11-27T23:59:00Z",
            "2026-11-27T00:00:00Z",
            "2026-11-28T00:00:00Z",
        ),
        // Berlin is an hour ahead in winter and two in summer.
        (
            window("sun", "04:00", "06:00", "Europe/Berlin"),
            "2026-11-27T10:00:00Z",
            "2026-11-29T03:00:00Z",
            "2026-11-29T05:00:00Z",
        ),
        (
            window("sun", "04:00", "06:00", "Europe/Berlin"),
            "2026-07-04T10:00:00Z",
            "2026-07-05T02:00:00Z",
            "2026-07-05T04:00:00Z",
        ),
        // On 2026-03-29 the clocks of Berlin leave out 02:00 to 03:00.
        (
            window("sun", "02:30", "04:00", "Europe/Berlin"),
            "2026-03-28T10:00:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-29T02:00:00Z",
        ),
    ] {
        let span = window.next(at(now)).unwrap();
        assert_eq!(
            (span.from, span.to),
            (at(from), at(to)),
            "{window} at {now}"
        );
    }
}

#[test]
fn purposes_have_the_windows_of_the_guides() {
    let words = |purpose| {
        let windows = Policy::of(purpose).windows;
        let words = windows.iter().map(ToString::to_string);
        words.collect::<Vec<_>>().join("; ")
    };
    assert_eq!(words(Purpose::Development), "");
    assert_eq!(words(Purpose::Staging), "daily 02:00–04:00 UTC");
    assert_eq!(words(Purpose::Production), "sun 04:00–06:00 UTC");
    assert!(Policy::of(Purpose::Development).is_open(at("2026-11-27T10:00:00Z")));
    assert!(!Policy::of(Purpose::Production).is_open(at("2026-11-27T10:00:00Z")));
}

#[test]
fn patterns_match_the_whole_text() {
    for (pattern, text, matches) in [
        ("v*", "v1.2.3", true),
        ("v*", "1.2.3", false),
        ("main", "main", true),
        ("main", "maintenance", false),
        ("release/*/x", "release/1/x", true),
        ("release/*/x", "release/x", false),
        ("*", "", true),
        ("a*a", "a", false),
        ("v*.*.0", "v1.2.0", true),
        ("v*.*.0", "v1.2.1", false),
    ] {
        assert_eq!(
            TagPattern::new(pattern).matches(text),
            matches,
            "{pattern} {text}"
        );
    }
}

#[test]
fn only_the_tag_itself_with_nothing_changed_is_a_version() {
    let policy = Policy {
        tags_only: Some(TagPattern::new("v*")),
        ..Policy::default()
    };
    let now = at("2026-11-27T10:00:00Z");
    for (tag, dirty, words) in [
        (Some("v1.2.3"), false, ""),
        (Some("v1.2.3-rc-1"), false, ""),
        (None, false, "there is none"),
        (Some("nightly"), false, "`nightly` is not one"),
        (Some("v1.2.3-4-g5e6f7a8"), false, "a commit after one"),
        (Some("v1.2.3"), true, "not as they were tagged"),
    ] {
        let objections = policy.objections(Ask { tag, dirty }, now);
        assert_eq!(objections.is_empty(), words.is_empty(), "{tag:?}");
        assert!(
            objections.iter().all(|one| one.to_string().contains(words)),
            "{objections:?}"
        );
    }
}

#[test]
fn deploys_are_held_to_windows_only_where_that_is_asked_for() {
    let mut policy = Policy::of(Purpose::Production);
    let now = at("2026-11-27T10:00:00Z");
    assert!(policy.objections(Ask::default(), now).is_empty());
    policy.deploys = DeployTime::InWindows;
    let next = Some(at("2026-11-29T04:00:00Z"));
    assert_eq!(
        policy.objections(Ask::default(), now),
        [Objection::OutsideWindows { next }]
    );
    assert!(
        policy
            .objections(Ask::default(), at("2026-11-29T04:00:00Z"))
            .is_empty()
    );
}

#[test]
fn two_policies_together_are_the_stricter_one() {
    let policy = |count, role, self_approval| Policy {
        approval: Some(Approval {
            count,
            role,
            self_approval,
            expires: EXPIRES,
        }),
        ..Policy::default()
    };
    let (a, b) = (
        policy(2, ApproverRole::Operator, true),
        policy(1, ApproverRole::Admin, false),
    );
    let both = Policy::approval_of(&[&a, &b]).unwrap();
    assert_eq!(
        (both.count, both.role, both.self_approval),
        (2, ApproverRole::Admin, false)
    );
    assert_eq!(Policy::approval_of(&[&a, &Policy::default()]), a.approval);
    assert_eq!(Policy::approval_of(&[]), None);
}
