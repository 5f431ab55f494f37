//! What is asked from outside: routes, and the stack's own probes, through blackbox_exporter.
//!
//! Source: <https://github.com/prometheus/blackbox_exporter/blob/master/CONFIGURATION.md>.

use super::labels;
use crate::engines::place;
use crate::output::Rendering;
use mainstay_model::format_duration;
use mainstay_stack::{OutsideProbe, Probe, Question, Route, Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};

/// Of one probe of a route.
const TIMEOUT: &str = "5s";

/// One job for each probe: its interval and module are its own.
pub(super) fn jobs(stack: &Stack, out: &mut Rendering) -> Vec<Doc> {
    let mut jobs = Vec::new();
    let asked: Vec<Map> = routes(stack);
    if !asked.is_empty() {
        jobs.push(job("routes", "route", None, TIMEOUT, asked).into());
    }
    for probe in &stack.probes {
        jobs.push(of_probe(stack, probe).into());
    }
    let unknown = stack.routes.iter().filter(|route| {
        // Nobody can ask under a star; Mainstay does not either.
        let any = route.hosts.is_empty() && url(stack, route).is_none();
        any && outside(stack, route).is_some()
    });
    for route in unknown {
        out.lost(
            &format!("routes: probe of `{}`", route.path),
            "nothing says under which name people reach it",
            "it is not probed; say `render: {domain: …}` or the route's `host`",
        );
    }
    jobs
}

fn job(name: &str, module: &str, interval: Option<u64>, timeout: &str, groups: Vec<Map>) -> Map {
    let taken = |from: &str, to: &str| {
        Map::new()
            .set("source_labels", [from])
            .set("target_label", to)
    };
    let relabel = [
        taken("__address__", "__param_target"),
        taken("__param_target", "instance"),
        Map::new()
            .set("target_label", "job")
            .set("replacement", "blackbox"),
        Map::new()
            .set("target_label", "__address__")
            .set("replacement", "blackbox-exporter:9115"),
    ];
    Map::new()
        .set("job_name", format!("blackbox-{name}"))
        .maybe("scrape_interval", interval.map(|ms| format!("{ms}ms")))
        .set("scrape_timeout", timeout)
        .set("metrics_path", "/probe")
        .set("params", Map::new().set("module", [module]))
        .set("static_configs", groups)
        .set("relabel_configs", relabel)
}

/// The health check of each route's service, where the route leads to it.
fn routes(stack: &Stack) -> Vec<Map> {
    let asked = stack.routes.iter().filter_map(|route| {
        let url = url(stack, route)?;
        let host = route.hosts.first().map_or("", String::as_str);
        let labels = labels(stack)
            .set("service", route.service.as_str())
            .set("probe", format!("{host}{}", route.path));
        Some(Map::new().set("targets", [url]).set("labels", labels))
    });
    asked.collect()
}

fn url(stack: &Stack, route: &Route) -> Option<String> {
    let path = outside(stack, route)?;
    let named = route.hosts.iter().find(|host| !host.starts_with('*'));
    let host = match named {
        Some(host) => host.clone(),
        // Nobody knows what stands for the star.
        None if !route.hosts.is_empty() => return None,
        None => place::domain(stack)?,
    };
    Some(format!("https://{host}{path}"))
}

/// The path under which a service's health check is reached from outside.
fn outside(stack: &Stack, route: &Route) -> Option<String> {
    if !route.probe || stack.target == TargetKind::Process {
        return None;
    }
    let check = stack.services.get(&route.service)?.health.as_ref()?;
    let Probe::Http { path } = &check.probe else {
        return None;
    };
    let prefix = route.path.trim_end_matches('/');
    if route.strip_prefix {
        return Some(format!("{prefix}{path}"));
    }
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| path.clone())
}

fn of_probe(stack: &Stack, probe: &OutsideProbe) -> Map {
    let target = match &probe.question {
        Question::Dns { server, .. } => server.clone(),
        other => other.target().to_owned(),
    };
    let labels = labels(stack).set("probe", probe.name.as_str());
    let group = Map::new().set("targets", [target]).set("labels", labels);
    let name = format!("probe-{}", probe.name);
    let timeout = format!("{}ms", probe.timeout.as_millis());
    // The scrape's own interval is 15 s where nothing is said; a scrape may not take longer.
    let interval = probe.interval_ms.unwrap_or(15_000);
    let interval = interval.max(probe.timeout.as_millis() as u64);
    job(&name, &name, Some(interval), &timeout, vec![group])
}

/// How each is asked. `None`: nothing is.
pub(super) fn modules(stack: &Stack) -> Option<Map> {
    let mut modules = Map::new();
    if !routes(stack).is_empty() {
        let http = Map::new()
            .set("preferred_ip_protocol", "ip4")
            .set("follow_redirects", false)
            .comment("Whether others trust the certificate is a question of its own; until when it holds is told.")
            .set("tls_config", Map::new().set("insecure_skip_verify", true));
        let route = Map::new()
            .set("prober", "http")
            .set("timeout", TIMEOUT)
            .set("http", http);
        modules.insert("route", route);
    }
    for probe in &stack.probes {
        modules.insert(format!("probe-{}", probe.name), module(probe));
    }
    (!modules.is_empty()).then(|| Map::new().set("modules", modules))
}

fn module(probe: &OutsideProbe) -> Map {
    let insecure = probe
        .insecure
        .then(|| Map::new().set("insecure_skip_verify", true));
    let (prober, section) = match &probe.question {
        Question::Http {
            statuses, follow, ..
        } => {
            let statuses: Vec<Doc> = statuses.iter().map(|status| Doc::from(*status)).collect();
            let section = Map::new()
                .set("preferred_ip_protocol", "ip4")
                .set("follow_redirects", *follow)
                .some("valid_status_codes", statuses)
                .maybe("tls_config", insecure);
            ("http", section)
        }
        Question::Tcp { .. } => ("tcp", Map::new().set("preferred_ip_protocol", "ip4")),
        Question::Tls { .. } => (
            "tcp",
            Map::new()
                .set("preferred_ip_protocol", "ip4")
                .set("tls", true)
                .maybe("tls_config", insecure),
        ),
        Question::Dns { name, record, .. } => {
            let section = Map::new()
                .set("preferred_ip_protocol", "ip4")
                .set("query_name", name.as_str())
                .set("query_type", format!("{record:?}").to_ascii_uppercase());
            ("dns", section)
        }
    };
    Map::new()
        .set("prober", prober)
        .set("timeout", format_duration(probe.timeout))
        .set(prober, section)
}
