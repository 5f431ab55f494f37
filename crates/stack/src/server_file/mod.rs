//! `server.yaml`: what belongs to the server and to no stack: where it listens, its certificates,
//! how long it keeps its journal.
//!
//! The same grammar as for the other files describes it, and it is read by the same machinery:
//! all problems at once, each with its place. Variables are not put in: a server has no shell that
//! it was started from.

mod acme;
mod alerts;
mod fields;
mod listening;
mod metrics;
mod tls;

pub use alerts::{
    AlertsSettings, EmailAddress, EscalationSettings, EscalationStepSettings, EscalationTarget,
    Given, Heartbeat, ReceiverAddresses, RotaSettings, SlackAddress,
};
pub use fields::{SERVER, sections};
pub use metrics::MetricsSettings;

use crate::check::Checker;
use crate::decode::{duration, text};
use crate::grammar::Shape;
use crate::source::{At, Source};
use crate::tree::Node;
use crate::yaml;
use mainstay_model::{Problem, Problems};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The annotated example.
pub const EXAMPLE: &str = include_str!("../../../../docs/reference/server.yaml");

/// How long events are kept where nothing is said: a year.
const RETENTION: Duration = Duration::from_secs(365 * 86_400);
/// `mainstay events` should have something to show.
const MIN_RETENTION: Duration = Duration::from_secs(86_400);

/// What a server is told. An address that is missing means the usual one or the next free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFile {
    pub api: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
    /// `None`: nothing is encrypted.
    pub https: Option<SocketAddr>,
    /// `None`: plain requests are served plainly.
    pub redirect: Option<Redirect>,
    pub hsts: Option<Hsts>,
    pub tls: Tls,
    /// How long events are kept.
    pub retention: Duration,
    pub metrics: MetricsSettings,
    pub alerts: AlertsSettings,
    /// Of the server's own log; `None`: `info`.
    pub log: Option<String>,
}

/// Where plain requests are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// As clients reach it.
    pub port: u16,
    /// Paths that are served plainly.
    pub except: Vec<String>,
}

/// `Strict-Transport-Security`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hsts {
    pub max_age: Duration,
    pub include_subdomains: bool,
    pub preload: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether only TLS 1.3 is spoken.
    pub only_1_3: bool,
    pub certificates: Vec<CertificateFiles>,
    pub acme: Option<Acme>,
}

/// Absolute paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// How certificates are had from an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// URL of its directory.
    pub directory: String,
    pub email: Option<String>,
    /// PEM file of who signed the authority's own certificate; `None`: as the system trusts.
    pub ca: Option<PathBuf>,
    pub challenge: ChallengeKind,
}

/// How an authority is shown that a host is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// A file on port 80.
    Http01,
    /// A certificate on port 443.
    TlsAlpn01,
}

impl Default for ServerFile {
    fn default() -> Self {
        Self {
            api: None,
            http: None,
            https: None,
            redirect: None,
            hsts: None,
            tls: Tls::default(),
            retention: RETENTION,
            metrics: MetricsSettings::default(),
            alerts: AlertsSettings::default(),
            log: None,
        }
    }
}

/// Reads the file at `path`, which is shown as `display`. What it says holds only where no problem
/// is an error. Relative paths in it start in its own directory.
pub fn read(text: &str, path: &Path, display: &str) -> (ServerFile, Problems) {
    let mut problems = Problems::default();
    let source = Arc::new(Source {
        display: display.to_owned(),
        path: path.to_owned(),
        base: path.parent().unwrap_or(path).to_owned(),
    });
    let mut documents = yaml::parse(text, &source, &mut problems).into_iter();
    let document = documents.next();
    if let Some(second) = documents.next() {
        let problem = Problem::error("server/documents", "server.yaml is one document");
        problems.push(problem.at(second.at.place()));
    }
    let mut tree = document
        .filter(|node| !node.is_null())
        .unwrap_or_else(|| Node::empty_map(At::whole(&source)));
    let mut checker = Checker {
        prefix: "server",
        problems: &mut problems,
    };
    checker.check(&mut tree, &Shape::Section(&SERVER), "server.yaml");
    let file = decode(&tree, &mut problems);
    problems.sort();
    (file, problems)
}

fn decode(tree: &Node, problems: &mut Problems) -> ServerFile {
    let mut file = ServerFile {
        tls: tls::tls(tree, problems),
        ..ServerFile::default()
    };
    listening::listening(tree, &mut file, problems);
    acme::ports(tree, &file, problems);
    if let Some(node) = tree
        .get("journal")
        .and_then(|journal| journal.get("retention"))
    {
        let journal = tree.get("journal");
        let wanted = journal.and_then(|journal| duration(journal, "retention"));
        file.retention = wanted.unwrap_or(RETENTION);
        if file.retention < MIN_RETENTION {
            let problem = Problem::error("server/retention", "events are kept for a day at least");
            problems.push(problem.at(node.at.place()).hint("write `365d` for a year"));
        }
    }
    file.metrics = metrics::metrics(tree, problems);
    file.alerts = alerts::alerts(tree, problems);
    file.log = tree.get("log").and_then(|log| text(log, "level"));
    file
}
