//! How a thing is looked at: each way ends in a page of Prometheus's text format.

use super::containers;
use crate::control::{Control, now};
use mainstay_exporters::host::Host;
use mainstay_exporters::postgres::Postgres;
use mainstay_exporters::probe::{Probe, Settings, ask};
use mainstay_exporters::redis::Redis;
use mainstay_exporters::{Page, Told};
use mainstay_stack::Exporter;
use std::sync::Arc;

/// Where the figures come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The control plane and its proxy.
    Server,
    /// The machine.
    Host,
    /// Everything that runs.
    Containers,
    Postgres(Postgres),
    Redis(Redis),
    /// A server that cannot be asked, and why.
    Mute(Exporter, String),
    Probe {
        probe: Probe,
        settings: Settings,
    },
}

impl Source {
    /// A page, and what kept the thing itself from being read. `None`: there was no page.
    pub(super) async fn tell(&self, control: &Arc<Control>) -> (Option<String>, Option<String>) {
        let told = match self {
            Self::Server => return (Some(control.metrics().await), None),
            Self::Host => {
                let look = || Host::default().collect(seconds());
                match tokio::task::spawn_blocking(look).await {
                    Ok(page) => whole(page),
                    Err(error) => return (None, Some(error.to_string())),
                }
            }
            Self::Containers => match containers::page(control, seconds()).await {
                Ok(page) => whole(page),
                Err(error) => return (None, Some(error)),
            },
            Self::Postgres(postgres) => postgres.tell().await,
            Self::Redis(redis) => redis.tell(seconds()).await,
            Self::Mute(exporter, why) => mute(*exporter, why),
            Self::Probe { probe, settings } => ask(probe, settings).await,
        };
        (Some(told.page.text()), told.trouble)
    }
}

fn whole(page: Page) -> Told {
    Told {
        page,
        trouble: None,
    }
}

fn mute(exporter: Exporter, why: &str) -> Told {
    let mut page = Page::default();
    let (name, help) = match exporter {
        Exporter::Postgres => (
            "pg_up",
            "Whether PostgreSQL could be asked (1 for yes, 0 for no).",
        ),
        Exporter::Redis => ("redis_up", "Information about the Redis instance"),
    };
    page.gauge(name, help, &[], 0.0);
    Told {
        page,
        trouble: Some(why.to_owned()),
    }
}

fn seconds() -> f64 {
    now().as_millis() as f64 / 1e3
}
