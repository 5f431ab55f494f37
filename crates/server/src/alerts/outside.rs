//! Alertmanagers that are not ours: where the file of Prometheus names some, they get what rules find
//! instead of the one within this server.

use crate::rules::Outlet;
use mainstay_model::Timestamp;
use mainstay_rules::Alert;
use mainstay_scrape::{AlertSender, OutgoingAlert};

impl Outlet for AlertSender {
    fn take(&self, alerts: Vec<Alert>) {
        self.offer(alerts.into_iter().map(outgoing).collect());
    }

    fn addresses(&self) -> Vec<String> {
        let sent = self.counted().into_iter();
        sent.map(|one| format!("{}/api/v2/alerts", one.url))
            .collect()
    }
}

fn outgoing(alert: Alert) -> OutgoingAlert {
    let time = |ms: i64| Timestamp::from_millis(ms).to_string();
    OutgoingAlert {
        labels: alert.labels,
        annotations: alert.annotations,
        starts_at: time(alert.starts_at_ms),
        ends_at: time(alert.ends_at_ms),
        generator_url: alert.generator_url,
    }
}
