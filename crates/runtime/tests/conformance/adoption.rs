//! A control plane that is killed, and the next one.

use crate::fixture::{
    DEADLINE, Engine, FLAPPING, Place, down, flapping, healthy, is_alive, shell, stopped, trial,
    until, up,
};
use libtest_mimic::Trial;
use mainstay_runtime::target::Target;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_killed_control_plane_is_followed_by_another", killed),
        trial("control_planes_killed_at_any_moment", killed_any_time),
        trial("a_stop_that_was_written_down_is_carried_out", stop_on_disk),
        trial("a_removed_half_is_removed", half_removed),
        trial("what_cannot_be_read_is_passed_over", damaged),
    ]
}

/// Starts a control plane as a process of its own.
pub(crate) fn control_plane(place: &Place, count: u32) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("control-plane")
        .arg(place.path())
        .arg(count.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn killed(place: &Place) {
    let mut process = control_plane(place, 3);
    let mut line = String::new();
    let stdout = process.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    // SIGKILL
    process.kill().unwrap();
    process.wait().unwrap();
    let target = place.open();
    assert_eq!(target.observe().len(), 4);
    for slot in 1..=3 {
        let adopted = healthy(&target, slot).await;
        assert!(is_alive(adopted.pid.unwrap()));
        target.start(shell(slot, "exec sleep 600")).await.unwrap();
        assert_eq!(healthy(&target, slot).await.pid, adopted.pid);
        assert_eq!(down(&target, slot).await.phase, stopped());
    }
    down(&target, FLAPPING).await;
}

/// Wherever it is killed on its way through starts and restarts: the next one completes them, and
/// never is there a second copy.
async fn killed_any_time(place: &Place) {
    const COUNT: u32 = 4;
    for round in 0..16 {
        let mut process = control_plane(place, COUNT);
        let mut output = BufReader::new(process.stdout.take().unwrap());
        if round % 4 == 3 {
            // Once in a while it gets all the way.
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
        }
        tokio::time::sleep(Duration::from_millis(round * 5)).await;
        process.kill().unwrap();
        process.wait().unwrap();
    }
    let target = place.open();
    for slot in 1..=COUNT {
        up(&target, shell(slot, "exec sleep 600")).await;
    }
    let runs = || std::fs::read(place.path().join("runs")).unwrap().len();
    let before = runs();
    target.start(flapping(place.path())).await.unwrap();
    until("more restarts", || runs() > before + 2).await;
    let flapped = down(&target, FLAPPING).await;
    assert!(!place.path().join("double").exists());
    // A run that was cut short before its first step is not in the file.
    let counted = flapped.restarts as usize + 1;
    assert!(
        runs() <= counted && runs() + 20 >= counted,
        "{} of {counted}",
        runs()
    );
    assert_eq!(target.observe().len(), COUNT as usize + 1);
    // A shim and a sleep each, and nobody else.
    until("two processes each", || {
        place.processes().len() == 2 * COUNT as usize
    })
    .await;
    assert_eq!(target.orphans(), []);
    for slot in 1..=COUNT {
        down(&target, slot).await;
    }
}

async fn stop_on_disk(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    target.close().await;
    let file = place.instance(1).join("instance.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let wanted = text.replace("\"wanted\": \"run\"", "\"wanted\": \"stop\"");
    assert_ne!(text, wanted);
    std::fs::write(&file, wanted).unwrap();
    let target = place.open();
    let ended = tokio::time::timeout(DEADLINE, crate::fixture::ended(&target, 1));
    assert_eq!(ended.await.unwrap().phase, stopped());
}

async fn half_removed(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exit 0")).await;
    crate::fixture::ended(&target, 1).await;
    target.close().await;
    let directory = place.instance(1);
    let away = directory.with_file_name(".removed-app-r1-1");
    std::fs::rename(&directory, &away).unwrap();
    assert_eq!(place.open().observe(), []);
    assert!(!away.exists());
}

async fn damaged(place: &Place) {
    let target = place.open();
    for slot in 1..=3 {
        target.start(shell(slot, "exit 0")).await.unwrap();
        crate::fixture::ended(&target, slot).await;
    }
    target.close().await;
    let file = |slot| place.instance(slot).join("instance.json");
    std::fs::write(file(1), "{\"format\": \"1.0\"").unwrap();
    let newer = std::fs::read_to_string(file(2)).unwrap();
    std::fs::write(file(2), newer.replace("\"1.0\"", "\"2.0\"")).unwrap();
    let target = place.open();
    assert_eq!(target.observe().len(), 1);
    assert_eq!(target.damaged(), [place.instance(1), place.instance(2)]);
    let error = target.start(shell(1, "exit 0")).await.unwrap_err();
    assert!(error.to_string().contains("app-r1-1"), "{error}");
}
