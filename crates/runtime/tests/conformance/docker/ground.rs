//! Networks and volumes.

use super::{Yard, container, network};
use crate::fixture::{Engine, down, ended, healthy, id, scope, trial_on, up};
use libtest_mimic::Trial;
use mainstay_runtime::docker::DockerTarget;
use mainstay_runtime::spec::{InstanceSpec, Mount, MountKind, Volume};
use mainstay_runtime::status::Phase;
use mainstay_runtime::target::Target;
use tokio::io::AsyncReadExt;

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial_on("services_find_each_other_by_name", aliases),
        trial_on("an_internal_network_is_made_internal", internal),
        trial_on("networks_go_with_their_environment", removed),
        trial_on("somebody_elses_network_is_refused", foreign),
        trial_on("a_volume_outlives_its_containers", kept),
        trial_on("a_volume_is_not_given_to_two", exclusive),
    ]
}

/// What a command beside an instance prints, and how it ends.
pub(super) async fn said(target: &DockerTarget, slot: u32, words: &[&str]) -> (String, i32) {
    let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let exec = target.exec(&scope(), &id(slot), &command, false).await;
    let mut exec = exec.unwrap();
    let mut text = String::new();
    let stdout = exec.stdout.as_mut().unwrap();
    stdout.read_to_string(&mut text).await.unwrap();
    (text, exec.wait().await.unwrap().code().unwrap())
}

async fn aliases(yard: &Yard) {
    let target = yard.open();
    let mut app = yard.server(1, 0, "204");
    container(&mut app).reach.networks = vec![network("front", "app"), network("back", "app")];
    up(&target, app).await;
    for (slot, name) in [(2, "front"), (3, "back"), (4, "other")] {
        let mut spec = yard.shell(slot, "exec sleep 600");
        container(&mut spec).reach.networks = vec![network(name, "client")];
        up(&target, spec).await;
    }
    for slot in [2, 3] {
        let answer = said(&target, slot, &["/conformance", "ask", "app:8000"]).await;
        assert_eq!(answer, ("HTTP/1.1 204 X\n".to_owned(), 0), "{slot}");
    }
    let (_, code) = said(&target, 4, &["/conformance", "ask", "app:8000"]).await;
    assert_ne!(code, 0, "a name of another network was found");
    for slot in 1..=4 {
        down(&target, slot).await;
    }
}

async fn internal(yard: &Yard) {
    let target = yard.open();
    let mut spec = yard.server(1, 0, "204");
    let mut inside = network("inside", "app");
    inside.network.internal = true;
    container(&mut spec).reach.networks = vec![inside.clone()];
    up(&target, spec).await;
    // What that keeps out is the engine's firewall's matter; the engine of these tests has none.
    let made = yard
        .api()
        .await
        .inspect_network(&inside.network.name, None)
        .await;
    assert_eq!(made.unwrap().internal, Some(true));
    // Asked for with another `internal`, it is not taken for the same.
    inside.network.internal = false;
    let refused = target.network(&scope(), &inside.network).await.unwrap_err();
    assert!(
        refused.to_string().contains("another `internal`"),
        "{refused}"
    );
    down(&target, 1).await;
}

async fn removed(yard: &Yard) {
    let target = yard.open();
    let first = target
        .network(&scope(), &network("default", "x").network)
        .await
        .unwrap();
    let again = target
        .network(&scope(), &network("default", "x").network)
        .await
        .unwrap();
    assert_eq!(first, again);
    assert!(
        first.gateway.is_some() && first.subnet.is_some(),
        "{first:?}"
    );
    up(&target, yard.shell(1, "exec sleep 600")).await;
    let name = network("default", "x").network.name;
    let stay = target.remove_networks(&scope()).await.unwrap();
    assert_eq!(stay, std::slice::from_ref(&name));
    down(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    assert!(target.remove_networks(&scope()).await.unwrap().is_empty());
    let left = yard.api().await.inspect_network(&name, None).await;
    assert!(left.is_err(), "{left:?}");
}

async fn foreign(yard: &Yard) {
    let docker = yard.api().await;
    let name = network("default", "x").network.name;
    let request = bollard::models::NetworkCreateRequest {
        name: name.clone(),
        ..bollard::models::NetworkCreateRequest::default()
    };
    docker.create_network(request).await.unwrap();
    let target = yard.open();
    target.start(yard.shell(1, "exec sleep 600")).await.unwrap();
    let Phase::NotStarted { reason } = ended(&target, 1).await.phase else {
        panic!("joined somebody else's network");
    };
    assert!(
        reason.contains(&name) && reason.contains("external: true"),
        "{reason}"
    );
    // Said to be somebody else's, it is used, and stays.
    target.remove(&scope(), &id(1)).await.unwrap();
    let mut spec = yard.shell(1, "exec sleep 600");
    container(&mut spec).reach.networks[0].network.external = true;
    up(&target, spec).await;
    down(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    assert!(target.remove_networks(&scope()).await.unwrap().is_empty());
    docker.remove_network(&name).await.unwrap();
}

pub(super) fn with_volume(mut spec: InstanceSpec, shared: bool) -> InstanceSpec {
    let scope = scope();
    container(&mut spec).mounts.push(Mount {
        kind: MountKind::Volume {
            volume: Volume {
                name: format!("{}-{}_data", scope.stack, scope.environment),
                shared,
                ..Volume::default()
            },
            no_copy: false,
            subpath: None,
        },
        target: "/data".to_owned(),
        read_only: false,
    });
    spec
}

async fn kept(yard: &Yard) {
    let target = yard.open();
    let write = yard.shell(1, "echo kept > /data/file; exit 0");
    target.start(with_volume(write, false)).await.unwrap();
    ended(&target, 1).await;
    target.remove(&scope(), &id(1)).await.unwrap();
    let read = yard.shell(2, "test \"$(cat /data/file)\" = kept && exec sleep 600");
    up(&target, with_volume(read, false)).await;
    down(&target, 2).await;
    target.remove(&scope(), &id(2)).await.unwrap();
    target.remove_networks(&scope()).await.unwrap();
    let name = format!("{}-{}_data", scope().stack, scope().environment);
    let left = yard.api().await.inspect_volume(&name).await.unwrap();
    assert_eq!(left.labels["io.mainstay.stack"], scope().stack.to_string());
}

async fn exclusive(yard: &Yard) {
    let target = yard.open();
    let spec = |slot, shared| with_volume(yard.shell(slot, "exec sleep 600"), shared);
    up(&target, spec(1, false)).await;
    target.start(spec(2, false)).await.unwrap();
    let Phase::NotStarted { reason } = ended(&target, 2).await.phase else {
        panic!("two on one volume");
    };
    let holder = scope().instance_name(&id(1));
    assert!(
        reason.contains(&holder) && reason.contains("shared: true"),
        "{reason}"
    );
    down(&target, 1).await;
    target.remove(&scope(), &id(2)).await.unwrap();
    up(&target, spec(2, false)).await;
    // One that is made for two is given to two.
    up(&target, spec(3, true)).await;
    up(&target, spec(4, true)).await;
    healthy(&target, 2).await;
    for slot in 2..=4 {
        down(&target, slot).await;
    }
}
