//! Alerts: a rule that comes with a release fires, is told, is kept quiet, and is over; through crashes,
//! and by the tools of Alertmanager.

use crate::hook::Hook;
use crate::site::{QUICK, Site};
use std::io::Write as _;
use std::process::Command;

const RULES: &str = "\
groups:
- name: app
  interval: 1s
  rules:
  - record: app:instances
    expr: count(up{job=\"app\"} == 1)
  - alert: Down
    expr: up{job=\"app\"} == 0
    labels: {severity: critical}
    annotations: {summary: '{{ $labels.instance }} does not answer'}
  - alert: Slow
    expr: app:instances > 0
    for: 1h
    labels: {severity: warning}
";

/// Short waits, whoever is told.
fn routing(hook: &Hook) -> String {
    format!(
        "route: {{receiver: ops, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}}\nreceivers: [{{name: ops, webhook_configs: [{{url: '{}'}}]}}]\n",
        hook.url("/ops?token=hook-secret")
    )
}

fn site(hook: &Hook) -> Site {
    let site = Site::sample();
    site.write(".mainstay/alertmanager.yml", &routing(hook));
    site.write(
        ".mainstay/server.yaml",
        "metrics: {interval: 1s}\nalerts: {interval: 1s, packs: [], routing: alertmanager.yml}\n",
    );
    site.write("ops/rules.yml", RULES);
    site.write(
        "mainstay.yaml",
        &format!("{QUICK}alerts: {{rules: [ops/rules.yml]}}\n"),
    );
    site
}

/// Stops one instance from answering for its metrics, and lets it again.
fn freeze(site: &Site, instance: &str, freeze: bool) {
    let end = format!("-{instance}");
    let mut processes = site.processes().into_iter();
    let found = processes.find(|process| {
        process
            .instance
            .as_ref()
            .is_some_and(|name| name.ends_with(&end))
    });
    let pid = found.unwrap().pid;
    let signal = if freeze { "-STOP" } else { "-CONT" };
    let done = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(done.unwrap().success());
}

/// Waits until both instances are scraped and the rules have seen it.
fn evaluated(site: &Site) {
    site.eventually("the rules are evaluated", || {
        let recorded = site.json(&["query", "app:instances{environment=\"dev\"}"]);
        recorded["result"][0]["value"][1] == "2"
    });
}

/// What `alerts why` says, whatever it is.
fn why(site: &Site) -> String {
    site.run(&["alerts", "why", "Down"]).out()
}

#[test]
fn an_alert_is_told_once_kept_through_a_crash_and_told_to_be_over() {
    let hook = Hook::start();
    let site = site(&hook);
    site.up();
    evaluated(&site);
    assert!(site.ok(&["alerts"]).contains("Slow"), "it is pending");
    assert!(
        site.ok(&["rules", "list"])
            .contains("shop/dev/ops/rules.yml")
    );
    site.run(&["rules", "list", "--failed"])
        .with_code(0)
        .says("every rule could be evaluated");
    assert!(site.ok(&["rules", "packs"]).contains("whisperengine"));
    site.run(&["rules", "packs", "mainsty"])
        .with_code(2)
        .says("did you mean `mainstay`?");
    freeze(&site, "app-r1-1", true);
    site.eventually("the receiver is told", || hook.told("Down", "firing") > 0);
    let told = hook.received()[0].clone();
    assert_eq!(told.path, "/ops?token=hook-secret");
    let alert = &told.body["alerts"][0];
    assert_eq!(alert["labels"]["instance"], "app-r1-1");
    assert_eq!(alert["labels"]["environment"], "dev");
    assert_eq!(alert["annotations"]["summary"], "app-r1-1 does not answer");
    site.eventually("that it was told is written down", || {
        site.events()
            .iter()
            .any(|event| event.starts_with("alert.delivered"))
    });
    // Killed: what was told is not told again, and what fires goes on.
    site.kill_server();
    site.start_server();
    site.eventually("it still fires", || site.ok(&["alerts"]).contains("Down"));
    site.run(&["alerts", "list", "--check"]).with_code(1);
    // Its rules are read anew after the start.
    for words in [
        "ops/rules.yml",
        "it fires",
        "takes it, for ops",
        "webhook[0]: last told",
    ] {
        site.eventually(words, || why(&site).contains(words));
    }
    assert_eq!(hook.told("Down", "firing"), 1, "{:?}", hook.received());
    freeze(&site, "app-r1-1", false);
    site.eventually("the receiver is told that it is over", || {
        hook.told("Down", "resolved") > 0
    });
    assert_eq!(hook.told("Down", "firing"), 1);
    let events = site.events().join("\n");
    assert!(events.contains("alert.delivered"), "{events}");
    let log = site.story();
    assert!(!log.contains("hook-secret"), "{log}");
    site.run(&["alerts", "why", "Nobody"]).with_code(2);
    site.ok(&["down"]);
}

#[test]
fn silences_and_acknowledgements_keep_quiet_and_amtool_sees_them() {
    let hook = Hook::start();
    let site = site(&hook);
    site.up();
    evaluated(&site);
    site.ok(&[
        "silence",
        "add",
        "alertname=Down",
        "--for",
        "1h",
        "--comment",
        "known",
    ]);
    assert!(site.ok(&["silence", "list"]).contains("alertname=\"Down\""));
    site.run(&["silence", "add", "alertname", "--comment", "x"])
        .with_code(2)
        .says("no matcher");
    freeze(&site, "app-r1-1", true);
    site.eventually("it fires and is silenced", || {
        site.ok(&["alerts"]).contains("silenced by")
    });
    assert_eq!(hook.told("Down", "firing"), 0);
    let token = site.ok(&["token", "create", "amtool", "--role", "operator"]);
    let token = token.trim();
    let url = format!("http://amtool:{token}@{}/alertmanager", site.api());
    if let Some(said) = amtool(&url, &["alert", "query", "--silenced"]) {
        assert!(said.contains("Down"), "{said}");
        let silences = amtool(&url, &["silence", "query", "-q"]).unwrap();
        amtool(&url, &["silence", "expire", silences.trim()]).unwrap();
    } else {
        let id = site.json(&["silence", "list"])["silences"][0]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        site.ok(&["silence", "expire", &id]);
    }
    site.eventually("the silence is over", || hook.told("Down", "firing") > 0);
    site.ok(&["alerts", "ack", "Down", "--comment", "on it"]);
    let why = why(&site);
    assert!(why.contains("acknowledged by"), "{why}");
    site.run(&["alerts", "ack", "Nothing"])
        .with_code(2)
        .says("no alert `Nothing`");
    site.run(&["alerts", "test", "ops"])
        .with_code(0)
        .says("webhook[0]: told");
    site.run(&["alerts", "test", "op"])
        .says("did you mean `ops`?");
    freeze(&site, "app-r1-1", false);
    site.ok(&["down"]);
}

#[test]
fn a_silence_of_every_week_is_kept_through_a_crash_until_it_is_taken_back() {
    let hook = Hook::start();
    let site = site(&hook);
    site.up();
    let weekly = ["silence", "add", "service=reports", "--weekly"];
    let every = [
        &weekly[..],
        &[
            "sun 02:00-04:00",
            "--zone",
            "Europe/Berlin",
            "--comment",
            "backup",
        ],
    ];
    site.ok(&every.concat());
    let listed = site.ok(&["silence", "list"]);
    assert!(listed.contains("sun 02:00-04:00 Europe/Berlin"), "{listed}");
    let wrong = [
        &weekly[..],
        &["sun 02:00-04:00", "--zone", "Mars", "--comment", "x"],
    ];
    site.run(&wrong.concat())
        .with_code(2)
        .says("no zone `Mars`");
    site.kill_server();
    site.start_server();
    site.run(&["silence", "expire", "nothing"]).with_code(2);
    let id = site.json(&["silence", "list"])["weekly"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    site.ok(&["silence", "expire", &id]);
    assert!(!site.ok(&["silence", "list"]).contains("sun 02:00"));
    site.ok(&["down"]);
}

/// What amtool says; `None` where it is not installed, which is said.
fn amtool(url: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("amtool");
    command
        .arg(format!("--alertmanager.url={url}"))
        .args(arguments);
    let Ok(output) = command.output() else {
        let required = std::env::var_os("MAINSTAY_REQUIRE_PEERS").is_some();
        assert!(!required, "amtool is not here");
        let line = b"skipped for want of amtool: its part of silences\n";
        let _ = std::io::stderr().lock().write_all(line);
        return None;
    };
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {words}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_receiver_that_is_down_is_told_when_it_is_back() {
    let hook = Hook::start();
    let site = site(&hook);
    hook.fail(true);
    site.up();
    evaluated(&site);
    freeze(&site, "app-r1-1", true);
    site.eventually("it is tried", || why(&site).contains("failed: "));
    site.kill_server();
    hook.fail(false);
    site.start_server();
    site.eventually("it is told after all", || hook.told("Down", "firing") > 0);
    freeze(&site, "app-r1-1", false);
    site.ok(&["down"]);
}

#[test]
fn wrong_rules_and_receivers_are_said_with_their_places_and_take_nothing_down() {
    let hook = Hook::start();
    let site = site(&hook);
    site.write(
        "ops/rules.yml",
        &RULES.replace("up{job=\"app\"} == 0", "up{job=\"app\"} ="),
    );
    site.run(&["check"]).with_code(2).says("ops/rules.yml:8:");
    site.run(&["up", "--detach"]).with_code(2);
    site.write("ops/rules.yml", RULES);
    site.write(
        ".mainstay/alertmanager.yml",
        "route: {receiver: opps}\nreceivers: [{name: ops}]\n",
    );
    site.up();
    site.run(&["alerts", "test", "ops"])
        .says("tells nobody of alerts");
    assert_eq!(site.get("/status").status, 200);
    let log = site.story();
    assert!(
        log.contains("alertmanager.yml") && log.contains("opps"),
        "{log}"
    );
    site.ok(&["down"]);
}

#[test]
fn who_is_next_is_told_unless_somebody_looks_after_it_and_silence_of_the_heartbeat_tells_of_the_server()
 {
    let hook = Hook::start();
    let site = site(&hook);
    let routing = routing(&hook).replace(
        "}]\n",
        &format!(
            "}}, {{name: boss, webhook_configs: [{{url: '{}'}}]}}]\n",
            hook.url("/boss")
        ),
    );
    site.write(".mainstay/alertmanager.yml", &routing);
    site.write(
        ".mainstay/server.yaml",
        &format!(
            "metrics: {{interval: 1s}}
alerts:
  interval: 1s
  packs: []
  routing: alertmanager.yml
  rotas: {{chiefs: {{people: [{{name: ada, receiver: boss}}], starts: '2026-01-05'}}}}
  escalations: [{{matchers: alertname=Down, steps: [{{after: 2s, rota: chiefs}}]}}]
  heartbeat: {{url: '{}', interval: 1s}}
",
            hook.url("/beat?token=hook-secret")
        ),
    );
    site.run(&["serve", "--check"]).with_code(0);
    site.up();
    evaluated(&site);
    assert!(site.ok(&["oncall"]).contains("ada"));
    let told = |path: &str| {
        let all = hook.received().into_iter();
        all.filter(|one| one.path.starts_with(path)).count()
    };
    freeze(&site, "app-r1-1", true);
    site.eventually("the boss is told after the others", || told("/boss") > 0);
    assert!(told("/ops") > 0);
    freeze(&site, "app-r1-1", false);
    site.eventually("the boss hears that it is over", || {
        let over = ("Down".to_owned(), "resolved".to_owned());
        let all = hook.received().into_iter();
        all.filter(|one| one.path == "/boss")
            .any(|one| one.alerts().contains(&over))
    });
    // Whoever is outside sees the heart beat, and that it stops with the server.
    site.eventually("the heart beats", || told("/beat") > 2);
    site.kill_server();
    let beats = told("/beat");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(told("/beat"), beats, "nobody is there to send it");
    site.start_server();
    site.eventually("it beats again", || told("/beat") > beats);
    assert!(!site.story().contains("hook-secret"));
    site.ok(&["down"]);
}

/// Groups, and alerts of each.
const GROUPS: usize = 100;
const EACH: usize = 100;
/// How often the sender is killed.
const KILLS: usize = 3;

/// `mainstay alertmanager` over a directory.
struct Alone<'a> {
    site: &'a Site,
    address: std::net::SocketAddr,
    child: Option<std::process::Child>,
}

impl Alone<'_> {
    fn start(&mut self) {
        let listen = format!("--web.listen-address={}", self.address);
        let arguments = [
            "alertmanager",
            "--config.file=am.yml",
            "--storage.path=alone",
            "--log.level=error",
            &listen,
        ];
        let log = std::fs::File::create(self.site.path().join("serve.log")).unwrap();
        let mut command = self.site.command(&arguments);
        self.child = Some(
            command
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap(),
        );
        self.site.eventually("it answers", || {
            std::net::TcpStream::connect(self.address).is_ok()
        });
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn posted(group: usize) -> Vec<u8> {
    let alerts = (0..EACH).map(|number| {
        serde_json::json!({
            "labels": {"alertname": format!("g{group}a{number}"), "group": format!("g{group}")},
            "annotations": {},
            "startsAt": "2026-11-27T10:00:00Z",
            "endsAt": "2126-11-27T10:00:00Z",
        })
    });
    serde_json::to_vec(&alerts.collect::<Vec<_>>()).unwrap()
}

#[test]
fn of_ten_thousand_alerts_none_is_lost_and_only_a_kill_doubles_any() {
    let hook = Hook::start();
    let site = Site::empty();
    site.write(
        "am.yml",
        &format!(
            "route: {{receiver: ops, group_by: [group], group_wait: 1s, group_interval: 1s, repeat_interval: 24h}}\nreceivers: [{{name: ops, webhook_configs: [{{url: '{}'}}]}}]\n",
            hook.url("/")
        ),
    );
    let mut alone = Alone {
        address: crate::site::free_address(),
        site: &site,
        child: None,
    };
    alone.start();
    hook.fail(true);
    for group in 0..GROUPS {
        // In four parts, with a kill after each but the last; what was answered is on disk.
        if group > 0 && group % (GROUPS / (KILLS + 1)) == 0 {
            alone.kill();
            hook.fail(group % (GROUPS / 2) == 0);
            alone.start();
        }
        let answer = crate::site::request(alone.address, "POST", "/api/v2/alerts", &posted(group));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    hook.fail(false);
    let all = || {
        let mut told: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
        for message in hook.received() {
            for (name, status) in message.alerts() {
                assert_eq!(status, "firing", "{name}");
                *told.entry(name).or_default() += 1;
            }
        }
        told
    };
    site.eventually("all are told", || all().len() == GROUPS * EACH);
    let most = all().into_values().max().unwrap();
    assert!(most <= 1 + KILLS, "one was told {most} times");
}
