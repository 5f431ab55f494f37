//! Secret files: in memory, for one user, as long as the instance lives and no longer.

use crate::fixture::{
    Engine, Place, down, ended, healthy, id, memory, restart, scope, shell, trial, until, up,
};
use libtest_mimic::Trial;
use mainstay_model::{Content, Secret};
use mainstay_runtime::spec::{InstanceFile, InstanceSpec, RestartCondition};
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use mainstay_wire::shim::Request;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_secret_file_is_in_memory_and_goes_with_its_instance",
            lives,
        ),
        trial("a_secret_file_is_there_again_after_a_restart", comes_again),
        trial("a_secret_file_outlives_the_control_plane", stays),
        trial("what_a_killed_shim_leaves_of_secrets_is_removed", killed),
        trial("a_secret_file_belongs_to_the_user_of_the_program", owned),
    ]
}

const VALUE: &str = "tr0ub4dor-and-3-horses\n";

fn with_file(slot: u32, script: &str) -> InstanceSpec {
    let mut spec = shell(slot, script);
    spec.files = vec![InstanceFile {
        name: "db-password".to_owned(),
        target: "/run/secrets/db".to_owned(),
        content: Secret::new(Content::new(VALUE)),
        mode: 0o444,
        uid: 0,
        gid: 0,
    }];
    let path = Secret::new("/run/secrets/db".to_owned());
    spec.environment.insert("PASSWORD_AT".to_owned(), path);
    spec
}

fn directory(place: &Place, slot: u32) -> Option<PathBuf> {
    let root = memory(place.path())?;
    Some(root.join("shop/test").join(id(slot).to_string()))
}

/// Without a file system in memory there is nothing to be seen but the refusal.
async fn refused(place: &Place) -> bool {
    if memory(place.path()).is_some() {
        return false;
    }
    let target = place.open();
    target.start(with_file(1, "exec sleep 600")).await.unwrap();
    let phase = ended(&target, 1).await.phase;
    assert!(matches!(phase, Phase::NotStarted { .. }), "{phase:?}");
    println!("no file system in memory here: only the refusal was tried");
    true
}

async fn lives(place: &Place) {
    if refused(place).await {
        return;
    }
    let target = place.open();
    let out = place.path().join("out");
    let script = format!(
        "cat \"$DB_PASSWORD_FILE\" \"$PASSWORD_AT\" > {0}.new; mv {0}.new {0}; exec sleep 600",
        out.display()
    );
    up(&target, with_file(1, &script)).await;
    until("the program has read its secret", || out.exists()).await;
    assert_eq!(std::fs::read_to_string(&out).unwrap(), VALUE.repeat(2));
    let directory = directory(place, 1).unwrap();
    let file = directory.join("db-password").metadata().unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o400);
    assert_eq!(directory.metadata().unwrap().mode() & 0o777, 0o700);
    down(&target, 1).await;
    assert!(!directory.exists());
    target.remove(&scope(), &id(1)).await.unwrap();
    assert!(!memory(place.path()).unwrap().exists());
}

async fn comes_again(place: &Place) {
    if refused(place).await {
        return;
    }
    let target = place.open();
    let seen = place.path().join("seen");
    // A program that spoils its own file finds it whole when it is started again.
    let script = format!(
        "cat \"$DB_PASSWORD_FILE\" >> {0}; rm -f \"$DB_PASSWORD_FILE\"; [ $(wc -l < {0}) -ge 3 ] && exec sleep 600; exit 1",
        seen.display()
    );
    let mut spec = with_file(1, &script);
    spec.restart = restart(RestartCondition::Always, 10);
    target.start(spec).await.unwrap();
    until("three starts", || {
        std::fs::read_to_string(&seen).is_ok_and(|text| text == VALUE.repeat(3))
    })
    .await;
    down(&target, 1).await;
}

async fn stays(place: &Place) {
    if refused(place).await {
        return;
    }
    let target = place.open();
    let spec = with_file(1, "exec sleep 600");
    up(&target, spec.clone()).await;
    let directory = directory(place, 1).unwrap();
    place.close(target).await;
    // What belongs to no instance is swept meanwhile.
    let left = directory.with_file_name("gone-r1-1");
    std::fs::create_dir(&left).unwrap();
    let target = place.open();
    target.start(spec).await.unwrap();
    healthy(&target, 1).await;
    let text = std::fs::read_to_string(directory.join("db-password")).unwrap();
    assert_eq!(text, VALUE);
    assert!(!left.exists());
    down(&target, 1).await;
    assert!(!directory.exists());
}

async fn killed(place: &Place) {
    if refused(place).await {
        return;
    }
    let target = place.open();
    up(&target, with_file(1, "exec sleep 600")).await;
    let mut stream = crate::shims::connect(place);
    let mainstay_wire::shim::Response::Record(record) =
        crate::shims::request(&mut stream, &Request::Status)
    else {
        panic!("no record")
    };
    let shim = rustix::process::Pid::from_raw(record.shim.pid).unwrap();
    rustix::process::kill_process(shim, rustix::process::Signal::KILL).unwrap();
    ended(&target, 1).await;
    let directory = directory(place, 1).unwrap();
    until("its files are gone", || !directory.exists()).await;
}

async fn owned(place: &Place) {
    if !rustix::process::geteuid().is_root() {
        println!("only root can change the user: not tried");
        return;
    }
    if refused(place).await {
        return;
    }
    let target = place.open();
    let script = "cat \"$DB_PASSWORD_FILE\" > /dev/null && exec sleep 600";
    let mut spec = with_file(1, script);
    spec.user = Some("65534".to_owned());
    up(&target, spec).await;
    let directory = directory(place, 1).unwrap();
    let file = directory.join("db-password");
    until("the program reads it", || {
        file.metadata().is_ok_and(|found| found.uid() == 65534)
    })
    .await;
    healthy(&target, 1).await;
    down(&target, 1).await;
}
