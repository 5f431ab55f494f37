//! What an instance of a drill keeps of its service, and what is kept from it.

use super::*;
use crate::testing;
use crate::ways::Gateway;
use mainstay_stack::{HostEntry, Mount, MountOptions, TargetKind};

fn mounted(kind: mainstay_stack::MountKind, source: &str, read_only: bool) -> Mount {
    Mount {
        kind,
        source: source.to_owned(),
        target: format!("/mnt/{}", source.trim_start_matches('/')),
        read_only,
        options: MountOptions::default(),
    }
}

fn bundle() -> Bundle {
    use mainstay_stack::MountKind::{Bind, Tmpfs, Volume};
    let mut app = testing::service("app", 3);
    app.image = Some("shop/app:1".to_owned());
    app.mounts = vec![
        mounted(Volume, "uploads", false),
        mounted(Volume, "models", true),
        mounted(Bind, "/srv/cache", false),
        mounted(Bind, "/srv/settings", true),
        mounted(Bind, "/run/docker.sock", true),
        mounted(Tmpfs, "scratch", false),
    ];
    app.labels.insert("proxy.host".into(), "shop.test".into());
    let network = &mut app.container.network;
    network.extra_hosts.push(HostEntry {
        host: "db".to_owned(),
        address: "10.0.0.9".to_owned(),
    });
    let joined = network.networks.entry("back".to_owned()).or_default();
    joined.aliases.push("api".to_owned());
    joined.ipv4_address = Some("172.18.0.9".to_owned());
    let mut db = testing::service("db", 1);
    db.image = Some("postgres:15".to_owned());
    db.container.network.networks = app.container.network.networks.clone();
    let mut stack = testing::stack([app, db]);
    stack.target = TargetKind::Docker;
    Bundle {
        stack,
        artifacts: BTreeMap::new(),
        images: BTreeMap::new(),
        files: BTreeMap::new(),
    }
}

fn staged() -> InstanceSpec {
    with(&Copies::new())
}

fn with(copies: &Copies) -> InstanceSpec {
    let name = |text: &str| ServiceName::new(text).unwrap();
    let gateway = Gateway {
        address: "172.18.0.1".parse().unwrap(),
        subnet: None,
    };
    let ways = Ways {
        ports: BTreeMap::from([(name("app"), 21_000), (name("db"), 21_001)]),
        gateways: BTreeMap::from([("back".to_owned(), gateway)]),
    };
    let id = "app.scratch-r2-1".parse().unwrap();
    staged_spec(&bundle(), &name("app"), &id, copies, &ways, &|_| None).unwrap()
}

#[test]
fn it_is_reached_by_its_names_and_reaches_nobody_that_runs() {
    let spec = staged();
    let Run::Container(run) = &spec.run else {
        panic!("a container");
    };
    let [joined] = &run.reach.networks[..] else {
        panic!("one network: {:?}", run.reach.networks);
    };
    assert_eq!(joined.network.name, "shop-dev_mainstay-drill");
    assert!(joined.network.internal && joined.ipv4.is_none());
    assert_eq!(joined.aliases, ["api", "app", "app.scratch"]);
    assert!(run.reach.extra_hosts.is_empty() && run.labels.is_empty());
    let value = |key: &str| spec.environment.get(key).map(|v| v.expose().as_str());
    assert_eq!(value("DB_HOST"), Some("db"));
    assert_eq!(value("DB_PORT"), Some("8000"));
    assert_eq!(value("APP_HOST"), None);
    assert_eq!(value("MAINSTAY_SERVICE"), Some("app"));
    assert_eq!(run.port, Some(8000));
    assert_eq!(spec.restart.condition, RestartCondition::No);
}

#[test]
fn nothing_that_is_there_can_be_written_to() {
    let spec = staged();
    let Run::Container(run) = &spec.run else {
        panic!("a container");
    };
    let mounts = run.mounts.iter();
    let seen: Vec<(&str, bool)> = mounts
        .map(|mount| (mount.target.as_str(), mount.kind == MountKind::Unnamed))
        .collect();
    assert_eq!(
        seen,
        [
            ("/mnt/uploads", true),
            ("/mnt/models", true),
            ("/mnt/srv/cache", true),
            ("/mnt/srv/settings", false),
            ("/mnt/scratch", false),
        ]
    );
}

#[test]
fn what_the_copy_has_is_where_the_service_has_its_own() {
    let filled = |name: &str| Volume {
        name: name.to_owned(),
        shared: true,
        ..Volume::default()
    };
    let copies = Copies::from([
        ("/mnt/uploads".to_owned(), filled("drill_uploads")),
        ("/mnt/models".to_owned(), filled("drill_models")),
        ("/mnt/srv/settings".to_owned(), filled("drill_settings")),
    ]);
    let Run::Container(run) = with(&copies).run else {
        panic!("a container");
    };
    let seen: Vec<(&str, &str, bool)> = run
        .mounts
        .iter()
        .filter_map(|mount| match &mount.kind {
            MountKind::Volume { volume, .. } => {
                Some((mount.target.as_str(), volume.name.as_str(), mount.read_only))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("/mnt/uploads", "drill_uploads", false),
            ("/mnt/models", "drill_models", true),
            ("/mnt/srv/settings", "drill_settings", true),
        ]
    );
}

#[test]
fn who_shares_the_host_cannot_be_kept_from_it() {
    let mut app = testing::service("app", 1);
    assert_eq!(cannot_stage(&app), None);
    app.container.isolation.pid = Some("host".to_owned());
    assert!(cannot_stage(&app).unwrap().contains("`app` sees"));
    app.container.isolation.privileged = true;
    assert!(cannot_stage(&app).unwrap().contains("privileged"));
    app.container.network.mode = NetworkMode::Host;
    assert!(cannot_stage(&app).unwrap().contains("network"));
}
