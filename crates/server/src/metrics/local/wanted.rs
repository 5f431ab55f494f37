//! What there is to look at now.

use super::probes::{self, Named};
use super::source::Source;
use super::{CONTAINERS, HOST, POSTGRES, PROBES, REDIS, SERVER, Wanted};
use crate::control::Control;
use crate::credentials::Given;
use crate::metrics::instances::{Running, running};
use mainstay_series::Labels;
use mainstay_stack::server_file::MetricsSettings;
use mainstay_stack::{Exporter, ExporterRule};
use std::net::SocketAddr;
use std::time::Duration;

/// Of one look, where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Everything, each by labels that nothing else has.
pub(super) fn wanted(control: &Control, settings: &MetricsSettings) -> Vec<Wanted> {
    let mut all = vec![server(control, settings)];
    if settings.host {
        all.push(of_machine(HOST, Source::Host, "/proc", settings));
    }
    let running = running(control);
    if !running.is_empty() {
        let address = "/sys/fs/cgroup";
        all.push(of_machine(
            CONTAINERS,
            Source::Containers,
            address,
            settings,
        ));
    }
    all.extend(running.iter().filter_map(|one| exporter(one, settings)));
    all.extend(outside(control, settings));
    all
}

fn server(control: &Control, settings: &MetricsSettings) -> Wanted {
    let address = control.api_address().map(|address| address.to_string());
    let instance = address.clone().unwrap_or_else(|| "control".to_owned());
    Wanted {
        job: SERVER,
        labels: Labels::from_pairs([("job", SERVER), ("instance", &instance)]),
        address: format!("http://{instance}/metrics"),
        interval: settings.interval,
        timeout: settings.interval.min(TIMEOUT),
        source: Source::Server,
    }
}

fn of_machine(
    job: &'static str,
    source: Source,
    place: &str,
    settings: &MetricsSettings,
) -> Wanted {
    Wanted {
        job,
        labels: Labels::from_pairs([("job", job), ("instance", &host_name())]),
        address: format!("file://{place}"),
        interval: settings.interval,
        timeout: settings.interval.min(TIMEOUT),
        source,
    }
}

pub(in crate::metrics) fn host_name() -> String {
    let names = rustix::system::uname();
    names.nodename().to_string_lossy().into_owned()
}

/// The database or cache that an instance is.
fn exporter(one: &Running, settings: &MetricsSettings) -> Option<Wanted> {
    let metrics = one.rule()?;
    let rule = metrics.exporter.as_ref()?;
    let (job, scheme) = match rule.kind {
        Exporter::Postgres => (POSTGRES, "postgresql"),
        Exporter::Redis => (REDIS, "redis"),
    };
    let interval = metrics.interval_ms.map(Duration::from_millis);
    let interval = interval.unwrap_or(settings.interval);
    let timeout = interval.min(TIMEOUT);
    let address = one
        .status
        .address
        .map(|address| SocketAddr::new(address.ip(), metrics.port.unwrap_or(address.port())));
    let source = match address {
        Some(address) => source(one, rule, address, timeout),
        None => Err("it has no port that is known; hint: name one under `expose`".to_owned()),
    };
    let labels = [
        ("job", job.to_owned()),
        ("instance", one.status.id.to_string()),
    ];
    Some(Wanted {
        job,
        labels: Labels::from_pairs(labels.into_iter().chain(one.labels())),
        address: match address {
            Some(address) => format!("{scheme}://{address}"),
            None => format!("{scheme}:"),
        },
        interval,
        timeout,
        source: source.unwrap_or_else(|why| Source::Mute(rule.kind, why)),
    })
}

fn source(
    one: &Running,
    rule: &ExporterRule,
    address: SocketAddr,
    timeout: Duration,
) -> Result<Source, String> {
    let given = Given {
        service: one.service().ok_or("its release does not know it")?,
        secrets: one.secrets(rule),
    };
    match rule.kind {
        Exporter::Postgres => given.postgres(rule, address, timeout).map(Source::Postgres),
        Exporter::Redis => given.redis(rule, address, timeout).map(Source::Redis),
    }
}

/// Of environments that are up: what is down on purpose is not probed.
fn outside(control: &Control, settings: &MetricsSettings) -> Vec<Wanted> {
    let certificates = control.proxy().certificates();
    let names = certificates.iter().flat_map(|one| &one.names);
    let names: Vec<&str> = names.map(String::as_str).collect();
    let mut all = Vec::new();
    for environment in control.environments() {
        let current = {
            let inner = environment.inner();
            let is_up = !inner.kept.desired.instances.is_empty();
            inner.current.clone().filter(|_| is_up)
        };
        let Some(bundle) = current else {
            continue;
        };
        all.extend(probes::of_stack(&bundle.stack));
        all.extend(probes::of_routes(
            &bundle.stack,
            control.proxy().front(),
            &names,
        ));
    }
    all.into_iter()
        .map(|named| probe(named, settings))
        .collect()
}

fn probe(named: Named, settings: &MetricsSettings) -> Wanted {
    let interval = named.interval.unwrap_or(settings.interval);
    Wanted {
        job: PROBES,
        labels: named.labels,
        address: named.address,
        interval,
        timeout: named.settings.timeout,
        source: Source::Probe {
            probe: named.probe,
            settings: named.settings,
        },
    }
}
