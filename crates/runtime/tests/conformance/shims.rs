//! The shim's socket against those who do not keep to the protocol, and its manners as a daemon.

use crate::fixture::{Engine, Place, down, healthy, shell, trial, until, up};
use libtest_mimic::Trial;
use mainstay_wire::shim::{Record, Request, Response};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("garbage_on_the_socket_does_no_harm", garbage),
        trial("slow_and_many_clients_hold_up_nobody", slow),
        trial("a_running_instance_is_not_dismissed", dismiss),
        trial("signals_reach_the_process_group", signal),
        trial("a_shim_stands_on_its_own", daemon),
        trial("a_shim_ignores_a_hang_up_and_obeys_sigterm", signals),
        trial("a_second_shim_refuses", second),
    ]
}

fn socket(place: &Place) -> PathBuf {
    let mut files = std::fs::read_dir(place.path().join("run")).unwrap();
    files.next().unwrap().unwrap().path()
}

pub(crate) fn connect(place: &Place) -> BufReader<UnixStream> {
    let stream = UnixStream::connect(socket(place)).unwrap();
    let timeout = Some(Duration::from_secs(20));
    stream.set_read_timeout(timeout).unwrap();
    BufReader::new(stream)
}

fn ask(stream: &mut BufReader<UnixStream>, line: &[u8]) -> Response {
    stream.get_mut().write_all(line).unwrap();
    stream.get_mut().write_all(b"\n").unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

pub(crate) fn request(stream: &mut BufReader<UnixStream>, request: &Request) -> Response {
    ask(stream, &serde_json::to_vec(request).unwrap())
}

/// Bytes that look random and are the same in every run (xorshift).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(length)
    .collect()
}

async fn garbage(place: &Place) {
    let target = place.open();
    let before = up(&target, shell(1, "exec sleep 600")).await;
    let mut stream = connect(place);
    for line in [
        &b""[..],
        b"{}",
        b"[]",
        b"null",
        b"{\"do\":\"explode\"}",
        b"{\"do\":\"stop\"}",
        b"{\"do\":\"stop\",\"grace\":-1}",
        b"{\"do\":\"signal\",\"signal\":\"SIGNIX\"}",
        b"\xff\xfe\x00",
    ] {
        let answer = ask(&mut stream, line);
        assert!(matches!(answer, Response::Refused { .. }), "{line:?}");
    }
    let deep = "[".repeat(4000);
    assert!(matches!(
        ask(&mut stream, deep.as_bytes()),
        Response::Refused { .. }
    ));
    // The connection is still good.
    assert!(matches!(
        request(&mut stream, &Request::Status),
        Response::Record(_)
    ));
    for piece in noise(1 << 20).chunks(50_000) {
        let mut stream = connect(place);
        // It may hang up in the middle.
        let _ = stream.get_mut().write_all(piece);
    }
    // A line without end is cut off.
    let mut endless = connect(place);
    while endless.get_mut().write_all(&[b'x'; 1024]).is_ok() {}
    assert_eq!(healthy(&target, 1).await, before);
    assert_eq!(down(&target, 1).await.phase, crate::fixture::stopped());
}

async fn slow(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    // Half a request each, more than there is room for; the target's own one is never turned out.
    let _silent: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = connect(place);
            stream.get_mut().write_all(b"{\"do\":").unwrap();
            stream
        })
        .collect();
    // One that asks and never listens is hung up on.
    let mut deaf = connect(place);
    let status = b"{\"do\":\"status\"}\n".repeat(64);
    while deaf.get_mut().write_all(&status).is_ok() {}
    let mut good = connect(place);
    assert!(matches!(
        request(&mut good, &Request::Status),
        Response::Record(_)
    ));
    down(&target, 1).await;
}

async fn dismiss(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    let refused = request(&mut connect(place), &Request::Dismiss);
    assert!(matches!(refused, Response::Refused { reason } if reason.contains("stop it first")));
    down(&target, 1).await;
}

async fn signal(place: &Place) {
    let target = place.open();
    let script = "trap 'echo parent' USR1; (trap 'echo child' USR1; echo up; while :; do sleep 0.02; done) & while :; do sleep 0.02; done";
    up(&target, shell(1, script)).await;
    let log = place.instance(1).join("log/current.log");
    let text = || std::fs::read_to_string(&log).unwrap_or_default();
    until("the child", || text().contains("\"up\"")).await;
    let usr1 = Request::Signal {
        signal: "SIGUSR1".into(),
    };
    request(&mut connect(place), &usr1);
    until("both", || {
        text().contains("parent") && text().contains("child")
    })
    .await;
    down(&target, 1).await;
}

fn record(place: &Place) -> Record {
    let bytes = std::fs::read(place.instance(1).join("shim.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn daemon(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    let record = record(place);
    let own = session(i32::try_from(std::process::id()).unwrap());
    let instance = record.instance.unwrap();
    // Three sessions: ours, the shim's, the instance's.
    assert_ne!(session(record.shim.pid), own);
    assert_eq!(session(instance.pid), instance.pid);
    let link = |pid: i32, name: &str| std::fs::read_link(format!("/proc/{pid}/{name}")).unwrap();
    for descriptor in ["fd/0", "fd/1", "fd/2"] {
        assert_eq!(
            link(record.shim.pid, descriptor),
            PathBuf::from("/dev/null")
        );
    }
    assert_eq!(link(instance.pid, "fd/0"), PathBuf::from("/dev/null"));
    assert_eq!(link(record.shim.pid, "cwd"), PathBuf::from("/"));
    // The instance holds its three descriptors and no other, once it is loaded.
    let open = || std::fs::read_dir(format!("/proc/{}/fd", instance.pid)).unwrap();
    until("three descriptors", || open().count() == 3).await;
    let threads = std::fs::read_dir(format!("/proc/{}/task", record.shim.pid)).unwrap();
    assert_eq!(threads.count(), 1);
    let mode = |path: PathBuf| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(socket(place)), 0o600);
    assert_eq!(mode(place.instance(1)), 0o700);
    for file in ["shim.json", "instance.json", "log/current.log"] {
        assert_eq!(mode(place.instance(1).join(file)), 0o600, "{file}");
    }
    down(&target, 1).await;
}

/// From `/proc`, since getsid(2) gives 0 where the leader of the session is outside of our pid
/// namespace, and rustix cannot tell that.
fn session(pid: i32) -> i32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    mainstay_wire::process::Stat::parse(&text).unwrap().session
}

async fn signals(place: &Place) {
    use rustix::process::{Pid, Signal, kill_process};
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    let shim = Pid::from_raw(record(place).shim.pid).unwrap();
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::USR1] {
        kill_process(shim, signal).unwrap();
    }
    assert!(matches!(
        request(&mut connect(place), &Request::Status),
        Response::Record(_)
    ));
    kill_process(shim, Signal::TERM).unwrap();
    let status = crate::fixture::ended(&target, 1).await;
    assert_eq!(status.phase, crate::fixture::stopped());
}

/// Straight to the shim, past the target.
async fn second(place: &Place) {
    let target = place.open();
    up(&target, shell(1, "exec sleep 600")).await;
    let directory = place.instance(1).display().to_string();
    let launch = serde_json::json!({
        "protocol": 1,
        "scope": { "stack": "shop", "environment": "test" },
        "id": "app-r1-1",
        "attempt": 2,
        "directory": directory,
        "socket": place.path().join("second.sock"),
        "command": ["sleep", "600"],
        "environment": {},
        "working_directory": "/",
        "user": null,
        "group": null,
        "limits": {},
        "stop": { "signal": "SIGTERM", "grace": 1000 },
        "log": { "max_size": 1000, "max_files": 1, "max_age": 1000 },
    });
    let mut shim = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("shim")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = shim.stdin.take().unwrap();
    stdin.write_all(launch.to_string().as_bytes()).unwrap();
    drop(stdin);
    let mut answer = String::new();
    let mut stdout = shim.stdout.take().unwrap();
    stdout.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("the instance runs already"), "{answer}");
    assert!(!shim.wait().unwrap().success());
    assert_eq!(record(place).attempt, 1);
    down(&target, 1).await;
}
