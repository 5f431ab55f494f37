//! Every rule finds what it is for, and nothing in the file that was mended.
//!
//! Write the findings anew with `SNAPSHOTS=overwrite cargo test -p mainstay-audit golden`.

use crate::cases::CASES;
use mainstay_audit::{Finding, Surroundings, dockerfile, dockerfile_findings, reference, rule};
use snapbox::{Data, assert_data_eq};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn findings(text: &str) -> Vec<Finding> {
    let around = Surroundings {
        has_ignore_file: Some(false),
        ..Surroundings::default()
    };
    dockerfile_findings(&dockerfile::parse("Dockerfile", text), &around)
}

#[test]
fn each_rule_finds_its_case_and_not_the_mended_one() {
    for case in CASES {
        let of_rule = |text: &str| -> Vec<String> {
            findings(text)
                .iter()
                .filter(|finding| finding.rule == case.rule)
                .map(ToString::to_string)
                .collect()
        };
        assert!(
            !of_rule(case.bad).is_empty(),
            "{}: not found in\n{}",
            case.rule,
            case.bad
        );
        assert_eq!(
            of_rule(case.good),
            [""; 0],
            "{}: found in\n{}",
            case.rule,
            case.good
        );
    }
}

#[test]
fn each_rule_about_dockerfiles_has_a_case() {
    let cased: BTreeSet<_> = CASES.iter().map(|case| case.rule).collect();
    let rules: BTreeSet<_> = rule::rules()
        .filter(|rule| rule.subject() == "dockerfile")
        .map(|rule| rule.id)
        .collect();
    assert_eq!(cased, rules);
}

#[test]
fn what_is_said_is_what_was_said() {
    let mut said = String::new();
    for case in CASES {
        let _ = writeln!(said, "=== {}\n{}---", case.rule, case.bad);
        for finding in findings(case.bad) {
            if finding.rule == case.rule {
                let _ = writeln!(said, "{finding}");
            }
        }
        said.push('\n');
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/findings.txt");
    assert_data_eq!(said.clone(), Data::read_from(&golden, None).raw());
    assert!(!said.split("---").skip(1).any(|part| {
        part.split("===")
            .next()
            .is_some_and(|found| found.contains("hunter2"))
    }));
}

#[test]
fn a_file_that_does_everything_right_has_no_finding_worth_more_than_low() {
    let text = "# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM rust:1.90-slim@sha256:ab AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN cargo build --release --locked

FROM gcr.io/distroless/cc-debian12:nonroot@sha256:cd
LABEL org.opencontainers.image.source=\"https://example.org/app\"
COPY --from=build /src/target/release/app /app
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s CMD [\"/app\", \"health\"]
ENTRYPOINT [\"/app\"]
";
    let said: Vec<String> = findings(text).iter().map(ToString::to_string).collect();
    assert_eq!(said, [""; 0]);
}

#[test]
fn the_surroundings_take_findings_away() {
    let text = "FROM debian:12 AS app\nCOPY . /app\nFROM debian:12 AS test\nRUN sudo x\nUSER 1\n";
    let around = Surroundings {
        target: Some("app".to_owned()),
        has_ignore_file: Some(true),
        has_health_check: true,
        has_user: true,
    };
    let found = dockerfile_findings(&dockerfile::parse("Dockerfile", text), &around);
    for rule in [
        "dockerfile/root-user",
        "dockerfile/copy-all",
        "dockerfile/healthcheck-missing",
    ] {
        assert!(found.iter().all(|finding| finding.rule != rule), "{rule}");
    }
    let around = Surroundings {
        target: Some("prod".to_owned()),
        ..Surroundings::default()
    };
    let found = dockerfile_findings(&dockerfile::parse("Dockerfile", text), &around);
    assert!(found[0].message.contains("no stage `prod`"), "{}", found[0]);
}

#[test]
fn the_reference_page_is_written_from_the_table() {
    let path = repository().join("docs/reference/audit-rules.md");
    assert_data_eq!(reference::page(), Data::read_from(&path, None).raw());
}
