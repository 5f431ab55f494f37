//! What runs is found again, from the engine alone; and what is another's is left alone.

use super::{Yard, container};
use crate::fixture::{
    Engine, down, ended, healthy, id, restart, scope, seen, status, stopped, trial_on, up,
};
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use libtest_mimic::Trial;
use mainstay_runtime::spec::RestartCondition;
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial_on("labels_are_enough_to_adopt", labels_alone),
        trial_on("a_removed_container_is_made_again", removed_by_hand),
        trial_on("another_servers_containers_are_left_alone", another_server),
        trial_on("a_taken_name_is_refused_and_left_alone", taken_name),
    ]
}

async fn labels_alone(yard: &Yard) {
    let target = yard.open();
    let mut spec = yard.server(1, 0, "200");
    spec.restart = restart(RestartCondition::Always, 5);
    let before = up(&target, spec.clone()).await;
    yard.close(target).await;
    std::fs::remove_dir_all(yard.path().join("containers")).unwrap();
    let target = yard.open();
    let adopted = seen(&target, 1, |status| status.phase == Phase::Healthy).await;
    assert_eq!(adopted.pid, before.pid);
    assert_eq!(adopted.address, before.address);
    // Its restart policy came with it, and its container can be started without its spec.
    let docker = yard.api().await;
    let name = scope().instance_name(&id(1));
    docker.kill_container(&name, None).await.unwrap();
    let again = seen(&target, 1, |status| {
        status.restarts == 1 && status.phase == Phase::Healthy
    })
    .await;
    assert_ne!(again.pid, before.pid);
    target.start(spec).await.unwrap();
    assert_eq!(yard.containers(true).await.len(), 1);
    down(&target, 1).await;
}

async fn removed_by_hand(yard: &Yard) {
    let target = yard.open();
    let mut spec = yard.shell(1, "exec sleep 600");
    spec.restart = restart(RestartCondition::Always, 5);
    let before = up(&target, spec).await;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    let name = scope().instance_name(&id(1));
    let docker = yard.api().await;
    docker.remove_container(&name, Some(options)).await.unwrap();
    let again = seen(&target, 1, |status| {
        status.restarts == 1 && status.phase == Phase::Healthy
    })
    .await;
    assert_ne!(again.pid, before.pid);
    down(&target, 1).await;
}

async fn another_server(yard: &Yard) {
    let target = yard.open();
    let before = up(&target, yard.shell(1, "exec sleep 600")).await;
    let mut options = yard.options();
    "another".clone_into(&mut options.server);
    options.directory = yard.path().join("another");
    let other = mainstay_runtime::docker::DockerTarget::open(options).unwrap();
    // It has the name, and it is not the other's.
    other.start(yard.shell(1, "exit 0")).await.unwrap();
    let refused = ended(&other, 1).await;
    let Phase::NotStarted { reason } = refused.phase else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("taken by a container that is not ours"),
        "{reason}"
    );
    other.remove(&scope(), &id(1)).await.unwrap();
    assert_eq!(other.observe(), []);
    other.close().await;
    assert_eq!(status(&target, 1), Some(before));
    assert_eq!(down(&target, 1).await.phase, stopped());
}

async fn taken_name(yard: &Yard) {
    let docker = yard.api().await;
    let name = scope().instance_name(&id(1));
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let body = ContainerCreateBody {
        image: Some(super::IMAGE.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        ..ContainerCreateBody::default()
    };
    docker.create_container(Some(options), body).await.unwrap();
    let target = yard.open();
    target.start(yard.shell(1, "exec sleep 600")).await.unwrap();
    let Phase::NotStarted { reason } = ended(&target, 1).await.phase else {
        panic!("started over somebody else's");
    };
    assert!(
        reason.contains("not ours") && reason.contains("hint:"),
        "{reason}"
    );
    target.remove(&scope(), &id(1)).await.unwrap();
    let left = docker.inspect_container(&name, None).await;
    assert!(left.is_ok(), "somebody else's container was removed");
    docker.remove_container(&name, None).await.unwrap();
    // Free again.
    let mut spec = yard.shell(1, "exec sleep 600");
    container(&mut spec).init = true;
    up(&target, spec).await;
    healthy(&target, 1).await;
    down(&target, 1).await;
}
