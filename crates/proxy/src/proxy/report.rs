//! What the proxy says of itself: its status and its metrics.

use super::Proxy;
use crate::config::{EndpointStatus, ListenerStatus, PROTOCOL, Status};
use crate::endpoint::Endpoint;
use crate::metrics::Text;
use std::sync::atomic::Ordering;

impl Proxy {
    pub(crate) fn status(&self) -> Status {
        let mut state = self.state();
        state.draining.retain(|endpoint| endpoint.gate.count() > 0);
        let listeners = state.listeners.values().map(|listener| ListenerStatus {
            name: listener.table.load().name.clone(),
            address: listener.address,
            connections: listener.connections.load(Ordering::Relaxed),
        });
        let mut listeners: Vec<_> = listeners.collect();
        listeners.sort_by_key(|listener| listener.address);
        let members = state.pools.values().flat_map(|pool| &pool.members);
        let configured =
            members.map(|member| endpoint_status(&member.endpoint, Some(member.weight)));
        let draining = state.draining.iter();
        let draining = draining.map(|endpoint| endpoint_status(endpoint, None));
        Status {
            protocol: PROTOCOL,
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: state.config.as_ref().map_or(0, |config| config.revision),
            listeners,
            endpoints: configured.chain(draining).collect(),
            certificates: self.shared.tls.status(),
        }
    }

    /// Everything there is to scrape, in Prometheus's text format.
    pub(crate) fn metrics(&self) -> String {
        let mut text = Text::default();
        self.shared.metrics.render(&mut text);
        self.render_endpoints(&mut text);
        self.render_tls(&mut text);
        self.render_own(&mut text);
        text.into_string()
    }

    fn render_endpoints(&self, text: &mut Text) {
        type Reading = fn(&Endpoint) -> u64;
        let readings: [(&str, &str, &str, Reading); 3] = [
            (
                "in_flight",
                "gauge",
                "Requests, WebSockets and TCP connections not ended yet.",
                |endpoint| endpoint.gate.count(),
            ),
            (
                "ejected",
                "gauge",
                "Whether the active checks pass it over.",
                |endpoint| u64::from(endpoint.ejected.load(Ordering::Relaxed)),
            ),
            (
                "ejections_total",
                "counter",
                "How often the active checks ejected it.",
                |endpoint| endpoint.ejections.load(Ordering::Relaxed),
            ),
        ];
        let state = self.state();
        let members = state.pools.values().flat_map(|pool| &pool.members);
        let endpoints = members.map(|member| &member.endpoint);
        let endpoints: Vec<_> = endpoints.chain(&state.draining).collect();
        for (name, kind, help, reading) in readings {
            text.family(name, kind, help);
            for endpoint in &endpoints {
                let key = &endpoint.key;
                let address = key.address.to_string();
                let labels = [
                    ("pool", key.pool.as_str()),
                    ("release", &key.release),
                    ("instance", &key.instance),
                    ("address", &address),
                ];
                text.plain(name, &labels, reading(endpoint));
            }
        }
    }

    fn render_tls(&self, text: &mut Text) {
        text.family(
            "tls_handshakes_total",
            "counter",
            "Handshakes by how they ended.",
        );
        for listener in self.state().listeners.values() {
            let name = &listener.table.load().name;
            for (result, count) in listener.handshakes.seen() {
                let labels = [("listener", name.as_str()), ("result", result)];
                text.plain("tls_handshakes_total", &labels, count);
            }
        }
        let certificates = self.shared.tls.status();
        text.family(
            "certificate_expiry_timestamp_seconds",
            "gauge",
            "When the certificate that is served ends, by the names it is for.",
        );
        for certificate in &certificates {
            let Some(end) = certificate.not_after else {
                continue;
            };
            for host in &certificate.names {
                let labels = [("certificate", certificate.name.as_str()), ("host", host)];
                let seconds = end.as_millis() / 1000;
                text.plain("certificate_expiry_timestamp_seconds", &labels, seconds);
            }
        }
        text.family(
            "certificate_problem",
            "gauge",
            "Whether the certificate's files as they are now cannot be served.",
        );
        for certificate in &certificates {
            let labels = [("certificate", certificate.name.as_str())];
            let problem = u8::from(certificate.problem.is_some());
            text.plain("certificate_problem", &labels, problem);
        }
    }

    fn render_own(&self, text: &mut Text) {
        let state = self.state();
        text.family("connections", "gauge", "Client connections not ended yet.");
        for listener in state.listeners.values() {
            let name = &listener.table.load().name;
            let count = listener.connections.load(Ordering::Relaxed);
            text.plain("connections", &[("listener", name)], count);
        }
        let revision = state.config.as_ref().map_or(0, |config| config.revision);
        for (name, kind, help, value) in [
            (
                "connections_refused_total",
                "counter",
                "Client connections beyond max_connections.",
                self.shared.refused(),
            ),
            (
                "access_log_dropped_lines_total",
                "counter",
                "Access log lines that the disk did not keep up with.",
                self.shared.log.dropped(),
            ),
            (
                "config_revision",
                "gauge",
                "Revision of the configuration in force.",
                revision,
            ),
        ] {
            text.family(name, kind, help);
            text.plain(name, &[], value);
        }
        text.family("build_info", "gauge", "Always 1.");
        text.plain("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    }
}

fn endpoint_status(endpoint: &Endpoint, weight: Option<u32>) -> EndpointStatus {
    EndpointStatus {
        pool: endpoint.key.pool.clone(),
        instance: endpoint.key.instance.clone(),
        address: endpoint.key.address,
        weight,
        in_flight: endpoint.gate.count(),
        ejected: endpoint.ejected.load(Ordering::Relaxed),
        requests: endpoint.requests.load(Ordering::Relaxed),
        errors: endpoint.errors.load(Ordering::Relaxed),
    }
}
