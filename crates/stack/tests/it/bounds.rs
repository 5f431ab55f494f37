//! Bounds hold whatever a file says, and nothing panics.

use mainstay_stack::{LIMIT_FILE_BYTES, MemoryLoader, Request, Resolution, resolve};
use proptest::prelude::*;

fn resolved(compose: &str, mainstay: Option<&str>) -> Resolution {
    let mut files = MemoryLoader::default().with("/shop/compose.yaml", compose);
    if let Some(text) = mainstay {
        files = files.with("/shop/mainstay.yaml", text);
    }
    let request = Request {
        directory: "/shop".into(),
        ..Request::default()
    };
    resolve(&files, &request)
}

#[test]
fn a_file_above_the_limit_is_refused_unread() {
    let resolution = resolved(&"#".repeat(LIMIT_FILE_BYTES + 1), None);
    let problem = resolution.problems.iter().next().expect("a problem");
    assert_eq!(problem.code, "yaml/too-large");
}

/// Pieces that files are made of, so that random texts get past the first line.
const PIECES: &[&str] = &[
    "services:",
    "app:",
    "db:",
    "x-mainstay:",
    "command:",
    "{command: bin/app}",
    "ports:",
    "\"8000:8000\"",
    "1-9:1-9",
    "volumes:",
    "data:/data",
    "environment:",
    "A=b",
    "${A:-${B}}",
    "$$",
    "${",
    "extends:",
    "include:",
    "compose.yaml",
    "&a",
    "*a",
    "<<:",
    "!reset",
    "!override",
    "null",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    "- ",
    "? ",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "depends_on:",
    "app",
    "deploy:",
    "replicas:",
    "2",
    "healthcheck:",
    "test:",
    "|",
    ">",
    "'",
    "\"",
    "routes:",
    "path:",
    "/",
    "service:",
    "health:",
    "http:",
    "environments:",
    "dev:",
    "strategy:",
    "blue-green",
    "steps:",
    "é",
    "\t",
    "#",
    "---",
    "name:",
    "shop",
    "secrets:",
    "image:",
    "postgres:16",
    "build:",
    "networks:",
    "network_mode:",
    "extra_hosts:",
    "gpus:",
    "devices:",
    "ulimits:",
    "engine:",
    "target: docker",
    "stateful:",
];

fn pieces() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..40)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn nothing_panics_on_pieces(compose in pieces(), mainstay in pieces()) {
        let resolution = resolved(&compose, Some(&mainstay));
        prop_assert_eq!(resolution.stack.is_none(), resolution.problems.has_errors());
    }

    #[test]
    fn nothing_panics_on_any_text(compose in ".{0,200}", mainstay in ".{0,200}") {
        resolved(&compose, Some(&mainstay));
    }

    #[test]
    fn any_value_is_carried_into_the_environment(value in "[^\\p{C}$]{0,40}") {
        let quoted = serde_json::to_string(&value).expect("text");
        let compose = format!(
            "name: shop\nservices:\n  app:\n    x-mainstay: {{command: bin/app}}\n    environment: {{A: {quoted}}}\n"
        );
        let resolution = resolved(&compose, None);
        let stack = resolution.stack.expect("a stack");
        prop_assert_eq!(stack.services["app"].environment["A"].text.expose(), &value);
    }

    #[test]
    fn any_value_set_is_carried_whole(value in "[^\\p{C}]{0,40}") {
        let files = MemoryLoader::default().with(
            "/shop/compose.yaml",
            "services: {app: {x-mainstay: {command: bin/app}}}",
        );
        let request = Request {
            directory: "/shop".into(),
            sets: vec![format!("app.environment.A={value}")],
            ..Request::default()
        };
        let stack = resolve(&files, &request).stack.expect("a stack");
        prop_assert_eq!(stack.services["app"].environment["A"].text.expose(), &value);
    }
}
