//! What an instance leaves behind, and who must not be touched.

use crate::adoption::control_plane;
use crate::fixture::{
    Engine, FLAPPING, Place, down, ended, id, is_alive, restart, scope, seen, shell, trial, until,
    up,
};
use libtest_mimic::Trial;
use mainstay_runtime::spec::RestartCondition;
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use mainstay_wire::shim::{Exit, Record};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("nobody_escapes_a_stop", nobody_escapes),
        trial("nobody_outlives_the_main_process", main_ends),
        trial("a_bystander_survives", bystander),
        trial("a_killed_shim_takes_its_instance_along", killed_shim),
        trial("a_killed_shim_is_followed_by_another", killed_shim_restarts),
        trial("a_shim_killed_unseen_is_noticed", killed_unseen),
        trial("a_wedged_shim_cannot_hold_up_a_stop", wedged_shim),
        trial("a_grace_can_be_shortened", shortened),
        trial("after_a_reboot_pids_mean_others", reboot),
        trial("orphans_are_found", orphans),
    ]
}

/// Leaves four descendants that each try to get away, and writes their pids to `FILE`.
const FUGITIVES: &str = r#"
    trap '' TERM
    # A grandchild in a session of its own that ignores SIGTERM.
    setsid sh -c 'trap "" TERM; echo $$ >> FILE; while :; do sleep 0.05; done' &
    # Forked twice: its parents are gone.
    ( setsid sh -c 'trap "" TERM; (echo $(exec sh -c "echo \$PPID") >> FILE; while :; do sleep 0.05; done) & exit' & ) &
    # No mark in its environment.
    env -i /bin/sh -c 'trap "" TERM; echo $$ >> FILE; while :; do /bin/sleep 0.05; done' &
    # Stopped.
    sh -c 'echo $$ >> FILE; kill -STOP $$' &
    echo $$ >> FILE
"#;

fn fugitives(place: &Place, then: &str) -> (String, std::path::PathBuf) {
    let file = place.path().join("pids");
    let script = FUGITIVES.replace("FILE", file.to_str().unwrap()) + then;
    (script, file)
}

async fn five(file: &std::path::Path) -> Vec<i32> {
    let mut pids = Vec::new();
    until("five pids", || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        pids = text.lines().filter_map(|line| line.parse().ok()).collect();
        pids.len() == 5
    })
    .await;
    pids
}

async fn nobody_escapes(place: &Place) {
    let target = place.open();
    let (script, file) = fugitives(place, "while :; do sleep 0.05; done");
    up(&target, shell(1, &script)).await;
    let pids = five(&file).await;
    assert!(pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");
    let grace = Duration::from_millis(200);
    target.stop(&scope(), &id(1), grace).await.unwrap();
    let exit = Exit::Signal("SIGKILL".into());
    let requested = true;
    assert_eq!(
        ended(&target, 1).await.phase,
        Phase::Exited { exit, requested }
    );
    let left: Vec<&i32> = pids.iter().filter(|pid| is_alive(**pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

async fn main_ends(place: &Place) {
    let target = place.open();
    let (script, file) = fugitives(place, "");
    let wait = format!(
        "while test $(wc -l < {}) -lt 5; do sleep 0.01; done; exit 6",
        file.display()
    );
    let mut spec = shell(1, &(script + &wait));
    spec.stop.grace = Duration::from_millis(100);
    target.start(spec).await.unwrap();
    let exit = Exit::Code(6);
    let requested = false;
    assert_eq!(
        ended(&target, 1).await.phase,
        Phase::Exited { exit, requested }
    );
    let pids = five(&file).await;
    let left: Vec<&i32> = pids.iter().filter(|pid| is_alive(**pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

async fn bystander(place: &Place) {
    // The same program with the same arguments, and even a mark, but of somebody else.
    let mut bystander = std::process::Command::new("sleep")
        .arg("600")
        .env("MAINSTAY_DIRECTORY", "/somewhere/else")
        .env("MAINSTAY_STACK", "shop")
        .env("MAINSTAY_ENVIRONMENT", "test")
        .env("MAINSTAY_INSTANCE", "shop-test-app-r1-1")
        .spawn()
        .unwrap();
    let target = place.open();
    let before = up(&target, shell(1, "exec sleep 600")).await;
    kill(before.pid.unwrap(), Signal::KILL);
    ended(&target, 1).await;
    up(&target, shell(2, "exec sleep 600")).await;
    kill(record(place, 2).shim.pid, Signal::KILL);
    ended(&target, 2).await;
    assert_eq!(target.orphans(), []);
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

fn kill(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

fn record(place: &Place, slot: u32) -> Record {
    let bytes = std::fs::read(place.instance(slot).join("shim.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn lost() -> Phase {
    Phase::Exited {
        exit: Exit::Lost,
        requested: false,
    }
}

async fn killed_shim(place: &Place) {
    let target = place.open();
    let script = "(setsid sleep 600 &) ; exec sleep 600";
    let before = up(&target, shell(1, script)).await;
    until("both sleeps", || place.processes().len() == 3).await;
    kill(record(place, 1).shim.pid, Signal::KILL);
    assert_eq!(ended(&target, 1).await.phase, lost());
    assert!(!is_alive(before.pid.unwrap()));
    assert!(place.processes().is_empty());
}

async fn killed_shim_restarts(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "exec sleep 600");
    spec.restart = restart(RestartCondition::OnFailure, 3);
    let before = up(&target, spec).await;
    kill(record(place, 1).shim.pid, Signal::KILL);
    let after = seen(&target, 1, |status| {
        status.restarts == 1 && status.phase == Phase::Healthy
    })
    .await;
    assert_ne!(before.pid, after.pid);
    assert_eq!(after.last_exit, Some(Exit::Lost));
    assert_eq!(place.processes().len(), 2);
    down(&target, 1).await;
}

async fn killed_unseen(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "(setsid sleep 600 &) ; exec sleep 600")).await;
    until("both sleeps", || place.processes().len() == 3).await;
    target.close().await;
    let shim = record(place, 1).shim.pid;
    kill(shim, Signal::KILL);
    until("the end of the shim", || !is_alive(shim)).await;
    let target = place.open();
    assert_eq!(ended(&target, 1).await.phase, lost());
    assert!(place.processes().is_empty());
}

async fn wedged_shim(place: &Place) {
    let target = place.open();
    let script = "(setsid sleep 600 &) ; exec sleep 600";
    up(&target, shell(1, script)).await;
    until("both sleeps", || place.processes().len() == 3).await;
    kill(record(place, 1).shim.pid, Signal::STOP);
    let requested = true;
    let exit = Exit::Lost;
    assert_eq!(
        down(&target, 1).await.phase,
        Phase::Exited { exit, requested }
    );
    assert!(place.processes().is_empty());
}

async fn shortened(place: &Place) {
    let target = place.open();
    up(
        &target,
        shell(1, "trap '' TERM; while :; do sleep 0.05; done"),
    )
    .await;
    let hour = Duration::from_hours(1);
    target.stop(&scope(), &id(1), hour).await.unwrap();
    seen(&target, 1, |status| status.phase == Phase::Stopping).await;
    let now = Duration::ZERO;
    target.stop(&scope(), &id(1), now).await.unwrap();
    ended(&target, 1).await;
}

/// As if, after a boot, somebody else had the pid and even the start time of the instance.
async fn reboot(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    target.close().await;
    let shim = record(place, 1).shim.pid;
    kill(shim, Signal::KILL);
    until("the end of the shim", || !is_alive(shim)).await;
    let mut bystander = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bystander.id())).unwrap();
    let mut forged = record(place, 1);
    forged.instance = Some(mainstay_wire::process::Stat::parse(&stat).unwrap().process);
    let json = serde_json::to_vec(&forged).unwrap();
    std::fs::write(place.instance(1).join("shim.json"), json).unwrap();
    let file = place.instance(1).join("instance.json");
    let mut state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["boot"] = "another".into();
    std::fs::write(&file, state.to_string()).unwrap();
    let target = place.open();
    assert_eq!(ended(&target, 1).await.phase, lost());
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

async fn orphans(place: &Place) {
    // Of a control plane that is gone, in a directory that somebody deleted.
    let mut process = control_plane(place, 1);
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let target = place.open();
    assert_eq!(target.orphans(), []);
    down(&target, FLAPPING).await;
    target.close().await;
    std::fs::remove_dir_all(place.instance(1)).unwrap();
    std::fs::remove_dir_all(place.instance(FLAPPING)).unwrap();
    let target = place.open();
    assert_eq!(target.observe(), []);
    let found = target.orphans();
    let named = found.iter().filter(|orphan| orphan.instance.is_some());
    // The shim, and the instance.
    assert_eq!((found.len(), named.count()), (2, 1), "{found:?}");
    // Where the shim was first, the kernel has ended its instance.
    assert!(target.end_orphans(&found) >= 1);
    until("the end of the orphans", || place.processes().is_empty()).await;
    assert_eq!(target.end_orphans(&found), 0);
}
