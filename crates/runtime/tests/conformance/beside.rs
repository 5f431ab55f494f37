//! What runs beside an instance, what it uses, as whom it runs and within which limits.

use crate::fixture::{
    DEADLINE, Engine, Place, down, ended, id, listens, process, scope, seen, shell, status, trial,
    until, up,
};
use libtest_mimic::Trial;
use mainstay_model::{Bytes, Secret};
use mainstay_runtime::logs::LogQuery;
use mainstay_runtime::process::ProcessTarget;
use mainstay_runtime::status::{Phase, Resources};
use mainstay_runtime::target::Target;
use std::collections::HashSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_command_runs_beside_an_instance", exec),
        trial("a_command_that_is_dropped_ends", exec_dropped),
        trial("usage_is_summed_over_the_tree", resources),
        trial("the_environment_is_exactly_what_was_given", environment),
        trial("secrets_stand_in_no_file_and_no_argument", secrets),
        trial("an_instance_runs_as_its_user", user),
        trial("limits_hold_or_are_warned_about", limits),
        trial("ports_are_unique", ports),
        trial("an_unknown_stop_signal_is_warned_about", unknown_signal),
    ]
}

/// The whole log of an instance that has ended, as text.
pub(crate) async fn output(target: &ProcessTarget, slot: u32) -> String {
    let query = LogQuery::default();
    let mut lines = target.read_logs(&scope(), &id(slot), query).unwrap();
    let mut text = String::new();
    while let Some(line) = lines.recv().await {
        text += &line.line;
        text.push('\n');
    }
    text
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

async fn exec(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "exec sleep 600");
    place
        .path()
        .clone_into(&mut process(&mut spec).working_directory);
    spec.environment
        .insert("WORD".into(), Secret::new("here".into()));
    up(&target, spec).await;
    let command = ["sh", "-c", "echo $WORD; pwd; cat; echo done >&2; exit 3"];
    let command = command.map(str::to_owned);
    let mut exec = target
        .exec(&scope(), &id(1), &command, false)
        .await
        .unwrap();
    let mut stdin = exec.stdin.take().unwrap();
    stdin.write_all(b"typed").await.unwrap();
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let stdout = exec.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut out).await.unwrap();
    let stderr = exec.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut err).await.unwrap();
    assert_eq!(out, format!("here\n{}\ntyped", place.path().display()));
    assert_eq!(err, "done\n");
    assert_eq!(exec.wait().await.unwrap().code(), Some(3));

    let missing = words("no-such-program");
    let mut exec = target
        .exec(&scope(), &id(1), &missing, false)
        .await
        .unwrap();
    let mut err = String::new();
    let stderr = exec.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut err).await.unwrap();
    assert!(err.contains("`no-such-program` was not found"), "{err}");
    assert_eq!(exec.wait().await.unwrap().code(), Some(127));
    let tty = target.exec(&scope(), &id(1), &words("sh"), true).await;
    assert!(tty.is_err());
    down(&target, 1).await;
}

async fn exec_dropped(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    let command = ["sh", "-c", "sleep 600 & echo up; sleep 600"].map(str::to_owned);
    let mut exec = target
        .exec(&scope(), &id(1), &command, false)
        .await
        .unwrap();
    let stdout = exec.stdout.as_mut().unwrap();
    stdout.read_exact(&mut [0; 3]).await.unwrap();
    // Shim, instance, shell and its two sleeps.
    until("five processes", || place.processes().len() == 5).await;
    assert_eq!(target.orphans(), []);
    drop(exec);
    until("two processes", || place.processes().len() == 2).await;
    down(&target, 1).await;
}

async fn resources(place: &Place) {
    let target = place.open();
    let burn = "sleep 600 & sleep 600 & i=0; while test $i -lt 200000; do i=$((i+1)); done; wait";
    up(&target, shell(1, burn)).await;
    let mut last = None;
    let enough = |used: Resources| used.processes == 3 && used.cpu_seconds >= 0.05;
    let look = async {
        while !last.is_some_and(enough) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let found = target.resources().await;
            last = found.first().map(|(_, _, resources)| *resources);
        }
    };
    let seen = tokio::time::timeout(DEADLINE, look).await;
    assert!(seen.is_ok(), "CPU time of three processes: {last:?}");
    let used = last.unwrap();
    assert!(
        used.rss > Bytes(100 << 10) && used.rss < Bytes(100 << 20),
        "{used:?}"
    );
    down(&target, 1).await;
    assert_eq!(target.resources().await, []);
}

async fn environment(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "");
    process(&mut spec).command = words("env");
    listens(&mut spec);
    spec.environment
        .insert("WITH".into(), Secret::new("a = b".into()));
    target.start(spec).await.unwrap();
    let port = ended(&target, 1).await.address.unwrap().port();
    let text = output(&target, 1).await;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let root = place.path().join("instances");
    let expected = [
        format!("MAINSTAY_DIRECTORY={}", root.display()),
        "MAINSTAY_ENVIRONMENT=test".to_owned(),
        "MAINSTAY_INSTANCE=shop-test-app-r1-1".to_owned(),
        "MAINSTAY_STACK=shop".to_owned(),
        "PATH=/usr/bin:/bin".to_owned(),
        format!("PORT={port}"),
        "WITH=a = b".to_owned(),
    ];
    assert_eq!(lines, expected);
}

async fn secrets(place: &Place) {
    const SECRET: &str = "hunter2-correct-horse";
    let target = place.open();
    let mut spec = shell(1, "exec sleep 600");
    spec.environment
        .insert("PASSWORD".into(), Secret::new(SECRET.into()));
    up(&target, spec).await;
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", SECRET])
        .arg(place.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    for pid in place.processes() {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&arguments).contains(SECRET));
    }
    down(&target, 1).await;
    assert!(!format!("{:?}", target.observe()).contains(SECRET));
}

async fn user(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "id -u; id -g; id -G; echo named > /dev/stdout");
    spec.user = Some("nobody".into());
    target.start(spec).await.unwrap();
    let status = ended(&target, 1).await;
    if rustix::process::geteuid().is_root() {
        // As Debian numbers them.
        assert_eq!(output(&target, 1).await, "65534\n65534\n65534\nnamed\n");
    } else {
        let Phase::NotStarted { reason } = status.phase else {
            panic!("{status:?}");
        };
        assert!(reason.contains("only root"), "{reason}");
    }
}

async fn limits(place: &Place) {
    let target = place.open();
    // As many sleeps as it gets, and then the number of open files.
    let script = "ulimit -n; i=0; while test $i -lt 20; do sleep 600 & i=$((i+1)); done; wait";
    let mut spec = shell(1, script);
    spec.limits.open_files = Some(77);
    spec.limits.processes = Some(9);
    spec.limits.memory = Some(Bytes(64 << 20));
    spec.limits.cpus = Some(0.5);
    target.start(spec).await.unwrap();
    let status = seen(&target, 1, |status| status.pid.is_some()).await;
    let warned = |word: &str| status.warnings.iter().any(|text| text.contains(word));
    if warned("processes") {
        until("all sleeps", || place.processes().len() == 22).await;
        down(&target, 1).await;
    } else {
        // The shell ends when it cannot fork, and the sleeps with it.
        ended(&target, 1).await;
        let text = output(&target, 1).await;
        assert!(text.starts_with("77\n"), "{text}");
        assert!(text.to_lowercase().contains("cannot fork"), "{text}");
    }
    let groups = groups();
    assert!(groups.is_empty(), "{groups:?}");
}

/// Control groups of the instance of that test that are left.
fn groups() -> Vec<String> {
    let found = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-name", "mainstay-app-r1-1-*", "-empty"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

async fn ports(place: &Place) {
    let target = place.open();
    let mut ports = HashSet::new();
    for slot in 1..=50 {
        let mut spec = shell(slot, "exit 0");
        listens(&mut spec);
        target.start(spec).await.unwrap();
        ports.insert(status(&target, slot).unwrap().address.unwrap().port());
    }
    assert_eq!(ports.len(), 50);
    for slot in 1..=50 {
        ended(&target, slot).await;
    }
}

async fn unknown_signal(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "exec sleep 600");
    spec.stop.signal = "SIGNIX".into();
    let status = up(&target, spec).await;
    assert!(status.warnings[0].contains("`SIGNIX`"), "{status:?}");
    down(&target, 1).await;
}
