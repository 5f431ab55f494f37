//! The engine, the second engine and the registry that the tests share.

use crate::engine::OwnEngine;
use crate::registry::{self, Registry};
use bollard::{API_DEFAULT_VERSION, Docker};
use mainstay_runtime::images::{Images, Registries};
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const REQUIRE: &str = "MAINSTAY_REQUIRE_PEERS";

/// An engine in a directory of its own.
pub(crate) struct Engine {
    /// Ends before its directory goes.
    _own: OwnEngine,
    directory: tempfile::TempDir,
}

impl Engine {
    fn start(pools: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            _own: OwnEngine::start(directory.path(), pools),
            directory,
        }
    }

    pub(crate) async fn client(&self) -> Docker {
        let socket = self.directory.path().join("docker.sock");
        let socket = socket.to_string_lossy();
        let docker = Docker::connect_with_unix(&socket, 60, API_DEFAULT_VERSION);
        docker.unwrap().negotiate_version().await.unwrap()
    }
}

/// Both engines, and the registry.
pub(crate) struct Peers {
    pub(crate) engine: Engine,
    pub(crate) second: Engine,
    registry: Registry,
}

impl Peers {
    fn start() -> Self {
        Self {
            engine: Engine::start("10.215.0.0/17"),
            second: Engine::start("10.215.128.0/17"),
            registry: Registry::start(),
        }
    }

    /// Images of an engine, for somebody who is logged in.
    pub(crate) async fn images(&self, engine: &Engine) -> Images {
        let registries = Registries::in_directory(self.registry.logins());
        Images::new(engine.client().await, "unix://test", registries)
    }

    /// For somebody who is not.
    pub(crate) async fn strangers_images(&self, engine: &Engine) -> Images {
        Images::new(engine.client().await, "unix://test", Registries::default())
    }

    /// A name in the registry that no other test has.
    pub(crate) fn name(&self, test: &str) -> String {
        format!("127.0.0.1:{}/{test}:v1", self.registry.port)
    }
}

static SHARED: OnceLock<Mutex<Option<Peers>>> = OnceLock::new();

pub(crate) type Scenario = fn(&Peers);

/// Runs a scenario, or says for want of what it does not. One at a time: there are two processors.
pub(crate) fn run(name: &str, scenario: Scenario) {
    if let Some(missing) = missing() {
        assert!(std::env::var_os(REQUIRE).is_none(), "{missing} is not here");
        let line = format!("skipped for want of {missing}: {name}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
        return;
    }
    let shared = SHARED.get_or_init(|| Mutex::new(Some(Peers::start())));
    let peers = shared.lock().unwrap_or_else(PoisonError::into_inner);
    scenario(peers.as_ref().expect("not ended yet"));
}

/// Ends everything that was started.
pub(crate) fn end() {
    if let Some(shared) = SHARED.get() {
        shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn missing() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dockerd = std::env::split_paths(&path).any(|folder| folder.join("dockerd").is_file());
    if !dockerd || !rustix::process::geteuid().is_root() {
        return Some("a container engine (dockerd as root)");
    }
    (!registry::is_here()).then_some("a registry (docker-registry)")
}

/// A tar archive of these files: path, mode, content.
pub(crate) fn archive(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, mode, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_cksum();
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// What a shell needs: itself, and what it is linked with (ldd(1)).
pub(crate) fn shell() -> Vec<(String, Vec<u8>)> {
    let said = Command::new("ldd").arg("/bin/sh").output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.split_whitespace()
        .filter(|word| word.starts_with('/'))
        .chain(["/bin/sh"])
        .map(|path| {
            (
                path.trim_start_matches('/').to_owned(),
                std::fs::read(path).unwrap(),
            )
        })
        .collect()
}
