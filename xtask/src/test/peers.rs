//! The peers that tests judge us against, and where to find them.

use std::path::{Path, PathBuf};

/// A program from a Debian package.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Which tests go without it.
    pub(crate) wanted_by: &'static str,
    program: &'static str,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "PostgreSQL",
        package: "postgresql",
        wanted_by: "the sample service's tests on PostgreSQL",
        program: "postgres",
    },
    Peer {
        name: "Redis",
        package: "redis-server",
        wanted_by: "the sample service's tests with Redis",
        program: "redis-server",
    },
    Peer {
        name: "Docker Engine",
        package: "docker.io",
        wanted_by: "the tests of the Docker target",
        program: "dockerd",
    },
    Peer {
        name: "a registry",
        package: "docker-registry",
        wanted_by: "the tests of images",
        program: "docker-registry",
    },
    Peer {
        name: "docker-compose",
        package: "docker-compose",
        wanted_by: "the comparison of how Compose files are read",
        program: "docker-compose",
    },
    Peer {
        name: "Pebble",
        package: "pebble",
        wanted_by: "the scenarios with a certificate authority",
        program: "pebble",
    },
    Peer {
        name: "curl",
        package: "curl",
        wanted_by: "the proxy's tests with other clients, and Pebble's",
        program: "curl",
    },
    Peer {
        name: "openssl",
        package: "openssl",
        wanted_by: "the proxy's tests with other clients",
        program: "openssl",
    },
    Peer {
        name: "systemd-analyze",
        package: "systemd",
        wanted_by: "the test of the unit that is installed",
        program: "systemd-analyze",
    },
    Peer {
        name: "age",
        package: "age",
        wanted_by: "the tests of encrypted secrets",
        program: "age",
    },
];

/// The peers that are not on this machine.
pub(crate) fn missing() -> Vec<&'static Peer> {
    PEERS
        .iter()
        .filter(|peer| find(peer.program).is_none())
        .collect()
}

/// On the `PATH`, in the system's own folders, or where Debian keeps PostgreSQL's server.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/bin".into()])
        .chain(postgresql_folders())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

fn postgresql_folders() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
}
