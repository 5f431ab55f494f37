//! The log: complete, whole and in order, whatever happens to its files.

use crate::beside::output;
use crate::fixture::{DEADLINE, Engine, Place, down, ended, id, scope, shell, trial, until, up};
use crate::shims::{connect, request};
use libtest_mimic::Trial;
use mainstay_model::Bytes;
use mainstay_runtime::logs::{LogQuery, LogStream};
use mainstay_runtime::target::Target;
use mainstay_wire::shim::Request;
use std::process::Command;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("no_line_is_lost_across_rotations", rotation),
        trial("a_follower_sees_every_line_once", follow),
        trial("the_last_lines_and_those_since", tail_and_since),
        trial("both_streams_are_told_apart", streams),
        trial("restarts_go_on_in_the_same_log", attempts),
        trial("strange_output_is_kept", strange),
        trial("old_files_are_removed", bounded),
        trial("a_full_disk_drops_lines_and_says_so", full_disk),
    ]
}

/// Prints the numbers from 1 to `count` as fast as it can.
fn count(count: u32) -> String {
    format!("exec seq 1 {count}")
}

async fn rotation(place: &Place) {
    const COUNT: u32 = 200_000;
    let target = place.open();
    let mut spec = shell(1, &count(COUNT));
    spec.log.max_size = Bytes(256 << 10);
    spec.log.max_files = 1000;
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let text = output(&target, 1).await;
    let mut expected = 1;
    for line in text.lines() {
        assert_eq!(line.parse(), Ok(expected));
        expected += 1;
    }
    assert_eq!(expected, COUNT + 1);
    let files = std::fs::read_dir(place.instance(1).join("log")).unwrap();
    let mut sizes = 0;
    for file in files {
        let size = file.unwrap().metadata().unwrap().len();
        assert!(size <= 256 << 10, "{size}");
        sizes += 1;
    }
    assert!(sizes > 30, "{sizes} files");
}

async fn follow(place: &Place) {
    const COUNT: u32 = 50_000;
    let target = place.open();
    // Held back until the follower is there.
    let gate = place.path().join("gate");
    let script = format!(
        "while ! test -e {}; do sleep 0.01; done; {}",
        gate.display(),
        count(COUNT)
    );
    let mut spec = shell(1, &script);
    spec.log.max_size = Bytes(64 << 10);
    spec.log.max_files = 1000;
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
    ended(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    assert_eq!(lines.recv().await, None);
}

async fn tail_and_since(place: &Place) {
    let target = place.open();
    let mut spec = shell(
        1,
        &(count(1000).replace("exec ", "") + "; sleep 0.05; echo later"),
    );
    spec.log.max_size = Bytes(16 << 10);
    spec.log.max_files = 100;
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let read = async |query: LogQuery| {
        let mut lines = target.read_logs(&scope(), &id(1), query).unwrap();
        let mut read = Vec::new();
        while let Some(line) = lines.recv().await {
            read.push(line);
        }
        read
    };
    let tail = |tail| LogQuery {
        tail: Some(tail),
        ..LogQuery::default()
    };
    let last = read(tail(500)).await;
    assert_eq!(last.len(), 500);
    assert_eq!(last[0].line, "502");
    assert_eq!(last[499].line, "later");
    assert_eq!(read(tail(0)).await, []);
    let since = LogQuery {
        since: Some(last[499].time),
        ..LogQuery::default()
    };
    let later = read(since).await;
    assert_eq!(later, last[499..]);
}

async fn streams(place: &Place) {
    let target = place.open();
    target
        .start(shell(1, "echo out; echo err >&2"))
        .await
        .unwrap();
    ended(&target, 1).await;
    let mut lines = target
        .read_logs(&scope(), &id(1), LogQuery::default())
        .unwrap();
    let mut read = Vec::new();
    while let Some(line) = lines.recv().await {
        assert_eq!((&line.scope, &line.instance), (&scope(), &id(1)));
        read.push((line.stream, line.line));
    }
    read.sort_by_key(|(stream, _)| *stream == LogStream::Stderr);
    let expected = [
        (LogStream::Stdout, "out".to_owned()),
        (LogStream::Stderr, "err".to_owned()),
    ];
    assert_eq!(read, expected);
}

async fn attempts(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, "echo run; exit 1");
    spec.restart = crate::fixture::restart(mainstay_runtime::spec::RestartCondition::Always, 2);
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    assert_eq!(output(&target, 1).await, "run\nrun\nrun\n");
}

async fn strange(place: &Place) {
    let target = place.open();
    let script = r#"printf 'a\tb "q" \\ \001 \377 \303\251\n\n'; head -c 200000 /dev/zero | tr '\0' x; echo; printf 'no end'"#;
    target.start(shell(1, script)).await.unwrap();
    ended(&target, 1).await;
    let mut lines = target
        .read_logs(&scope(), &id(1), LogQuery::default())
        .unwrap();
    let mut read = Vec::new();
    while let Some(line) = lines.recv().await {
        read.push((line.line, line.partial));
    }
    assert_eq!(
        read[0],
        ("a\tb \"q\" \\ \u{1} \u{fffd} é".to_owned(), false)
    );
    assert_eq!(read[1], (String::new(), false));
    let marks: Vec<bool> = read[2..].iter().map(|(_, partial)| *partial).collect();
    assert_eq!(marks, [true, true, true, false, false]);
    let long: usize = read[2..6].iter().map(|(line, _)| line.len()).sum();
    assert_eq!(long, 200_000);
    assert_eq!(read[6].0, "no end");
}

async fn bounded(place: &Place) {
    let target = place.open();
    let mut spec = shell(1, &count(100_000));
    spec.log.max_size = Bytes(64 << 10);
    spec.log.max_files = 2;
    target.start(spec).await.unwrap();
    ended(&target, 1).await;
    let files = std::fs::read_dir(place.instance(1).join("log")).unwrap();
    assert_eq!(files.count(), 3);
    let text = output(&target, 1).await;
    assert!(text.ends_with("\n100000\n"));
}

/// A small file system of its own, where this machine lets us mount one.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(&path)
            .stderr(std::process::Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

async fn full_disk(place: &Place) {
    const COUNT: u32 = 2000;
    let Some(disk) = SmallDisk::mount(place.instance(1).join("log")) else {
        println!("skipped: this user may not mount a small file system");
        return;
    };
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![0; 200 << 10]).unwrap();
    let target = place.open();
    let (filled, gate) = (place.path().join("filled"), place.path().join("gate"));
    let script = format!(
        "seq 1 {COUNT}; echo > {}; while ! test -e {}; do sleep 0.01; done; echo after; exec sleep 600",
        filled.display(),
        gate.display()
    );
    up(&target, shell(1, &script)).await;
    // It gets through its output although nothing can be written any more.
    until("the end of the output", || filled.exists()).await;
    // A shim that answers has read everything that was there before the question.
    request(&mut connect(place), &Request::Status);
    std::fs::remove_file(&ballast).unwrap();
    std::fs::write(gate, "").unwrap();
    let query = LogQuery {
        follow: true,
        ..LogQuery::default()
    };
    let mut lines = target.read_logs(&scope(), &id(1), query).unwrap();
    let (mut seen, mut dropped) = (0, 0);
    let read = async {
        loop {
            let line = lines.recv().await.unwrap();
            if line.stream == LogStream::Mainstay {
                let (count, rest) = line.line.split_once(' ').unwrap();
                assert!(rest.contains("No space left on device"), "{rest}");
                dropped += count.parse::<u32>().unwrap();
            } else if line.line == "after" {
                return;
            } else {
                // Whole lines, from the first on.
                seen += 1;
                assert_eq!(line.line.parse(), Ok(seen));
            }
        }
    };
    tokio::time::timeout(DEADLINE, read).await.unwrap();
    assert!(dropped > 0);
    assert_eq!(seen + dropped, COUNT);
    down(&target, 1).await;
    drop(lines);
    drop(disk);
}
