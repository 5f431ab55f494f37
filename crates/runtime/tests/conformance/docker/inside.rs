//! What an instance is inside: its files, rights and limits, its log, commands beside it.

use super::ground::said;
use super::{Yard, container};
use crate::fixture::{DEADLINE, Engine, down, ended, id, restart, scope, seen, trial_on, up};
use bollard::models::ContainerInspectResponse;
use libtest_mimic::Trial;
use mainstay_model::{Bytes, Content, Secret};
use mainstay_runtime::docker::DockerTarget;
use mainstay_runtime::logs::{LogLine, LogQuery, LogStream};
use mainstay_runtime::spec::{InstanceFile, RestartCondition};
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial_on("secret_files_are_in_memory_only", secret_files),
        trial_on("rights_and_limits_are_the_engines", rights),
        trial_on("an_images_health_check_counts", image_health),
        trial_on("a_command_runs_beside_a_container", exec),
        trial_on("a_command_that_is_killed_ends", exec_killed),
        trial_on("files_are_read_also_when_nothing_runs", archive),
        trial_on("usage_is_measured", usage),
        trial_on("a_log_has_both_streams_and_all_runs", log),
        trial_on("a_log_is_rotated", rotation),
        trial_on("a_follower_of_a_container_sees_every_line_once", follow),
    ]
}

async fn inspect(yard: &Yard, slot: u32) -> ContainerInspectResponse {
    let name = scope().instance_name(&id(slot));
    let docker = yard.api().await;
    docker.inspect_container(&name, None).await.unwrap()
}

async fn secret_files(yard: &Yard) {
    const SECRET: &str = "hunter2-correct-horse";
    let target = yard.open();
    let mut spec = yard.shell(1, "exec sleep 600");
    spec.user = Some("nobody".to_owned());
    spec.files = vec![InstanceFile {
        name: "token".to_owned(),
        target: "/run/secrets/token".to_owned(),
        content: Secret::new(Content::new(SECRET)),
        mode: 0o400,
        uid: 65534,
        gid: 65534,
    }];
    spec.restart = restart(RestartCondition::Always, 5);
    up(&target, spec.clone()).await;
    let read = ["cat", "/run/secrets/token"];
    assert_eq!(said(&target, 1, &read).await, (SECRET.to_owned(), 0));
    let (_, written) = said(&target, 1, &["sh", "-c", "echo x > /run/secrets/token"]).await;
    assert_ne!(written, 0);
    let shown = format!("{:?}", inspect(yard, 1).await);
    assert!(!shown.contains(SECRET), "{shown}");
    let found = std::process::Command::new("grep")
        .args(["-r", "-l", SECRET])
        .arg(yard.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    // There again after a restart of the container, also by another control plane.
    yard.close(target).await;
    let target = yard.open();
    let docker = yard.api().await;
    let name = scope().instance_name(&id(1));
    docker.kill_container(&name, None).await.unwrap();
    let back = |status: &mainstay_runtime::status::InstanceStatus| {
        status.restarts == 1 && status.phase == Phase::Healthy
    };
    seen(&target, 1, back).await;
    assert_eq!(said(&target, 1, &read).await, (SECRET.to_owned(), 0));
    let mut mounts = inspect(yard, 1).await.mounts.unwrap().into_iter();
    let found = mounts.find(|mount| mount.destination.as_deref() == Some("/run/secrets/token"));
    let source = found.unwrap().source.unwrap();
    down(&target, 1).await;
    assert!(std::path::Path::new(&source).exists());
    target.remove(&scope(), &id(1)).await.unwrap();
    assert!(!std::path::Path::new(&source).exists());
}

async fn rights(yard: &Yard) {
    let target = yard.open();
    let script = "touch /x 2>/dev/null && exit 3; id -u; ulimit -n; exit 0";
    let mut spec = yard.shell(1, script);
    spec.user = Some("1234".to_owned());
    spec.limits.memory = Some(Bytes(64 << 20));
    spec.limits.cpus = Some(0.5);
    spec.limits.processes = Some(20);
    spec.limits.open_files = Some(77);
    let run = container(&mut spec);
    run.isolation.read_only = true;
    run.isolation.cap_drop = vec!["ALL".to_owned()];
    run.isolation.security_opt = vec!["no-new-privileges".to_owned()];
    run.reach.hostname = Some("inside".to_owned());
    target.start(spec).await.unwrap();
    let ended = ended(&target, 1).await;
    assert!(
        matches!(ended.phase, Phase::Exited { ref exit, .. } if exit.is_success()),
        "{ended:?}"
    );
    let lines = lines(&target, 1, LogQuery::default()).await;
    let text: Vec<&str> = lines.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(text, ["1234", "77"]);
    let seen = inspect(yard, 1).await;
    let host = seen.host_config.unwrap();
    assert_eq!(host.memory, Some(64 << 20));
    assert_eq!(host.nano_cpus, Some(500_000_000));
    assert_eq!(host.pids_limit, Some(20));
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    assert_eq!(host.restart_policy.unwrap().name.unwrap().to_string(), "no");
    assert_eq!(seen.config.unwrap().hostname.as_deref(), Some("inside"));
}

async fn image_health(yard: &Yard) {
    const CHECKED: &str = "127.0.0.1:1/mainstay-conformance:checked";
    let change = "HEALTHCHECK --interval=1s --retries=2 CMD test -e /tmp/well";
    yard.import(CHECKED, change);
    let target = yard.open();
    let mut spec = yard.shell(1, "sleep 0.3; touch /tmp/well; exec sleep 600");
    CHECKED.clone_into(&mut container(&mut spec).image);
    container(&mut spec).image_health = true;
    target.start(spec).await.unwrap();
    let starting = seen(&target, 1, |status| status.last_probe.is_some()).await;
    assert_eq!(
        starting.last_probe.as_deref(),
        Some("`/bin/sh`: exit code 1")
    );
    seen(&target, 1, |status| status.phase == Phase::Healthy).await;
    let (_, code) = said(&target, 1, &["rm", "/tmp/well"]).await;
    assert_eq!(code, 0);
    seen(&target, 1, |status| status.phase == Phase::Unhealthy).await;
    down(&target, 1).await;
    // Switched off, it does not count, and the engine is not asked to run it.
    let mut spec = yard.shell(2, "exec sleep 600");
    CHECKED.clone_into(&mut container(&mut spec).image);
    container(&mut spec).image_health = false;
    target.start(spec).await.unwrap();
    seen(&target, 2, |status| status.phase == Phase::Healthy).await;
    let test = inspect(yard, 2)
        .await
        .config
        .unwrap()
        .healthcheck
        .unwrap()
        .test;
    assert_eq!(test.unwrap(), ["NONE"]);
    down(&target, 2).await;
}

async fn exec(yard: &Yard) {
    let target = yard.open();
    let mut spec = yard.shell(1, "exec sleep 600");
    spec.environment
        .insert("WORD".into(), Secret::new("here".into()));
    container(&mut spec).working_directory = Some("/tmp".to_owned());
    up(&target, spec).await;
    let command = ["sh", "-c", "echo $WORD; pwd; cat; echo done >&2; exit 3"];
    let command = command.map(str::to_owned);
    let exec = target.exec(&scope(), &id(1), &command, false).await;
    let mut exec = exec.unwrap();
    let mut stdin = exec.stdin.take().unwrap();
    stdin.write_all(b"typed").await.unwrap();
    stdin.shutdown().await.unwrap();
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let stdout = exec.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut out).await.unwrap();
    let stderr = exec.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut err).await.unwrap();
    assert_eq!(out, "here\n/tmp\ntyped");
    assert_eq!(err, "done\n");
    assert_eq!(exec.wait().await.unwrap().code(), Some(3));
    down(&target, 1).await;
    let refused = target.exec(&scope(), &id(1), &command, false).await;
    assert!(refused.unwrap_err().to_string().contains("does not run"));
}

async fn exec_killed(yard: &Yard) {
    let target = yard.open();
    up(&target, yard.shell(1, "exec sleep 600")).await;
    let command = ["sh", "-c", "sleep 601 & echo up; sleep 602"].map(str::to_owned);
    let exec = target.exec(&scope(), &id(1), &command, false).await;
    let mut exec = exec.unwrap();
    let stdout = exec.stdout.as_mut().unwrap();
    stdout.read_exact(&mut [0; 3]).await.unwrap();
    // It says so before it starts its last.
    let all = async {
        while processes(yard).await < 5 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap();
    drop(exec);
    let gone = async {
        while processes(yard).await > 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
    down(&target, 1).await;
}

async fn archive(yard: &Yard) {
    let target = yard.open();
    let write = "mkdir -p /tmp/data/sub && echo one > /tmp/data/sub/a && echo two > /tmp/data/b";
    let mut spec = yard.shell(1, write);
    spec.restart = restart(RestartCondition::No, 0);
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let read = target.read_files(&scope(), &id(1), "/tmp/data").await;
    let mut bytes = Vec::new();
    read.unwrap().read_to_end(&mut bytes).await.unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, ["data/", "data/b", "data/sub/", "data/sub/a"]);
    let missing = target.read_files(&scope(), &id(1), "/nowhere").await;
    let words = missing.err().unwrap().to_string();
    assert!(words.contains("/nowhere"), "{words}");
    down(&target, 1).await;
}

/// In the first container; its init counts.
async fn processes(yard: &Yard) -> usize {
    let name = scope().instance_name(&id(1));
    let docker = yard.api().await;
    let top = docker.top_processes(&name, None).await.unwrap();
    top.processes.unwrap_or_default().len()
}

async fn usage(yard: &Yard) {
    let target = yard.open();
    let burn = "i=0; while test $i -lt 200000; do i=$((i+1)); done; exec sleep 600";
    up(&target, yard.shell(1, burn)).await;
    let mut last = Vec::new();
    let look = async {
        loop {
            last = target.resources().await;
            let used = last.first().map(|(_, _, used)| *used);
            if used.is_some_and(|used| used.cpu_seconds >= 0.05 && used.rss > Bytes(1 << 10)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(DEADLINE, look).await;
    assert!(seen.is_ok(), "{last:?}");
    assert_eq!((&last[0].0, &last[0].1), (&scope(), &id(1)));
    down(&target, 1).await;
    assert_eq!(target.resources().await, []);
}

async fn lines(target: &DockerTarget, slot: u32, query: LogQuery) -> Vec<LogLine> {
    let mut lines = target.read_logs(&scope(), &id(slot), query).unwrap();
    let mut read = Vec::new();
    while let Some(line) = lines.recv().await {
        read.push(line);
    }
    read
}

async fn log(yard: &Yard) {
    let target = yard.open();
    let script = "echo out; echo err >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; exit 1";
    let mut spec = yard.shell(1, script);
    spec.restart = restart(RestartCondition::Always, 1);
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let read = lines(&target, 1, LogQuery::default()).await;
    let of = |stream| read.iter().filter(move |line| line.stream == stream);
    assert_eq!(of(LogStream::Stderr).count(), 2, "one for each run");
    let out: Vec<_> = of(LogStream::Stdout).collect();
    assert_eq!(out.iter().filter(|line| line.line == "out").count(), 2);
    let long: usize = out
        .iter()
        .filter(|line| line.line != "out")
        .map(|line| line.line.len())
        .sum();
    assert_eq!(long, 80_000);
    assert_eq!(out.iter().filter(|line| line.partial).count(), 4);
    let tail = LogQuery {
        tail: Some(1),
        ..LogQuery::default()
    };
    assert_eq!(lines(&target, 1, tail).await.len(), 1);
    let since = LogQuery {
        since: Some(read.last().unwrap().time),
        ..LogQuery::default()
    };
    let later = lines(&target, 1, since).await;
    assert!(
        !later.is_empty() && later.len() < read.len(),
        "{}",
        later.len()
    );
}

async fn rotation(yard: &Yard) {
    let target = yard.open();
    let mut spec = yard.shell(1, "exec seq 1 100000");
    spec.log.max_size = Bytes(256 << 10);
    spec.log.max_files = 2;
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let read = lines(&target, 1, LogQuery::default()).await;
    assert_eq!(read.last().unwrap().line, "100000");
    assert!(read.len() < 100_000, "nothing was dropped: {}", read.len());
    let path = inspect(yard, 1).await.log_path.unwrap();
    let directory = std::path::Path::new(&path).parent().unwrap();
    let files = std::fs::read_dir(directory).unwrap().flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().contains("-json.log"));
    assert_eq!(logs.count(), 3);
}

async fn follow(yard: &Yard) {
    const COUNT: u32 = 5000;
    let target = yard.open();
    let gate = yard.shared().join("gate");
    let gate_path = gate.display();
    // Two runs, half of the lines each.
    let script = format!(
        "while ! test -e {gate_path}; do sleep 0.05; done; if test -e {gate_path}2; then seq {} {COUNT}; exec sleep 600; fi; touch {gate_path}2; seq 1 {}; exit 1",
        COUNT / 2 + 1,
        COUNT / 2
    );
    let mut spec = yard.shell(1, &script);
    spec.restart = restart(RestartCondition::Always, 3);
    up(&target, spec).await;
    let query = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let mut lines = target.read_logs(&scope(), &id(1), query).unwrap();
    std::fs::write(gate, "").unwrap();
    let read = async {
        for expected in 1..=COUNT {
            let line = lines.recv().await.unwrap();
            assert_eq!(line.line.parse(), Ok(expected));
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap();
    down(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    assert_eq!(lines.recv().await, None);
}
