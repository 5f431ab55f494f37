//! An engine that is not there, not for us, or goes in the middle.

use super::engine::{self, OwnEngine};
use super::{IMAGE, Yard};
use crate::fixture::{
    DEADLINE, Engine, down, ended, healthy, id, restart, scope, seen, status, trial_on, up,
};
use libtest_mimic::Trial;
use mainstay_runtime::docker::{DockerTarget, EngineAddress, Options};
use mainstay_runtime::spec::RestartCondition;
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use std::process::{Command, ExitCode};
use std::time::Duration;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial_on("an_engine_that_does_not_run_is_waited_for", not_running),
        trial_on("a_forbidden_socket_says_what_to_do", forbidden),
        Trial::test(
            "docker::a_killed_engine_changes_nothing_that_is_known",
            || {
                killed();
                Ok(())
            },
        ),
    ]
}

async fn not_running(yard: &Yard) {
    let mut options = yard.options();
    options.engine = EngineAddress::Unix(yard.path().join("later.sock"));
    let target = DockerTarget::open(options).unwrap();
    let refused = target.check().await.unwrap_err();
    assert!(
        refused.to_string().contains("no engine listens"),
        "{refused}"
    );
    assert!(
        refused
            .hint
            .is_some_and(|hint| hint.contains("systemctl start docker"))
    );
    target.start(yard.shell(1, "exec sleep 600")).await.unwrap();
    let waiting = seen(&target, 1, |status| !status.warnings.is_empty()).await;
    assert_eq!(waiting.phase, Phase::Starting);
    assert!(
        waiting.warnings[0].contains("no engine listens"),
        "{waiting:?}"
    );
    let EngineAddress::Unix(socket) = &yard.address else {
        return;
    };
    std::os::unix::fs::symlink(socket, yard.path().join("later.sock")).unwrap();
    let there = healthy(&target, 1).await;
    assert!(there.warnings.is_empty(), "{there:?}");
    down(&target, 1).await;
}

/// As another user: prints what a look at the engine comes to.
pub(crate) fn hello() -> ExitCode {
    let address: EngineAddress = std::env::args().nth(2).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let target = DockerTarget::open(Options {
            engine: address,
            server: "hello".to_owned(),
            directory: directory.path().join("containers"),
            runtime_directory: directory.path().join("run"),
        })
        .unwrap();
        match target.check().await {
            Ok(()) => println!("it answers"),
            Err(error) => println!("{error}; hint: {}", error.hint.clone().unwrap_or_default()),
        }
    });
    ExitCode::SUCCESS
}

async fn forbidden(yard: &Yard) {
    let socket = yard.path().join("forbidden.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&socket, mode).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(yard.path(), mode).unwrap();
    // This executable may lie where only root gets.
    let program = yard.path().join("conformance");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let said = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["hello", &format!("unix://{}", socket.display())])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(text.contains("permission denied"), "{said:?}");
    assert!(text.contains("`docker`"), "{text}");
}

fn killed() {
    if !engine::can_start_own("docker::a_killed_engine_changes_nothing_that_is_known") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut own = OwnEngine::start(directory.path(), "10.213.0.0/18");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let yard = Yard::on(own.address());
    runtime.block_on(async {
        yard.import(IMAGE, "ENV FROM=image");
        lost_and_found(&yard, &mut own).await;
    });
    yard.assert_nothing_left();
}

async fn lost_and_found(yard: &Yard, own: &mut OwnEngine) {
    let target = yard.open();
    let mut spec = yard.server(1, 0, "200");
    spec.restart = restart(RestartCondition::Always, 5);
    let before = up(&target, spec).await;
    own.kill();
    let lost = seen(&target, 1, |status| !status.warnings.is_empty()).await;
    assert_eq!(
        (&lost.phase, lost.address),
        (&Phase::Healthy, before.address)
    );
    assert!(
        lost.warnings[0].starts_with("last known state: "),
        "{lost:?}"
    );
    // What cannot be done is said, and nothing is forgotten.
    let refused = target
        .exec(&scope(), &id(1), &["true".to_owned()], false)
        .await;
    assert!(refused.is_err());
    // It still answers, and is known to a control plane that begins now.
    tokio::net::TcpStream::connect(before.address.unwrap())
        .await
        .unwrap();
    yard.close(target).await;
    let target = yard.open();
    let known = status(&target, 1).unwrap();
    assert_eq!(
        (known.phase, known.address),
        (Phase::Healthy, before.address)
    );
    own.start_again();
    // Without live-restore an engine that begins ends what it finds; then it is a restart.
    let back = seen(&target, 1, |status| {
        status.phase == Phase::Healthy && status.warnings.is_empty()
    })
    .await;
    assert!(back.restarts <= 1, "{back:?}");
    // A stop that was asked for while the engine was away is carried out once it is back.
    own.kill();
    seen(&target, 1, |status| !status.warnings.is_empty()).await;
    target
        .stop(&scope(), &id(1), Duration::from_secs(5))
        .await
        .unwrap();
    assert_eq!(status(&target, 1).unwrap().phase, Phase::Stopping);
    own.start_again();
    let over = tokio::time::timeout(DEADLINE, ended(&target, 1))
        .await
        .unwrap();
    assert!(
        matches!(
            over.phase,
            Phase::Exited {
                requested: true,
                ..
            }
        ),
        "{over:?}"
    );
    target.remove(&scope(), &id(1)).await.unwrap();
    yard.close(target).await;
}
