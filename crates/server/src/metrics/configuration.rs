//! What is scraped beside the services, and where samples are sent on: the file of Prometheus that
//! `server.yaml` names.

use super::{MetricsError, SERVICES};
use crate::rules::OfPrometheus;
use mainstay_stack::server_file::MetricsSettings;
use mainstay_targets::{Alerting, Configuration, Job, RemoteWrite};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file of Prometheus is smaller.
const MOST_BYTES: u64 = 16 << 20;

/// What is in force.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded {
    /// The job of services first.
    pub(super) jobs: Vec<Job>,
    pub(super) remote_write: Vec<RemoteWrite>,
    pub(super) external_labels: BTreeMap<String, String>,
    pub(super) rules: OfPrometheus,
    pub(super) alerting: Option<Alerting>,
    /// As it was read, where there is a file.
    pub(super) text: Option<String>,
}

pub(super) async fn load(settings: &MetricsSettings) -> Result<Loaded, MetricsError> {
    let mut loaded = Loaded {
        jobs: vec![services(settings)?],
        ..Loaded::default()
    };
    let Some(path) = &settings.prometheus else {
        return Ok(loaded);
    };
    let unreadable =
        |problem: String| MetricsError::Configuration(format!("{}: {problem}", path.display()));
    let meta = tokio::fs::metadata(path).await;
    let size = meta.map_err(|error| unreadable(error.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(unreadable(format!(
            "{size} bytes are too many for a configuration"
        )));
    }
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| unreadable(error.to_string()))?;
    let configuration = read(&text, path)?;
    if configuration.jobs.iter().any(|job| job.name == SERVICES) {
        return Err(unreadable(format!(
            "job `{SERVICES}` is the name of Mainstay's own; hint: give it another name"
        )));
    }
    // Each has a queue of its own on disk, under its name.
    let mut names = BTreeSet::new();
    let mut receivers = configuration.remote_write.iter();
    if let Some(twice) = receivers.find(|receiver| !names.insert(&receiver.name)) {
        return Err(unreadable(format!(
            "two receivers of `remote_write` are called `{}`; hint: give one another `name`",
            twice.name
        )));
    }
    loaded.jobs.extend(configuration.jobs);
    loaded.remote_write = configuration.remote_write;
    let global = &configuration.global;
    let patterns = configuration.rule_files.into_iter();
    loaded.rules = OfPrometheus {
        patterns: patterns
            .map(|(pattern, _)| PathBuf::from(pattern))
            .collect(),
        interval_ms: global.evaluation_interval.as_millis() as i64,
        query_offset_ms: global.rule_query_offset.as_millis() as i64,
    };
    loaded.alerting = configuration.alerting;
    loaded.external_labels = configuration.global.external_labels;
    loaded.text = Some(text);
    Ok(loaded)
}

/// All problems at once; warnings go to the log.
fn read(text: &str, path: &Path) -> Result<Configuration, MetricsError> {
    let (configuration, problems) = Configuration::read(text, path, &path.display().to_string());
    if problems.has_errors() {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(MetricsError::Configuration(all.join("\n")));
    }
    for problem in &problems {
        tracing::warn!(%problem, "the file of Prometheus");
    }
    Ok(configuration)
}

/// The job whose targets are the instances.
fn services(settings: &MetricsSettings) -> Result<Job, MetricsError> {
    let interval = settings.interval.as_millis();
    let text = format!(
        "scrape_configs:\n- job_name: {SERVICES}\n  scrape_interval: {interval}ms\n  scrape_timeout: {}ms\n  sample_limit: 100000\n  body_size_limit: 64MB\n  fallback_scrape_protocol: PrometheusText0.0.4\n",
        interval.min(10_000)
    );
    let mut jobs = read(&text, Path::new("/services"))?.jobs;
    jobs.pop()
        .ok_or_else(|| MetricsError::Configuration("no job of services".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: Option<&str>) -> (tempfile::TempDir, MetricsSettings) {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = MetricsSettings::default();
        if let Some(text) = text {
            let path = directory.path().join("prometheus.yml");
            std::fs::write(&path, text).unwrap();
            settings.prometheus = Some(path);
        }
        (directory, settings)
    }

    #[tokio::test]
    async fn services_are_always_a_job_and_the_file_adds_others() {
        let (_directory, alone) = settings(None);
        let loaded = load(&alone).await.unwrap();
        assert_eq!(loaded.jobs.len(), 1);
        assert_eq!(loaded.jobs[0].interval, alone.interval);
        let text = "global: {external_labels: {site: a}}\nscrape_configs: [{job_name: x, static_configs: [{targets: ['127.0.0.1:1']}]}]\n";
        let (_directory, more) = settings(Some(text));
        let loaded = load(&more).await.unwrap();
        let names: Vec<_> = loaded.jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["services", "x"]);
        assert_eq!(loaded.external_labels["site"], "a");
    }

    #[tokio::test]
    async fn a_wrong_file_is_said_with_its_place_and_all_of_it() {
        let text = "scrape_configs:\n- job_name: a\n  scrape_intervall: 1s\n- job_name: b\n  metrics_path: 3\n  scrape_timeout: soon\n";
        let (_directory, wrong) = settings(Some(text));
        let error = load(&wrong).await.unwrap_err().to_string();
        assert!(
            error.contains(":3:3") && error.contains("scrape_interval"),
            "{error}"
        );
        assert!(error.contains(":6:"), "{error}");
        let (_directory, taken) = settings(Some("scrape_configs: [{job_name: services}]"));
        let error = load(&taken).await.unwrap_err().to_string();
        assert!(error.contains("another name"), "{error}");
        let twice = "remote_write: [{url: 'http://a/w', name: x}, {url: 'http://b/w', name: x}]";
        let (_directory, twice) = settings(Some(twice));
        let error = load(&twice).await.unwrap_err().to_string();
        assert!(error.contains("called `x`"), "{error}");
        let (_directory, mut missing) = settings(None);
        missing.prometheus = Some("/nowhere/prometheus.yml".into());
        let error = load(&missing).await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/prometheus.yml"), "{error}");
    }
}
