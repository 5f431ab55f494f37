//! `/metrics`, under Alertmanager's names.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::blocking::Api;
use crate::reply::Failure;
use crate::source::{Build, Figures};

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Failure> {
    let text = api
        .ask(|source| Ok(written(&source.figures(), &source.build())))
        .await?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, f64)]) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help, &[(String::new(), value)]);
    }
}

fn written(figures: &Figures, build: &Build) -> String {
    let mut page = Page(String::with_capacity(4096));
    let count = |value: usize| value as f64;
    let state = |state: &str, value: usize| (format!("{{state=\"{state}\"}}"), count(value));
    page.family(
        "alertmanager_alerts",
        "gauge",
        "How many alerts by state.",
        &[
            state("active", figures.alerts.active),
            state("suppressed", figures.alerts.suppressed),
            state("unprocessed", 0),
        ],
    );
    let [active, pending, expired] = figures.silences;
    page.family(
        "alertmanager_silences",
        "gauge",
        "How many silences by state.",
        &[
            state("active", active),
            state("pending", pending),
            state("expired", expired),
        ],
    );
    let counters = &figures.counters;
    let received = |status: &str, value: u64| {
        (
            format!("{{status=\"{status}\",version=\"v2\"}}"),
            value as f64,
        )
    };
    page.family(
        "alertmanager_alerts_received_total",
        "counter",
        "The total number of received alerts.",
        &[
            received("firing", counters.firing),
            received("resolved", counters.resolved),
        ],
    );
    page.family(
        "alertmanager_alerts_invalid_total",
        "counter",
        "The total number of received alerts that were invalid.",
        &[("{version=\"v2\"}".to_owned(), counters.invalid as f64)],
    );
    deliveries(&mut page, figures);
    configuration(&mut page, figures, build);
    page.0
}

fn configuration(page: &mut Page, figures: &Figures, build: &Build) {
    let count = |value: usize| value as f64;
    let groups = "alertmanager_dispatcher_aggregation_groups";
    page.one(
        groups,
        "gauge",
        "Number of active aggregation groups",
        count(figures.groups),
    );
    page.one(
        "alertmanager_receivers",
        "gauge",
        "Number of configured receivers.",
        count(figures.receivers),
    );
    let success = if figures.reload_succeeded { 1.0 } else { 0.0 };
    page.one(
        "alertmanager_config_last_reload_successful",
        "gauge",
        "Whether the last configuration reload attempt was successful.",
        success,
    );
    page.one(
        "alertmanager_config_last_reload_success_timestamp_seconds",
        "gauge",
        "Timestamp of the last successful configuration reload.",
        figures
            .reloaded_at
            .map_or(0.0, |at| at.as_millis() as f64 / 1000.0),
    );
    let labels = format!(
        "{{revision=\"{}\",version=\"{}\"}}",
        build.revision, build.version
    );
    page.family(
        "alertmanager_build_info",
        "gauge",
        "Which program this is.",
        &[(labels, 1.0)],
    );
}

fn deliveries(page: &mut Page, figures: &Figures) {
    use mainstay_alert::engine::KindCounters;
    type Of = fn(&KindCounters) -> u64;
    let families: [(&str, &str, Of); 4] = [
        (
            "alertmanager_notifications_total",
            "The total number of attempted notifications.",
            |kind| kind.notifications,
        ),
        (
            "alertmanager_notifications_failed_total",
            "The total number of failed notifications.",
            |kind| kind.failed,
        ),
        (
            "alertmanager_notification_requests_total",
            "The total number of attempted notification requests.",
            |kind| kind.requests,
        ),
        (
            "alertmanager_notification_requests_failed_total",
            "The total number of failed notification requests.",
            |kind| kind.requests_failed,
        ),
    ];
    for (name, help, of) in families {
        let kinds = figures.integrations.keys().map(|kind| {
            let value = figures.counters.kinds.get(kind).map_or(0, of);
            (
                format!("{{integration=\"{}\"}}", kind.as_str()),
                value as f64,
            )
        });
        page.family(name, "counter", help, &kinds.collect::<Vec<_>>());
    }
    let integrations = figures.integrations.iter().map(|(kind, number)| {
        (
            format!("{{integration=\"{}\"}}", kind.as_str()),
            *number as f64,
        )
    });
    page.family(
        "alertmanager_integrations",
        "gauge",
        "Number of configured integrations.",
        &integrations.collect::<Vec<_>>(),
    );
}
