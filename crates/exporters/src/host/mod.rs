//! The host, as node_exporter tells it: what `/proc` and `/sys` say.
//!
//! Names, types, labels and what is left out by default (file systems, devices) are node_exporter's,
//! so that its dashboards and rules fit.
//!
//! It reads files, and asks each file system for its size, which waits where a network file system
//! hangs: call it from a blocking thread.

mod cpu;
mod disk;
mod memory;
mod net;
mod system;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::Page;

/// Where the host's files are.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

/// Why a collector gave nothing, or not all.
type Collected = Result<(), String>;

type Collector = (&'static str, fn(&Host, &mut Page) -> Collected);

/// By node_exporter's names.
const COLLECTORS: [Collector; 19] = [
    ("conntrack", net::conntrack),
    ("cpu", cpu::cpu),
    ("diskstats", disk::diskstats),
    ("entropy", system::entropy),
    ("filefd", system::filefd),
    ("filesystem", disk::filesystem),
    ("loadavg", cpu::loadavg),
    ("meminfo", memory::meminfo),
    ("netclass", net::netclass),
    ("netdev", net::netdev),
    ("netstat", net::netstat),
    ("os", system::os),
    ("pressure", memory::pressure),
    ("schedstat", cpu::schedstat),
    ("sockstat", net::sockstat),
    ("softnet", net::softnet),
    ("stat", cpu::stat),
    ("uname", system::uname),
    ("vmstat", memory::vmstat),
];

impl Default for Host {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Host {
    /// A host whose files are below `root`: `/`, or where it is mounted in a container.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Everything, now; `now_seconds` since the epoch.
    pub fn collect(&self, now_seconds: f64) -> Page {
        let mut page = Page::default();
        page.gauge(
            "node_time_seconds",
            "System time in seconds since epoch (1970).",
            &[],
            now_seconds,
        );
        let version = env!("CARGO_PKG_VERSION");
        let labels = [
            ("version", version),
            ("revision", ""),
            ("branch", "mainstay"),
        ];
        page.gauge(
            "node_exporter_build_info",
            "What collected these metrics: Mainstay.",
            &labels,
            1.0,
        );
        for (name, collect) in COLLECTORS {
            let began = Instant::now();
            let outcome = collect(self, &mut page);
            let labels = [("collector", name)];
            let help = "node_exporter: Duration of a collector scrape.";
            let seconds = began.elapsed().as_secs_f64();
            page.gauge(
                "node_scrape_collector_duration_seconds",
                help,
                &labels,
                seconds,
            );
            let help = "node_exporter: Whether a collector succeeded.";
            let success = if outcome.is_ok() { 1.0 } else { 0.0 };
            page.gauge("node_scrape_collector_success", help, &labels, success);
            if let Err(error) = outcome {
                tracing::debug!(collector = name, %error, "a collector gave nothing");
            }
        }
        page
    }

    /// A file's text.
    fn read(&self, path: &str) -> Result<String, String> {
        let path = self.path(path);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A file that is one number.
    fn number(&self, path: &str) -> Option<f64> {
        self.read(path).ok()?.trim().parse().ok()
    }

    /// A file that is one word.
    fn word(&self, path: &str) -> Option<String> {
        self.read(path).ok().map(|text| text.trim().to_owned())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn root(&self) -> &Path {
        &self.root
    }
}

/// A number at a place of a line; 0 where there is none.
fn nth(fields: &[&str], at: usize) -> f64 {
    fields
        .get(at)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0.0)
}
