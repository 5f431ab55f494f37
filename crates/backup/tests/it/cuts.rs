//! Cuts: workers killed at any moment, disks that are full, callers that go away. The repository stays well, nothing
//! half-done is listed, and the next run goes on.

use crate::support::{Place, WORKER, location, new, quiet, random, skip, trial};
use libtest_mimic::Trial;
use mainstay_backup::{Client, Failure, FailureKind, Progress, ReadData};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kills of each kind of job.
const ROUNDS: u64 = 6;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_killed_save_leaves_nothing_half",
            a_killed_save_leaves_nothing_half,
        ),
        trial(
            "a_killed_prune_leaves_everything_whole",
            a_killed_prune_leaves_everything_whole,
        ),
        trial(
            "a_killed_copy_leaves_nothing_half",
            a_killed_copy_leaves_nothing_half,
        ),
        trial(
            "a_dropped_question_ends_its_worker",
            a_dropped_question_ends_its_worker,
        ),
        trial(
            "a_worker_without_a_caller_ends",
            a_worker_without_a_caller_ends,
        ),
        trial(
            "a_program_that_is_no_worker_is_told",
            a_program_that_is_no_worker_is_told,
        ),
        trial(
            "a_full_disk_is_told_and_leaves_nothing_half",
            a_full_disk_is_told_and_leaves_nothing_half,
        ),
    ]
}

/// A client whose workers write their number into a file, so that they can be killed.
pub(crate) fn marked(place: &Place) -> (Client, PathBuf) {
    let file = place.path("worker.pid");
    let script = format!("echo $$ > '{}'; exec \"$0\" {WORKER}", file.display());
    let program = std::env::current_exe().unwrap();
    let program = vec!["sh".into(), "-c".into(), script.into(), program.into()];
    (Client::new(program, place.dir.path().to_path_buf()), file)
}

fn kill(file: &Path) {
    let number = std::fs::read_to_string(file).unwrap_or_default();
    let number = number
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(number) = number {
        let _ = rustix::process::kill_process(number, rustix::process::Signal::KILL);
    }
}

/// Kills the worker at a share of the way, as it tells it itself.
pub(crate) fn kill_at(file: PathBuf, done: u64) -> impl Fn(Progress) + Send + Sync {
    let killed = Mutex::new(false);
    move |progress: Progress| {
        let mut killed = killed.lock().unwrap();
        if progress.done >= done && !*killed {
            *killed = true;
            kill(&file);
        }
    }
}

async fn well(place: &Place) {
    let checked = place
        .client
        .check(&place.at, ReadData::All, &quiet)
        .await
        .unwrap();
    assert_eq!(checked.problems, Vec::<String>::new());
    place.restic_ok(&["check", "--read-data"]);
}

fn killed(failure: &Failure) {
    assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
    assert!(failure.message.contains("signal 9"), "{failure}");
}

async fn a_killed_save_leaves_nothing_half(place: Place) {
    place.create().await;
    let (client, file) = marked(&place);
    let size = 40 << 20;
    for round in 0..ROUNDS {
        let data = random(round + 10, size);
        let watch = kill_at(file.clone(), size as u64 * round / ROUNDS);
        // The end comes after the kill, whatever the race.
        let whole = std::future::pending::<Result<(), String>>();
        let saved = client
            .save_stream(&place.at, &new("/dump"), &data[..], whole, &watch)
            .await;
        killed(&saved.unwrap_err());
        assert_eq!(place.client.list(&place.at).await.unwrap(), []);
    }
    well(&place).await;
    let data = random(10, size);
    let saved = place.save("/dump", &data).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &saved.snapshot, "/dump", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
    // What the killed ones left goes with a prune, and only that.
    let client = place.client.clone().grace(Duration::ZERO);
    for _ in 0..2 {
        client.prune(&place.at, &quiet).await.unwrap();
        well(&place).await;
    }
}

async fn a_killed_prune_leaves_everything_whole(place: Place) {
    place.create().await;
    let mut kept = Vec::new();
    for n in 0..4 {
        // Packs with a half that is needed and a half that is not.
        let shared = random(n, 5 << 20);
        let whole = [shared.clone(), random(n + 100, 5 << 20)].concat();
        let dropped = place.save("/all", &whole).await;
        kept.push((place.save("/kept", &shared).await.snapshot, shared));
        place
            .client
            .forget(&place.at, &[dropped.snapshot])
            .await
            .unwrap();
    }
    let (client, file) = marked(&place);
    let client = client.grace(Duration::ZERO);
    for round in 0..ROUNDS {
        let pruned = client.prune(&place.at, &quiet);
        // How long a prune takes is not known: cut after the first files it wrote, a few more each time.
        let written = AtomicU64::new(0);
        let before = entries(&place);
        let cut = async {
            while entries(&place) == before || written.fetch_add(1, Ordering::Relaxed) < round * 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            kill(&file);
        };
        tokio::select! {
            _ = pruned => {}
            () = async { cut.await; std::future::pending().await } => {}
        }
        well(&place).await;
    }
    for _ in 0..2 {
        place
            .client
            .clone()
            .grace(Duration::ZERO)
            .prune(&place.at, &quiet)
            .await
            .unwrap();
    }
    well(&place).await;
    for (snapshot, data) in kept {
        let mut got = Vec::new();
        place
            .client
            .load_file(&place.at, &snapshot, "/kept", &mut got, &quiet)
            .await
            .unwrap();
        assert!(got == data);
    }
}

/// Names of files in the repository that a prune changes.
fn entries(place: &Place) -> Vec<PathBuf> {
    let mut names = Vec::new();
    let index = place.repository().join("index");
    let data = std::fs::read_dir(place.repository().join("data")).unwrap();
    let folders = data.map(|entry| entry.unwrap().path()).chain([index]);
    for folder in folders {
        let files = std::fs::read_dir(folder).unwrap();
        names.extend(files.map(|entry| entry.unwrap().path()));
    }
    names.sort();
    names
}

async fn a_killed_copy_leaves_nothing_half(mut place: Place) {
    place.create().await;
    let data = random(1, 40 << 20);
    let saved = place.save("/dump", &data).await.snapshot;
    let wanted = [saved.clone()];
    let other = location(&place.path("other"));
    place.client.open(&other, true).await.unwrap();
    let (client, file) = marked(&place);
    for round in 0..ROUNDS {
        let watch = kill_at(file.clone(), (round + 1) * (5 << 20));
        match client.copy(&place.at, &other, &wanted, &watch).await {
            Ok(copied) => assert_eq!(copied.map.len(), 1),
            Err(failure) => {
                killed(&failure);
                let listed = place.client.list(&other).await.unwrap();
                assert!(listed.len() <= 1, "{listed:?}");
            }
        }
        let checked = place
            .client
            .check(&other, ReadData::All, &quiet)
            .await
            .unwrap();
        assert_eq!(checked.problems, Vec::<String>::new());
    }
    let copied = place
        .client
        .copy(&place.at, &other, &wanted, &quiet)
        .await
        .unwrap();
    place.at = other;
    well(&place).await;
    let mut got = Vec::new();
    let name = &copied.map[&saved];
    place
        .client
        .load_file(&place.at, name, "/dump", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
}

fn is_alive(file: &Path) -> bool {
    let number = std::fs::read_to_string(file).unwrap();
    Path::new("/proc").join(number.trim()).exists()
}

async fn a_dropped_question_ends_its_worker(place: Place) {
    place.create().await;
    let (client, file) = marked(&place);
    let what = new("/dump");
    let (_writer, reader) = tokio::io::duplex(1024);
    let whole = std::future::pending::<Result<(), String>>();
    let save = client.save_stream(&place.at, &what, reader, whole, &quiet);
    let started = async {
        while !file.exists() || std::fs::read_to_string(&file).unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        saved = save => panic!("it has no end: {saved:?}"),
        () = started => {}
    }
    while is_alive(&file) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(place.client.list(&place.at).await.unwrap(), []);
}

/// As after a kill of the server: the pipe ends, and so does the worker.
async fn a_worker_without_a_caller_ends(place: Place) {
    place.create().await;
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    command
        .arg(WORKER)
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    drop(child.stdin.take());
    let output = child.wait_with_output().await.unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("backup-worker: "));
}

async fn a_program_that_is_no_worker_is_told(place: Place) {
    let client = |program: &[&str]| {
        let program = program.iter().map(Into::into).collect();
        Client::new(program, place.dir.path().to_path_buf())
    };
    let failure = client(&["/no/such/program"])
        .list(&place.at)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
    let script = [
        "sh",
        "-c",
        "echo first >&2; echo no room for it >&2; exit 3",
    ];
    let failure = client(&script).list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
    assert!(failure.message.contains("no room for it"), "{failure}");
    assert!(failure.message.contains("exit status: 3"), "{failure}");
    let silent = client(&["sh", "-c", "exec sleep 1000"]).silence(Duration::from_millis(300));
    let failure = silent.list(&place.at).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
    assert!(failure.message.contains("was silent"), "{failure}");
    let failure = client(&["echo", "hello there"])
        .list(&place.at)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Ended, "{failure}");
}

/// Set in the child that has a small file system of its own.
const SMALL: &str = "MAINSTAY_BACKUP_SMALL";

async fn a_full_disk_is_told_and_leaves_nothing_half(mut place: Place) {
    if let Some(small) = std::env::var_os(SMALL) {
        place.at = location(&Path::new(&small).join("repository"));
        return full_disk(&place).await;
    }
    let small = place.path("small");
    std::fs::create_dir(&small).unwrap();
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        command
            .arg(std::env::current_exe().unwrap())
            .env(SMALL, &small)
            .process_group(0);
        command.output()
    };
    let mount = format!("mount -t tmpfs -o size=24m tmpfs \"${SMALL}\"");
    if !namespace(&mount).is_ok_and(|output| output.status.success()) {
        skip("a mount namespace", place.name);
        return;
    }
    let script = format!("{mount} && exec \"$0\" --exact {}", place.name);
    let output = namespace(&script).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("1 passed"), "{text}");
}

async fn full_disk(place: &Place) {
    place.create().await;
    let data = random(1, 4 << 20);
    let saved = place.save("/fits", &data).await;
    let failure = place
        .try_save("/does-not", &random(2, 60 << 20))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Full, "{failure}");
    assert!(failure.hint.is_some());
    let root = place.path("data");
    std::fs::create_dir(&root).unwrap();
    for n in 0..10 {
        std::fs::write(root.join(n.to_string()), random(n + 50, 6 << 20)).unwrap();
    }
    let tree = crate::trees::tree(&root);
    let saved_tree = place
        .client
        .save_tree(&place.at, &new("/data"), &tree, &quiet)
        .await;
    assert_eq!(saved_tree.unwrap_err().kind, FailureKind::Full);
    let tmp = std::fs::read_dir(place.repository().join("tmp"))
        .unwrap()
        .count();
    assert_eq!(tmp, 0, "nothing half-written stays");
    assert_eq!(place.client.list(&place.at).await.unwrap().len(), 1);
    well(place).await;
    let mut got = Vec::new();
    place
        .client
        .load_file(&place.at, &saved.snapshot, "/fits", &mut got, &quiet)
        .await
        .unwrap();
    assert!(got == data);
    // A restore that does not fit leaves nothing, either.
    let target = place.repository().with_file_name("back");
    let big = std::fs::File::create(place.repository().with_file_name("ballast")).unwrap();
    let left = rustix::fs::statvfs(place.repository()).unwrap();
    big.set_len(0).unwrap();
    let ballast = left.f_bavail * left.f_frsize - (1 << 20);
    std::io::copy(
        &mut std::io::Read::take(std::io::repeat(1), ballast),
        &mut &big,
    )
    .unwrap();
    let load = place
        .client
        .load_tree(&place.at, &saved.snapshot, "/", &target, &quiet);
    let failure = load.await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Full, "{failure}");
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 0);
}
