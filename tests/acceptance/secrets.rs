//! A secret value is where it is needed, and nowhere else.
//!
//! Each value is drawn anew in every run, so that finding one is no accident. A whole run is
//! searched: what commands say, what the API answers, every file of the data directory, the
//! arguments of every process, and the environment of every process but the instances that are
//! given it.

use crate::site::{QUICK, Said, Site, compose, finish};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

/// As long as it takes to be nobody else's text.
fn drawn() -> String {
    let mut bytes = [0; 16];
    let mut random = std::fs::File::open("/dev/urandom").unwrap();
    random.read_exact(&mut bytes).unwrap();
    format!("{:032x}", u128::from_be_bytes(bytes))
}

/// A site with one secret from every kind of source that needs no other machine.
struct Kept {
    site: Site,
    /// Where it comes from → its value.
    values: BTreeMap<&'static str, String>,
    /// Of the shell that commands run in.
    shell: BTreeMap<&'static str, String>,
}

const OPERATION: &str = "
secrets:
  of_shell: {min_length: 16, format: hex}
  of_file: {from: file, path: keys/of_file}
  of_age: {from: age, format: hex}
  composed:
    from: template
    template: \"postgres://app:{of_shell|urlencode}@db/app\"
";

const GRANTS: &str = "    secrets: [of_shell, of_compose, {source: of_file, target: /etc/key.pem}]
    configs: [{source: settings, target: /etc/settings.conf}]
secrets:
  of_shell: {external: true}
  of_file: {external: true}
  of_compose: {environment: OF_COMPOSE}
configs:
  settings: {content: \"of dotenv: ${OF_DOTENV_PASSWORD}\"}
";

impl Kept {
    fn new() -> Self {
        let mut kept = Self {
            site: Site::empty(),
            values: BTreeMap::new(),
            shell: BTreeMap::new(),
        };
        for source in ["shell", "compose", "dotenv", "file", "age", "set"] {
            kept.values.insert(source, drawn());
        }
        let site = &kept.site;
        let (shell, compose_value) = (kept.value("shell"), kept.value("compose"));
        kept.shell = BTreeMap::from([
            ("OF_SHELL", shell.to_owned()),
            ("OF_COMPOSE", compose_value.to_owned()),
            (
                "MAINSTAY_AGE_KEY_FILE",
                site.path().join("age.key").display().to_string(),
            ),
        ]);
        let dotenv = format!("OF_DOTENV_PASSWORD={}\n", kept.value("dotenv"));
        site.write(".env", &dotenv);
        site.write("keys/of_file", &format!("{}\n", kept.value("file")));
        let key = site.path().join("keys/of_file");
        std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let more = "      OF_DOTENV: ${OF_DOTENV_PASSWORD}\n      KEY_AT: /etc/key.pem\n";
        let text = compose(2, more).replacen(
            "      command: [",
            "      secrets: {OF_AGE: of_age, DATABASE_DSN: composed}\n      command: [",
            1,
        );
        site.write("compose.yaml", &(text + GRANTS));
        site.write("mainstay.yaml", &format!("{QUICK}{OPERATION}"));
        kept
    }

    fn value(&self, source: &str) -> &str {
        &self.values[source]
    }

    /// Runs a command to its end, with `input`.
    fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let mut command = self.site.command(arguments);
        command
            .envs(&self.shell)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = finish(child, Duration::from_secs(90));
        let words = arguments.join(" ");
        let output =
            output.unwrap_or_else(|said| panic!("`mainstay {words}` does not end; {said}"));
        Said::new(words, output)
    }

    fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments).with_code(0);
        self.assert_silent(&said, &arguments.join(" "));
        said.out()
    }

    /// What an instance sees of its own.
    fn seen(&self, script: &str) -> String {
        let said = self.run(&["exec", "app", "--", "sh", "-c", script]);
        said.with_code(0).out().trim().to_owned()
    }

    fn assert_silent(&self, said: &Said, what: &str) {
        self.assert_none(what, (said.out() + &said.err()).as_bytes());
    }

    /// That none of the values stands in the bytes, as it is or percent-encoded.
    fn assert_none(&self, what: &str, bytes: &[u8]) {
        for (source, value) in &self.values {
            let found = bytes
                .windows(value.len())
                .any(|window| window == value.as_bytes());
            assert!(!found, "the value of `{source}` stands in {what}");
        }
    }

    /// Everything that can be asked, and everything that lies or runs about.
    fn search(&self, when: &str) {
        for question in [
            &["config"][..],
            &["config", "--json"],
            &["check"],
            &["check", "--json"],
            &["status"],
            &["status", "--json"],
            &["ps", "--json"],
            &["events", "--json", "--limit", "1000"],
            &["releases", "--json"],
            &["releases", "show", "1", "--json"],
            &["rollout", "status", "--json"],
            &["doctor", "--json"],
            &["debug", "app"],
            &["logs", "-n", "1000"],
            &["journal", "verify", "--json"],
            &["secret", "list"],
            &["secret", "list", "--json"],
            &["secret", "check"],
            &["secret", "keys", "list"],
        ] {
            let said = self.run(question);
            self.assert_silent(&said, &format!("`{}` {when}", question.join(" ")));
        }
        self.search_api(when);
        self.search_files(when);
        self.search_processes(when);
    }

    fn search_api(&self, when: &str) {
        let token = self.ok(&[
            "token",
            "create",
            &format!("t{}", drawn()),
            "--role",
            "admin",
        ]);
        let pair = "/api/v1/environments/shop/dev";
        let mut paths: Vec<String> = ["", "/releases", "/rollout", "/secrets", "/doctor"]
            .iter()
            .map(|rest| format!("{pair}{rest}"))
            .collect();
        paths.extend((1..=4).map(|number| format!("{pair}/releases/{number}")));
        paths.extend(["/status", "/metrics", "/api/v1/environments"].map(str::to_owned));
        paths.push("/api/v1/events?limit=1000".to_owned());
        let mut answered = 0;
        for path in paths {
            let answer = self.ask(&path, token.trim());
            answered += usize::from(answer.starts_with("HTTP/1.1 200"));
            self.assert_none(&format!("the answer to {path} {when}"), answer.as_bytes());
        }
        assert!(answered > 6, "only {answered} answers");
    }

    /// GET of the API over TCP.
    fn ask(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(self.site.api()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let host = self.site.api();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The data directory, and what is encrypted in the repository.
    fn search_files(&self, when: &str) {
        let mut looked_at = 0;
        every_file(&self.site.path().join(".mainstay"), &mut |path, bytes| {
            looked_at += 1;
            self.assert_none(&format!("{} {when}", path.display()), bytes);
        });
        assert!(looked_at > 8, "only {looked_at} files");
        for name in ["secrets.dev.age", "secrets.dev.age.recipients"] {
            let bytes = std::fs::read(self.site.path().join(name)).unwrap();
            self.assert_none(name, &bytes);
        }
    }

    fn search_processes(&self, when: &str) {
        let mut searched = 0;
        for process in self.site.processes() {
            let what = format!("the arguments of {process:?} {when}");
            self.assert_none(&what, process.arguments.as_bytes());
            // A shim has the mark of its directory and is no instance; an instance has its values.
            if process.instance.is_none() {
                searched += 1;
                let path = format!("/proc/{}/environ", process.pid);
                let bytes = std::fs::read(path).unwrap_or_default();
                self.assert_none(&format!("the environment of {process:?} {when}"), &bytes);
            }
        }
        assert!(
            searched > 1,
            "only {searched} processes beside the instances"
        );
    }

    /// Where the instance finds its files.
    fn directory(&self) -> PathBuf {
        let path = self.seen("dirname $OF_SHELL_FILE");
        PathBuf::from(path)
    }
}

fn every_file(directory: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            every_file(&path, look);
        } else if let Ok(bytes) = std::fs::read(&path) {
            look(&path, &bytes);
        }
    }
}

#[test]
fn secrets_of_every_source_reach_their_service_and_nothing_else() {
    let kept = Kept::new();
    let recipient = kept.ok(&["secret", "keys", "create"]);
    assert!(recipient.starts_with("age1"), "{recipient}");
    let missing = kept.run(&["check"]).with_code(2);
    missing.says("`of_age`").says("mainstay secret set of_age");
    let set = kept.run_with(&["secret", "set", "of_age"], kept.value("age"));
    kept.assert_silent(&set.with_code(0).says("set of_age"), "secret set");
    kept.ok(&["up", "--detach"]);

    for (script, source) in [
        ("cat $OF_SHELL_FILE", "shell"),
        ("cat $OF_COMPOSE_FILE", "compose"),
        ("cat $KEY_AT", "file"),
        ("echo $OF_AGE", "age"),
        ("echo $OF_DOTENV", "dotenv"),
    ] {
        assert_eq!(kept.seen(script), kept.value(source), "{script}");
    }
    let dsn = format!("postgres://app:{}@db/app", kept.value("shell"));
    assert_eq!(kept.seen("echo $DATABASE_DSN"), dsn);
    let settings = kept.seen("cat $SETTINGS_FILE");
    assert_eq!(settings, format!("of dotenv: {}", kept.value("dotenv")));
    let file = kept.directory().join("of_shell").metadata().unwrap();
    assert_eq!(file.mode() & 0o777, 0o400);
    kept.search("once it is up");

    // A bad release leaves evidence, another value comes and goes.
    let bad = ["deploy", "--set", "app.environment.FAULT_START=crash"];
    let bad = kept.run(&bad).with_code(1);
    kept.assert_silent(&bad, "a deploy that failed");
    let set = kept.run_with(&["secret", "set", "of_age"], kept.value("set"));
    set.with_code(0).says("replaced of_age");
    kept.ok(&["deploy"]);
    assert_eq!(kept.seen("echo $OF_AGE"), kept.value("set"));
    kept.search("after a bad release and another value");
    kept.ok(&["rollback"]);
    assert_eq!(kept.seen("echo $OF_AGE"), kept.value("age"));
    kept.search("after a rollback");

    let directory = kept.directory();
    assert!(directory.exists());
    kept.ok(&["down"]);
    assert!(!directory.exists(), "{} is left", directory.display());
    kept.search_files("after it is down");
}

#[test]
fn a_changed_secret_replaces_the_services_that_have_it_and_no_others() {
    let site = Site::sample();
    let text = compose(1, "").replacen(
        "      command: [",
        "      secrets: {TOKEN: token}\n      command: [",
        1,
    );
    let other = "  other:\n    x-mainstay: {command: [sleep, \"600\"]}\n";
    site.write("compose.yaml", &(text + other));
    site.write(
        "mainstay.yaml",
        &format!("{QUICK}\nsecrets:\n  token: {{from: file, path: token}}\n"),
    );
    let write = |value: &str| {
        site.write("token", value);
        let path = site.path().join("token");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&drawn());
    site.up();
    let before = site.running_instances();
    let since = |site: &Site| site.json(&["secret", "list"])[0]["release"].clone();
    assert_eq!(since(&site), "r1");
    site.ok(&["deploy"]);
    assert_eq!(site.running_instances(), before, "nothing has changed");
    write(&drawn());
    site.ok(&["deploy"]);
    assert_eq!(since(&site), "r2");
    let after = site.running_instances();
    let of = |all: &[String], name: &str| {
        let all = all.iter().filter(|id| id.contains(name));
        all.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of(&before, "-other-"), of(&after, "-other-"));
    assert_ne!(of(&before, "-app-"), of(&after, "-app-"));
}

#[test]
fn all_that_is_wrong_with_secrets_is_told_at_once_and_nothing_is_touched() {
    let site = Site::sample();
    let text = compose(1, "      ADMIN_PASSWORD: deepecho123\n").replacen(
        "      command: [",
        "      secrets: {A: unset, B: gone, C: sealed, D: short}\n      command: [",
        1,
    );
    site.write("compose.yaml", &text);
    let operation = "
environments:
  staging: {}
secrets:
  unset: {}
  gone: {from: file, path: gone.key}
  sealed: {from: age}
  short: {from: file, path: short.key, min_length: 16}
";
    site.write("mainstay.yaml", &format!("{QUICK}{operation}"));
    site.write("short.key", "abc-of-three");
    let nowhere = site.path().join("no-config").display().to_string();
    let mut deploy = site.command(&["up", "--detach", "--env", "staging"]);
    deploy
        .env("XDG_CONFIG_HOME", nowhere)
        .env_remove("MAINSTAY_AGE_KEY_FILE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = finish(deploy.spawn().unwrap(), Duration::from_secs(60)).unwrap();
    let said = Said::new("up --env staging".to_owned(), output).with_code(2);
    said.says("`ADMIN_PASSWORD` is a default that everybody tries first")
        .says("needs the variable `UNSET`")
        .says("gone.key`, which is not there")
        .says("you have no age identity")
        .says("has 12 characters, and `min_length` is 16")
        .says("mainstay secret keys create");
    assert!(
        !site.path().join(".mainstay").exists(),
        "a server was started"
    );
}
