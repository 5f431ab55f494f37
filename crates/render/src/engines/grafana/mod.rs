//! Data sources, provisioning and dashboards.
//!
//! Dashboards are chosen by what the stack has: one without Redis has none of a cache. What its own services expose
//! stands nowhere in a stack but in its rules, so a panel on such names is there where a rule asks for them.
//!
//! Sources: <https://grafana.com/docs/grafana/latest/administration/provisioning/> and
//! <https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/>.

mod json;
mod machines;
mod panel;
mod services;
mod stores;

use super::place;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Exporter;
use mainstay_yaml::write::{Doc, Map};
use panel::Dashboard;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let known = Known::of(project);
    out.yaml(
        "provisioning/datasources/datasources.yaml",
        &[Doc::from(sources())],
    );
    out.yaml(
        "provisioning/dashboards/dashboards.yaml",
        &[Doc::from(provider(project))],
    );
    for dashboard in chosen(&known) {
        let path = format!("dashboards/{}.json", dashboard.name);
        out.raw(path, json::text(project, &dashboard, &known));
    }
}

/// What decides about dashboards and panels.
pub(super) struct Known {
    /// Every rule of the main environment, as text.
    rules: String,
    postgresql: bool,
    redis: bool,
}

impl Known {
    fn of(project: &Project) -> Self {
        let stack = project.main();
        let packs = stack.alerts.packs.iter();
        let packs = packs.flat_map(|pack| project.packs.get(pack).into_iter().flatten());
        let texts = packs.chain(&stack.alerts.rules);
        Self {
            rules: texts.map(|file| file.text.as_str()).collect(),
            postgresql: !place::servers(stack, Exporter::Postgres).is_empty(),
            redis: !place::servers(stack, Exporter::Redis).is_empty(),
        }
    }

    /// Whether a rule asks for metrics that begin so. Empty: nothing is needed.
    fn has(&self, metric: &str) -> bool {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let mut places = self.rules.match_indices(metric);
        metric.is_empty() || places.any(|(at, _)| !self.rules[..at].ends_with(inside))
    }
}

fn chosen(known: &Known) -> Vec<Dashboard> {
    let all = [
        (true, services::OVERVIEW),
        (true, machines::INFRASTRUCTURE),
        (known.postgresql, stores::DATABASE),
        (known.redis, stores::CACHE),
        (true, services::THIRD_PARTY),
        (true, services::AI),
        (true, services::PERFORMANCE),
        (true, services::API),
    ];
    let there = all.into_iter().filter(|(is_there, _)| *is_there);
    there
        .map(|(_, dashboard)| dashboard)
        // Of a dashboard that is all about names that nobody exposes nothing would be left.
        .filter(|dashboard| dashboard.panels.iter().any(|panel| known.has(panel.needs)))
        .collect()
}

fn sources() -> Map {
    let source = |name: &str, kind: &str, uid: &str, url: &str| {
        Map::new()
            .set("name", name)
            .set("type", kind)
            .set("uid", uid)
            .set("access", "proxy")
            .set("url", url)
            .set("editable", false)
    };
    let prometheus = source(
        "Prometheus",
        "prometheus",
        "prometheus",
        "http://prometheus:9090",
    )
    .set("isDefault", true)
    .set(
        "jsonData",
        Map::new()
            .comment("As often as is scraped: it decides how far back rates look.")
            .set("timeInterval", "15s")
            .set("httpMethod", "POST")
            .set("alertmanagerUid", "alertmanager"),
    );
    let alertmanager = source(
        "Alertmanager",
        "alertmanager",
        "alertmanager",
        "http://alertmanager:9093",
    )
    .set(
        "jsonData",
        Map::new()
            .set("implementation", "prometheus")
            .set("handleGrafanaManagedAlerts", false),
    );
    let trace = Map::new()
        .set("name", "trace")
        .set("matcherRegex", "\"trace_id\":\"(\\w+)\"")
        .set("datasourceUid", "jaeger")
        // Provisioning takes a dollar for a variable of its own.
        .set("url", "$${__value.raw}");
    let loki = source("Loki", "loki", "loki", "http://loki:3100").set(
        "jsonData",
        Map::new()
            .set("maxLines", 1000)
            .set("derivedFields", [trace]),
    );
    let jaeger = source("Jaeger", "jaeger", "jaeger", "http://jaeger:16686");
    Map::new()
        .set("apiVersion", 1)
        .set("datasources", [prometheus, alertmanager, loki, jaeger])
}

fn provider(project: &Project) -> Map {
    let options = Map::new()
        .comment("Where the folder `dashboards` is mounted.")
        .set("path", "/var/lib/grafana/dashboards")
        .set("foldersFromFilesStructure", false);
    let provider = Map::new()
        .set("name", project.name.as_str())
        .set("orgId", 1)
        .set("folder", project.name.as_str())
        .set("type", "file")
        .set("disableDeletion", false)
        .set("allowUiUpdates", false)
        .set("updateIntervalSeconds", 30)
        .set("options", options);
    Map::new().set("apiVersion", 1).set("providers", [provider])
}
