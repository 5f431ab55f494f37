//! Each action as it is documented.

use super::*;
use mainstay_series::Labels;

fn parts(action: Action) -> RuleParts {
    RuleParts {
        action,
        ..RuleParts::default()
    }
}

fn source(action: Action, source: &[&str]) -> RuleParts {
    RuleParts {
        source: source.iter().map(ToString::to_string).collect(),
        ..parts(action)
    }
}

/// What the rule makes of `{a="foo", b="bar", c="baz"}`; `None`: dropped.
fn apply(parts: RuleParts) -> Option<String> {
    let mut labels = Labels::from_pairs([("a", "foo"), ("b", "bar"), ("c", "baz")]).to_builder();
    let kept = relabel(&[Rule::new(parts).unwrap()], &mut labels);
    kept.then(|| labels.build().to_string())
}

const SAME: &str = r#"{a="foo", b="bar", c="baz"}"#;

#[test]
fn replace_sets_deletes_and_leaves_alone() {
    let rule = |regex: &str, target: &str, replacement: &str| {
        apply(RuleParts {
            regex: regex.to_owned(),
            target: target.to_owned(),
            replacement: replacement.to_owned(),
            ..source(Action::Replace, &["a", "b"])
        })
        .unwrap()
    };
    assert_eq!(
        rule("f(.*);(.*)r", "a", "b${1}${2}m"),
        r#"{a="boobam", b="bar", c="baz"}"#
    );
    assert_eq!(
        rule("f(?P<x>.*);.*", "d", "$x-$$"),
        r#"{a="foo", b="bar", c="baz", d="oo-$"}"#
    );
    assert_eq!(rule("foo", "d", "x"), SAME, "the expression is anchored");
    assert_eq!(rule("(.*);.*", "c", ""), r#"{a="foo", b="bar"}"#);
    assert_eq!(
        rule("(.*);.*", "c", "$2"),
        r#"{a="foo", b="bar"}"#,
        "no such group is nothing"
    );
    assert_eq!(
        rule("(.*);.*", "l_$1", "x"),
        r#"{a="foo", b="bar", c="baz", l_foo="x"}"#
    );
    assert_eq!(rule("(.*);.*", "$2", "x"), SAME, "no name to set");
    // A set of three characters, as in RE2, and no intersection.
    assert_eq!(rule("[f&&o;]+bar", "c", ""), r#"{a="foo", b="bar"}"#);
}

#[test]
fn keep_and_drop_look_at_the_whole_value() {
    let rule = |action, regex: &str| {
        apply(RuleParts {
            regex: regex.to_owned(),
            ..source(action, &["a"])
        })
    };
    assert_eq!(rule(Action::Keep, "fo+").as_deref(), Some(SAME));
    assert_eq!(rule(Action::Keep, "f"), None);
    assert_eq!(rule(Action::Drop, "f").as_deref(), Some(SAME));
    assert_eq!(rule(Action::Drop, "f.*"), None);
    let missing = RuleParts {
        regex: ".+".to_owned(),
        ..source(Action::Drop, &["none"])
    };
    assert_eq!(apply(missing).as_deref(), Some(SAME));
}

#[test]
fn equal_compares_with_another_label() {
    let rule = |action, name: &str, target: &str| {
        apply(RuleParts {
            target: target.to_owned(),
            ..source(action, &[name])
        })
    };
    assert_eq!(rule(Action::KeepEqual, "a", "a").as_deref(), Some(SAME));
    assert_eq!(rule(Action::KeepEqual, "a", "b"), None);
    assert_eq!(
        rule(Action::DropEqual, "none", "nor"),
        None,
        "both are nothing"
    );
    assert_eq!(rule(Action::DropEqual, "a", "b").as_deref(), Some(SAME));
}

#[test]
fn hashmod_agrees_with_md5() {
    // printf 'foo;bar' | md5sum: the last eight bytes modulo 1000.
    let parts = RuleParts {
        target: "d".to_owned(),
        modulus: 1000,
        ..source(Action::HashMod, &["a", "b"])
    };
    let made = apply(parts).unwrap();
    assert_eq!(made, r#"{a="foo", b="bar", c="baz", d="750"}"#);
    assert_eq!(
        hash(""),
        0xe980_0998_ecf8_427e,
        "the end of the well-known sum of nothing"
    );
}

#[test]
fn names_are_mapped_kept_and_dropped() {
    let rule = |action, regex: &str, replacement: &str| {
        apply(RuleParts {
            regex: regex.to_owned(),
            replacement: replacement.to_owned(),
            ..parts(action)
        })
        .unwrap()
    };
    let mapped = rule(Action::LabelMap, "(a|b)", "x_$1");
    assert_eq!(
        mapped,
        r#"{a="foo", b="bar", c="baz", x_a="foo", x_b="bar"}"#
    );
    assert_eq!(rule(Action::LabelDrop, "a|b", "$1"), r#"{c="baz"}"#);
    assert_eq!(
        rule(Action::LabelKeep, "a|b", "$1"),
        r#"{a="foo", b="bar"}"#
    );
}

#[test]
fn case_is_changed() {
    let upper = RuleParts {
        target: "d".to_owned(),
        ..source(Action::Uppercase, &["a"])
    };
    assert_eq!(
        apply(upper).unwrap(),
        r#"{a="foo", b="bar", c="baz", d="FOO"}"#
    );
    let lower = RuleParts {
        target: "a".to_owned(),
        ..source(Action::Lowercase, &["a", "b"])
    };
    assert_eq!(apply(lower).unwrap(), r#"{a="foo;bar", b="bar", c="baz"}"#);
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    for (parts, error) in [
        (
            parts(Action::Replace),
            "action `replace` needs `target_label`",
        ),
        (
            RuleParts {
                target: "a".to_owned(),
                ..parts(Action::HashMod)
            },
            "action `hashmod` needs `modulus`",
        ),
        (
            source(Action::LabelDrop, &["a"]),
            "action `labeldrop` takes no `source_labels`",
        ),
        (
            RuleParts {
                target: "a".to_owned(),
                regex: "x".to_owned(),
                ..parts(Action::KeepEqual)
            },
            "action `keepequal` takes no `regex`",
        ),
        (
            RuleParts {
                regex: "a)(b".to_owned(),
                ..parts(Action::Keep)
            },
            "`a)(b` is not a regular expression: error: unopened group",
        ),
    ] {
        assert_eq!(Rule::new(parts).unwrap_err().to_string(), error);
    }
}
