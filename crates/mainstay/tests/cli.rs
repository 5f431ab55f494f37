//! The binary from outside, without a server: what it prints, and how it ends.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes them so")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it cannot go on, and says where"
)]

use snapbox::{assert_data_eq, str};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const COMPOSE: &str = "\
name: tiny
services:
  app:
    environment:
      API_PASSWORD: hunter2
    x-mainstay:
      command: [sh, -c, 'exec true']
";

/// A directory with a `compose.yaml`.
fn stack(compose: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("compose.yaml"), compose).unwrap();
    directory
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    command
        .args(arguments)
        .current_dir(directory)
        .env("XDG_RUNTIME_DIR", directory)
        .env_remove("MAINSTAY_SERVER")
        .env_remove("MAINSTAY_ENV")
        .env_remove("MAINSTAY_STACK")
        .stdin(Stdio::null());
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    command(directory, arguments).output().unwrap()
}

/// Exit code and both streams, as one text.
fn all(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    format!(
        "exit code {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn without_a_server_the_next_command_is_named() {
    let directory = stack(COMPOSE);
    assert_data_eq!(
        all(directory.path(), &["status"]),
        str![[r#"
exit code 1
--- stdout
--- stderr
error: no server runs for this directory
hint: start one: mainstay up

"#]]
    );
    assert_data_eq!(
        all(
            directory.path(),
            &["ps", "--server", "unix:/nonexistent/api.sock"]
        ),
        str![[r#"
exit code 1
--- stdout
--- stderr
error: no server answers at /nonexistent/api.sock
hint: start one there: mainstay serve

"#]]
    );
    assert_data_eq!(
        all(directory.path(), &["logs", "--json"]),
        str![[r#"
exit code 1
--- stdout
--- stderr
{"error":{"causes":[],"class":"environment","hint":"start one: mainstay up","message":"no server runs for this directory","problems":[]}}

"#]]
    );
}

#[test]
fn addresses_that_are_none() {
    let directory = stack(COMPOSE);
    assert_data_eq!(
        all(directory.path(), &["ps", "--server", "nowhere"]),
        str![[r#"
exit code 2
--- stdout
--- stderr
error: `nowhere` is not the address of a server
hint: give a socket, a data directory, or http://HOST:PORT

"#]]
    );
    assert_data_eq!(
        all(directory.path(), &["ps", "--server", "https://example.org"]),
        str![[r#"
exit code 2
--- stdout
--- stderr
error: cannot speak TLS to `https://example.org` yet
hint: reach it over ssh: ssh -L 9900:127.0.0.1:9900 HOST, then --server http://127.0.0.1:9900

"#]]
    );
    assert_data_eq!(
        all(directory.path(), &["-C", "missing", "ps"]),
        str![[r#"
exit code 2
--- stdout
--- stderr
error: no such directory: `missing`
hint: give the directory that holds compose.yaml

"#]]
    );
}

#[test]
fn check_says_ok_or_shows_every_problem() {
    let good = stack(COMPOSE);
    assert_data_eq!(
        all(good.path(), &["check"]),
        str![[r#"
exit code 0
--- stdout
warning[secret/default-password]: `API_PASSWORD` is a default that everybody tries first
 --> compose.yaml:5:7
  |
5 |       API_PASSWORD: •••••••
  |       ^^^^^^^^^^^^
  hint: that will do in development; every other environment refuses it

ok: tiny/dev with 1 service, 1 warning
--- stderr

"#]]
    );
    let bad = stack(&COMPOSE.replace("services", "servces"));
    assert_data_eq!(
        all(bad.path(), &["check"]),
        str![[r#"
exit code 2
--- stdout
error[compose/unknown-key]: unknown key `servces` in compose file
 --> compose.yaml:2:1
  |
2 | servces:
  | ^^^^^^^
  hint: did you mean `services`?

not usable: 1 error
--- stderr

"#]]
    );
    assert_data_eq!(
        all(bad.path(), &["deploy"]),
        str![[r#"
exit code 2
--- stdout
--- stderr
error[compose/unknown-key]: unknown key `servces` in compose file
 --> compose.yaml:2:1
  |
2 | servces:
  | ^^^^^^^
  hint: did you mean `services`?

error: the stack cannot be used: 1 error

"#]]
    );
}

#[test]
fn config_hides_what_is_secret() {
    let directory = stack(COMPOSE);
    for arguments in [&["config"][..], &["config", "--json"]] {
        let text = all(directory.path(), arguments);
        assert!(text.starts_with("exit code 0"), "{text}");
        assert!(text.contains("API_PASSWORD"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_set_value_reaches_the_stack_and_a_wrong_path_is_refused() {
    let directory = stack(COMPOSE);
    let set = ["config", "--set", "app.environment.LEVEL=debug"];
    let text = all(directory.path(), &set);
    assert!(text.contains("LEVEL: debug"), "{text}");
    let output = run(
        directory.path(),
        &["check", "--set", "ap.environment.LEVEL=debug"],
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn init_never_overwrites_unasked() {
    let directory = stack(COMPOSE);
    assert_eq!(run(directory.path(), &["init"]).status.code(), Some(0));
    let file = directory.path().join("mainstay.yaml");
    std::fs::write(&file, "{}\n").unwrap();
    assert_data_eq!(
        all(directory.path(), &["init"]),
        str![[r#"
exit code 2
--- stdout
--- stderr
error: `mainstay.yaml` is there already
hint: overwrite it: mainstay init --force

"#]]
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "{}\n");
    assert_eq!(
        run(directory.path(), &["init", "--force"]).status.code(),
        Some(0)
    );
    assert_ne!(std::fs::read_to_string(&file).unwrap(), "{}\n");
    assert_eq!(run(directory.path(), &["check"]).status.code(), Some(0));
}

#[test]
fn doctor_without_a_server_looks_from_here() {
    let directory = stack(
        "name: tiny\nservices:\n  app:\n    x-mainstay:\n      command: [no-such-program-7f3a]\n",
    );
    let text = all(directory.path(), &["doctor"]);
    assert!(text.starts_with("exit code 1"), "{text}");
    assert!(text.contains("command-not-found: app"), "{text}");
}

#[test]
fn a_failing_build_shows_what_it_printed_and_leaves_nothing() {
    let directory = stack(
        "name: tiny\nservices:\n  app:\n    x-mainstay:\n      build: [sh, -c, 'echo broken on line 7; exit 3']\n      command: [sh]\n",
    );
    let output = run(directory.path(), &["up", "-d"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("broken on line 7\n"), "{errors}");
    assert!(
        errors.contains("the build of app failed (exit status: 3)"),
        "{errors}"
    );
    assert!(!directory.path().join(".mainstay").exists());
}

#[test]
fn a_reader_that_leaves_ends_the_command_quietly() {
    let directory = stack(COMPOSE);
    let mut child = command(directory.path(), &["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(errors, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn completions_are_there_for_each_shell() {
    let directory = stack(COMPOSE);
    for shell in ["bash", "zsh", "fish"] {
        let output = run(directory.path(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(
            String::from_utf8(output.stdout)
                .unwrap()
                .contains("rollback")
        );
    }
}
