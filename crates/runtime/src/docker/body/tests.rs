//! What a container is asked to be, from its spec.

use super::*;
use crate::spec::{Mount, MountKind, Network, RestartCondition, RestartPolicy, Volume};
use mainstay_model::{Bytes, Secret};
use mainstay_wire::shim::{Limits, LogPolicy, StopPolicy};
use std::time::Duration;

fn spec() -> InstanceSpec<ContainerRun> {
    InstanceSpec {
        scope: mainstay_model::Scope {
            stack: "shop".parse().unwrap(),
            environment: "dev".parse().unwrap(),
        },
        id: "app-r3-2".parse().unwrap(),
        environment: BTreeMap::from([("TOKEN".to_owned(), Secret::new("hunter2".to_owned()))]),
        user: Some("1000".to_owned()),
        group: Some("100".to_owned()),
        limits: Limits {
            memory: Some(Bytes(64 << 20)),
            cpus: Some(0.5),
            processes: Some(50),
            open_files: Some(1024),
        },
        health: None,
        restart: RestartPolicy {
            condition: RestartCondition::Always,
            delay: Duration::from_secs(1),
            max_attempts: 5,
            window: Duration::from_secs(60),
        },
        stop: StopPolicy {
            signal: "SIGINT".to_owned(),
            grace: Duration::from_secs(10),
        },
        log: LogPolicy::default(),
        files: Vec::new(),
        run: ContainerRun {
            image: "sha256:abc".to_owned(),
            port: Some(8000),
            ..ContainerRun::default()
        },
    }
}

fn made(spec: &InstanceSpec<ContainerRun>, publish: bool) -> ContainerCreateBody {
    let kept = Kept::of(spec, None);
    let around = Around {
        server: "server",
        kept: &kept,
        publish,
        files: &[("/dev/shm/x/0".into(), "/run/secrets/token".to_owned())],
    };
    create(spec, &around)
}

#[test]
fn the_engine_neither_restarts_nor_judges() {
    let body = made(&spec(), false);
    let host = body.host_config.unwrap();
    assert_eq!(host.restart_policy.unwrap().name.unwrap().to_string(), "no");
    assert_eq!(body.healthcheck.unwrap().test.unwrap(), ["NONE"]);
    assert_eq!(host.port_bindings, None);
    assert_eq!(host.memory, Some(64 << 20));
    assert_eq!(host.nano_cpus, Some(500_000_000));
    assert_eq!(body.user.as_deref(), Some("1000:100"));
}

#[test]
fn labels_tell_the_instance_and_no_secret() {
    let mut spec = spec();
    spec.run.labels = BTreeMap::from([
        ("team".to_owned(), "a".to_owned()),
        ("io.mainstay.server".to_owned(), "another".to_owned()),
    ]);
    let labels = made(&spec, false).labels.unwrap();
    assert_eq!(labels["team"], "a");
    let found = labels::instance("server", &labels).unwrap();
    assert_eq!(found, (spec.scope.clone(), spec.id.clone()));
    assert_eq!(labels::instance("another", &labels), None);
    assert_eq!(labels::kept(&labels), Some(Kept::of(&spec, None)));
    assert!(!format!("{labels:?}").contains("hunter2"));
}

#[test]
fn the_port_is_told_unless_the_files_tell_it() {
    let mut spec = spec();
    let environment = made(&spec, true).env.unwrap();
    assert_eq!(environment, ["TOKEN=hunter2", "PORT=8000"]);
    let port = Secret::new("9000".to_owned());
    spec.environment.insert("PORT".to_owned(), port);
    assert_eq!(
        made(&spec, true).env.unwrap(),
        ["PORT=9000", "TOKEN=hunter2"]
    );
}

#[test]
fn each_mount_has_its_form() {
    let mut spec = spec();
    let mount = |kind, read_only| Mount {
        kind,
        target: "/data".to_owned(),
        read_only,
    };
    let bind = |create| MountKind::Bind {
        source: "/srv".to_owned(),
        create,
        propagation: None,
        selinux: None,
    };
    let volume = |name: &str, shared| MountKind::Volume {
        volume: Volume {
            name: name.to_owned(),
            shared,
            ..Volume::default()
        },
        no_copy: false,
        subpath: None,
    };
    spec.run.mounts = vec![
        mount(bind(true), true),
        mount(bind(false), false),
        mount(volume("own", false), false),
        mount(volume("read", false), true),
        mount(volume("shared", true), false),
        mount(MountKind::Unnamed, false),
    ];
    assert_eq!(own_volumes(&spec.run), ["own"]);
    let host = made(&spec, false).host_config.unwrap();
    assert_eq!(host.binds.unwrap(), ["/srv:/data:ro"]);
    let mounts = host.mounts.unwrap();
    assert_eq!(mounts.len(), 6);
    let unnamed = &mounts[4];
    assert_eq!(unnamed.source, None);
    assert_eq!(unnamed.target.as_deref(), Some("/data"));
    let file = &mounts[5];
    assert_eq!(file.target.as_deref(), Some("/run/secrets/token"));
    assert_eq!(file.read_only, Some(true));
}

#[test]
fn the_first_network_comes_with_the_container() {
    let mut spec = spec();
    let attachment = |name: &str| Attachment {
        network: Network {
            name: name.to_owned(),
            ..Network::default()
        },
        aliases: vec!["app".to_owned()],
        ipv4: None,
        ipv6: None,
        link_local: Vec::new(),
        options: BTreeMap::new(),
    };
    spec.run.reach.networks = vec![attachment("front"), attachment("back")];
    let body = made(&spec, false);
    let endpoints = body.networking_config.unwrap().endpoints_config.unwrap();
    assert_eq!(endpoints.keys().collect::<Vec<_>>(), ["front"]);
    let host = body.host_config.unwrap();
    assert_eq!(host.network_mode.as_deref(), Some("front"));
}
