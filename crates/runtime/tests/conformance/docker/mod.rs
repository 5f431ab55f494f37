//! The Docker target: a place for its tests, and what only containers have.

mod adoption;
#[path = "../../../../../tests/support/engine.rs"]
mod engine;
mod ground;
#[path = "../../../../../tests/support/image.rs"]
mod image;
mod inside;
mod outage;

use crate::fixture::{self, Engine, scope, set_stack};
use bollard::Docker;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptions,
};
use image::{BASE, Root};
use libtest_mimic::Trial;
use mainstay_model::Secret;
use mainstay_runtime::docker::{DockerTarget, EngineAddress, Options};
use mainstay_runtime::spec::{
    Attachment, ContainerRun, InstanceSpec, Mount, MountKind, Network, Reach, Run,
};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) use outage::hello;

pub(crate) fn trials() -> Vec<Trial> {
    [
        adoption::trials(),
        ground::trials(),
        inside::trials(),
        outage::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Never asked for anywhere: nothing listens on this port.
pub(crate) const IMAGE: &str = "127.0.0.1:1/mainstay-conformance:v1";

/// One test's part of the engine: a server's id, a stack's name, and directories.
#[derive(Debug)]
pub(crate) struct Yard {
    pub(crate) address: EngineAddress,
    pub(crate) server: String,
    directory: tempfile::TempDir,
    shared: PathBuf,
}

/// Stacks of this executable, so that no two tests have the same.
static COUNT: AtomicU32 = AtomicU32::new(1);

static IMPORTED: OnceLock<()> = OnceLock::new();

impl Yard {
    /// On an engine that may be another than the shared one.
    pub(crate) fn on(address: EngineAddress) -> Self {
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("shop{number}-{}", std::process::id());
        set_stack(name.clone());
        let directory = tempfile::tempdir().unwrap();
        let shared = directory.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        Self {
            address,
            server: name,
            directory,
            shared,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            engine: self.address.clone(),
            server: self.server.clone(),
            directory: self.path().join("containers"),
            runtime_directory: self.path().join("run"),
        }
    }

    /// Makes an image of this machine's own files; this executable is mounted, and not in it.
    pub(crate) fn import(&self, name: &str, change: &str) {
        let EngineAddress::Unix(socket) = &self.address else {
            panic!("an engine of this machine")
        };
        let root = Root::new().programs(&BASE);
        let root = root.linked(&std::env::current_exe().unwrap());
        root.import(socket, name, change);
    }

    /// The engine, past the target.
    pub(crate) fn docker(&self) -> Docker {
        let EngineAddress::Unix(path) = &self.address else {
            panic!("an engine of this machine")
        };
        let path = path.to_str().unwrap();
        Docker::connect_with_unix(path, 60, bollard::API_DEFAULT_VERSION).unwrap()
    }

    pub(crate) async fn api(&self) -> Docker {
        self.docker().negotiate_version().await.unwrap()
    }

    fn marks(&self) -> HashMap<&'static str, Vec<String>> {
        HashMap::from([("label", vec![format!("io.mainstay.server={}", self.server)])])
    }

    /// Names of our containers; only of those that run, or of all.
    pub(crate) async fn containers(&self, all: bool) -> Vec<String> {
        let options = ListContainersOptionsBuilder::default()
            .all(all)
            .filters(&self.marks())
            .build();
        let found = self.api().await.list_containers(Some(options)).await;
        let found = found.unwrap().into_iter();
        found
            .map(|container| {
                container.names.unwrap()[0]
                    .trim_start_matches('/')
                    .to_owned()
            })
            .collect()
    }

    /// Takes away whatever bears this test's mark.
    pub(crate) async fn clear(&self) {
        let docker = self.api().await;
        for name in self.containers(true).await {
            let options = RemoveContainerOptionsBuilder::default()
                .force(true)
                .v(true)
                .build();
            let _ = docker.remove_container(&name, Some(options)).await;
        }
        let options = ListNetworksOptionsBuilder::default()
            .filters(&self.marks())
            .build();
        for network in docker.list_networks(Some(options)).await.unwrap() {
            let _ = docker.remove_network(&network.id.unwrap()).await;
        }
        let options = ListVolumesOptionsBuilder::default()
            .filters(&self.marks())
            .build();
        let volumes = docker.list_volumes(Some(options)).await.unwrap();
        for volume in volumes.volumes.unwrap_or_default() {
            let _ = docker
                .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
                .await;
        }
    }
}

/// Runs on a runtime of its own, also where one runs on this thread.
fn apart<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|threads| {
        let thread = threads.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(work)
        });
        thread.join().unwrap()
    })
}

impl Drop for Yard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What failed may be the engine itself.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| apart(self.clear())));
        }
    }
}

impl Engine for Yard {
    type Target = DockerTarget;

    const PREFIX: &'static str = "docker::";

    // Each takes the engine about half a second of both cores.
    const MANY: u32 = 12;

    fn new(test: &str) -> Option<Self> {
        let yard = Self::on(engine::shared(test)?);
        IMPORTED.get_or_init(|| {
            yard.import(IMAGE, "ENV FROM=image");
        });
        Some(yard)
    }

    fn assert_nothing_left(&self) {
        let left = apart(self.containers(false));
        apart(self.clear());
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    fn shared(&self) -> &Path {
        &self.shared
    }

    fn impossible(&self) -> Vec<(InstanceSpec, &'static str)> {
        let mut program = self.shell(1, "");
        let run = container(&mut program);
        run.command = Some(vec!["no-such-program".into()]);
        // An init would be what starts, and what fails would be its child.
        run.init = false;
        let mut image = self.shell(2, "");
        container(&mut image).image = "127.0.0.1:1/no-such-image:v1".into();
        let mut user = self.shell(3, "");
        user.user = Some("no-such-user".into());
        let mut nothing = self.shell(4, "");
        container(&mut nothing).command = None;
        let mut below = ground::with_volume(self.shell(5, ""), false);
        let volume = container(&mut below).mounts.last_mut().unwrap();
        let MountKind::Volume { subpath, .. } = &mut volume.kind else {
            panic!("{volume:?}");
        };
        *subpath = Some("no-such-subpath".into());
        vec![
            (program, "no-such-program"),
            (image, "no-such-image"),
            (user, "no-such-user"),
            (nothing, "command"),
            (below, "subpath"),
        ]
    }

    fn open(&self) -> DockerTarget {
        DockerTarget::open(self.options()).unwrap()
    }

    async fn close(&self, target: DockerTarget) {
        target.close().await;
    }

    fn shell(&self, slot: u32, script: &str) -> InstanceSpec {
        let (spec, shared) = (
            fixture::shell(slot, script),
            self.shared().display().to_string(),
        );
        let bind = |source: &str, target: &str, read_only| Mount {
            kind: MountKind::Bind {
                source: source.to_owned(),
                create: false,
                propagation: None,
                selinux: None,
            },
            target: target.to_owned(),
            read_only,
        };
        let program = std::env::current_exe().unwrap();
        let run = ContainerRun {
            image: IMAGE.to_owned(),
            command: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            // The first process of a container obeys no signal that it does not handle.
            init: true,
            reach: Reach {
                networks: vec![network("default", "app")],
                ..Reach::default()
            },
            mounts: vec![
                bind(&shared, &shared, false),
                bind(program.to_str().unwrap(), "/conformance", true),
            ],
            ..ContainerRun::default()
        };
        InstanceSpec {
            run: Run::Container(Box::new(run)),
            ..spec
        }
    }

    fn server(&self, slot: u32, late: u64, status: &str) -> InstanceSpec {
        let mut spec = self.shell(slot, "");
        container(&mut spec).command = Some(["/conformance", "serve"].map(str::to_owned).to_vec());
        for (name, value) in [
            ("ADDRESS", "0.0.0.0".to_owned()),
            ("LATE", late.to_string()),
            ("STATUS", status.to_owned()),
        ] {
            spec.environment.insert(name.to_owned(), Secret::new(value));
        }
        fixture::listens(&mut spec);
        spec
    }
}

/// What only a container has of a spec.
pub(crate) fn container(spec: &mut InstanceSpec) -> &mut ContainerRun {
    match &mut spec.run {
        Run::Container(run) => run,
        Run::Process(_) => panic!("a process"),
    }
}

/// A network of this test's environment, and the name by which others find the instance there.
pub(crate) fn network(name: &str, alias: &str) -> Attachment {
    let scope = scope();
    Attachment {
        network: Network {
            name: format!("{}-{}_{name}", scope.stack, scope.environment),
            ..Network::default()
        },
        aliases: vec![alias.to_owned()],
        ipv4: None,
        ipv6: None,
        link_local: Vec::new(),
        options: BTreeMap::new(),
    }
}
