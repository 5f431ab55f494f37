//! Files as people write them, before and after.

use super::*;

const BODY: &str = "# Tried here first.\npurpose: staging\ncompose: [compose.staging.yaml]\n";

fn added(text: &str) -> String {
    add_environment(text, "staging", BODY).unwrap().text
}

const NEW: &str = "  staging:\n    # Tried here first.\n    purpose: staging\n    compose: [compose.staging.yaml]\n";

#[test]
fn a_new_environment_stands_behind_the_others_and_nothing_else_moves() {
    for (before, after) in [
        ("", format!("environments:\n{NEW}")),
        ("# empty\n", format!("# empty\n\nenvironments:\n{NEW}")),
        (
            "deploy: {watch: 1s}",
            format!("deploy: {{watch: 1s}}\n\nenvironments:\n{NEW}"),
        ),
        ("environments:\n", format!("environments:\n{NEW}")),
        (
            "environments:\n  dev: {}\n\n# How.\ndeploy:\n  watch: 1s\n",
            format!("environments:\n  dev: {{}}\n{NEW}\n# How.\ndeploy:\n  watch: 1s\n"),
        ),
        (
            "environments:\n  dev:\n    variables:\n      TEXT: |\n        one\n\n        two\n  # production:\n  #   later\nroutes: []\n",
            format!(
                "environments:\n  dev:\n    variables:\n      TEXT: |\n        one\n\n        two\n  # production:\n  #   later\n{NEW}routes: []\n"
            ),
        ),
    ] {
        assert_eq!(added(before), after, "{before:?}");
    }
    let deep = added("environments:\n    dev: {}\n");
    assert!(deep.contains("\n    staging:\n      # Tried"), "{deep}");
}

#[test]
fn what_cannot_be_edited_safely_is_refused() {
    let add = |text: &str| add_environment(text, "staging", BODY).unwrap_err();
    assert_eq!(add("environments: {dev: {}}\n"), EditError::Style);
    assert_eq!(add("{environments: {}}\n"), EditError::Style);
    assert_eq!(add("- a\n"), EditError::Style);
    assert_eq!(add("a: 1\n---\nb: 1\n"), EditError::Documents);
    assert!(matches!(add("a: [\n"), EditError::Unreadable(_)));
    let there = "environments:\n  staging: {}\n";
    assert_eq!(add(there), EditError::Exists("staging".into()));
    // The mapping goes on behind the document's end mark, or not at all.
    let ended = "environments:\n  dev: {}\n...\n";
    assert!(add_environment(ended, "staging", BODY).is_ok_and(|edit| edit.text.ends_with("...\n")));
    assert!(matches!(
        add("{deploy: {}}\n"),
        EditError::Unreadable(_) | EditError::Style | EditError::Unsafe(_)
    ));
}

#[test]
fn an_environment_goes_with_its_comment_and_comes_back_the_same() {
    for before in [
        "environments:\n  dev: {}\n",
        "# x\nenvironments:\n  dev: {}\n\n  # of its own\n  production:\n    purpose: production\n\n# How.\ndeploy: {}\n",
        "deploy: {}\n\nenvironments:\n  dev:\n    variables: {A: b}\n",
    ] {
        let with = add_environment(before, "staging", BODY).unwrap();
        let removed = remove_environment(&with.text, "staging").unwrap();
        assert_eq!(removed.text, before);
        assert_eq!(removed.lines, NEW.trim_end_matches('\n'));
    }
    let commented = "environments:\n  dev: {}\n  # Old.\n  # Very old.\n  qa:\n    purpose: staging\n  # Of production.\n  production: {}\n";
    let removed = remove_environment(commented, "qa").unwrap();
    assert_eq!(
        removed.text,
        "environments:\n  dev: {}\n  # Of production.\n  production: {}\n"
    );
    assert_eq!(removed.line, 3);
    let only = remove_environment("environments:\n  qa: {}\ndeploy: {}\n", "qa").unwrap();
    assert_eq!(only.text, "environments:\ndeploy: {}\n");
}

#[test]
fn what_others_point_to_is_not_taken_out() {
    let anchored = "environments:\n  qa: &qa\n    purpose: staging\n  dr: *qa\n";
    let refused = remove_environment(anchored, "qa").unwrap_err();
    assert!(
        matches!(refused, EditError::Unreadable(_) | EditError::Unsafe(_)),
        "{refused}"
    );
    assert_eq!(
        remove_environment("environments: {qa: {}}\n", "qa"),
        Err(EditError::Style)
    );
    assert_eq!(
        remove_environment("deploy: {}\n", "qa"),
        Err(EditError::Missing("qa".into()))
    );
}
