//! Hands the alerts of rules to Alertmanagers, as Prometheus does.
//!
//! Each address has a task and a short queue in memory. What cannot be delivered is dropped and counted:
//! a rule says an alert again each minute as long as it holds, and that it is over for a quarter of an
//! hour, so that nothing is lost while an Alertmanager is started anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use mainstay_series::Labels;
use mainstay_targets::{Alerting, Alertmanagers, Rule, relabel};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::{Client, Url};
use crate::fetch::AGENT;
use crate::forward::ForwardError;

/// Alerts that wait for one Alertmanager; as in Prometheus.
pub const QUEUE_ALERTS: usize = 10_000;
/// Alerts of one request.
const BATCH: usize = 256;
/// How much of a refusal is read, for the log.
const LIMIT_ANSWER: usize = 4096;

/// An alert as Alertmanager's API takes it; times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingAlert {
    #[serde(serialize_with = "as_map")]
    pub labels: Labels,
    pub annotations: BTreeMap<String, String>,
    pub starts_at: String,
    pub ends_at: String,
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
}

fn as_map<S: serde::Serializer>(labels: &Labels, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels)
}

/// What was done with alerts towards one address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertsSent {
    pub url: String,
    pub sent: u64,
    pub dropped: u64,
    /// Empty: the last request went well.
    pub last_error: String,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
    last_error: Mutex<String>,
}

#[derive(Debug)]
struct Receiver {
    url: String,
    relabel: Vec<Rule>,
    queue: mpsc::Sender<OutgoingAlert>,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

/// Sends to every Alertmanager that the file of Prometheus names. Needs a Tokio runtime.
#[derive(Debug)]
pub struct AlertSender {
    external: BTreeMap<String, String>,
    relabel: Vec<Rule>,
    receivers: Vec<Receiver>,
}

impl AlertSender {
    /// `external` labels are put on alerts that do not have them.
    pub fn start(
        alerting: &Alerting,
        external: BTreeMap<String, String>,
    ) -> Result<Self, ForwardError> {
        let mut receivers = Vec::new();
        for config in &alerting.alertmanagers {
            for url in &config.urls {
                receivers.push(Receiver::start(url, config)?);
            }
        }
        Ok(Self {
            external,
            relabel: alerting.relabel.clone(),
            receivers,
        })
    }

    /// Never waits: what does not fit into a queue is dropped and counted.
    pub fn offer(&self, alerts: Vec<OutgoingAlert>) {
        for mut alert in alerts {
            let mut labels = alert.labels.to_builder();
            for (name, value) in &self.external {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            if !relabel(&self.relabel, &mut labels) {
                continue;
            }
            alert.labels = labels.build();
            for receiver in &self.receivers {
                receiver.offer(alert.clone());
            }
        }
    }

    /// By address.
    pub fn counted(&self) -> Vec<AlertsSent> {
        self.receivers.iter().map(Receiver::counted).collect()
    }

    /// Sends what waits, within the time of one request each, and stops.
    pub async fn stop(self) {
        for receiver in self.receivers {
            drop(receiver.queue);
            let _ = receiver.task.await;
        }
    }
}

impl Receiver {
    fn start(base: &str, config: &Alertmanagers) -> Result<Self, ForwardError> {
        let url = Url::parse(&format!("{base}/api/v2/alerts"))?;
        let (queue, waiting) = mpsc::channel(QUEUE_ALERTS);
        let counts = Arc::new(Counts::default());
        let sender = Sender {
            client: Client::new(config.client.clone()),
            timeout: config.timeout,
            counts: Arc::clone(&counts),
            shown: base.to_owned(),
            url,
        };
        Ok(Self {
            url: base.to_owned(),
            relabel: config.relabel.clone(),
            queue,
            counts,
            task: tokio::spawn(sender.run(waiting)),
        })
    }

    fn offer(&self, mut alert: OutgoingAlert) {
        let mut labels = alert.labels.to_builder();
        if !relabel(&self.relabel, &mut labels) {
            return;
        }
        alert.labels = labels.build();
        if self.queue.try_send(alert).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted(&self) -> AlertsSent {
        let error = self.counts.last_error.lock();
        AlertsSent {
            url: self.url.clone(),
            sent: self.counts.sent.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
            last_error: error.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

struct Sender {
    client: Client,
    url: Url,
    shown: String,
    timeout: Duration,
    counts: Arc<Counts>,
}

impl Sender {
    /// Until nobody offers any more and nothing waits.
    async fn run(mut self, mut waiting: mpsc::Receiver<OutgoingAlert>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            let done = self.send(&batch).await;
            let number = batch.len() as u64;
            batch.clear();
            let error = match done {
                Ok(()) => {
                    self.counts.sent.fetch_add(number, Ordering::Relaxed);
                    String::new()
                }
                Err(error) => {
                    self.counts.dropped.fetch_add(number, Ordering::Relaxed);
                    tracing::warn!(alertmanager = %self.shown, %error, alerts = number, "alerts were not taken");
                    error
                }
            };
            let last = self.counts.last_error.lock();
            *last.unwrap_or_else(PoisonError::into_inner) = error;
        }
    }

    async fn send(&mut self, batch: &[OutgoingAlert]) -> Result<(), String> {
        let body = serde_json::to_vec(batch).map_err(|error| error.to_string())?;
        let timeout = self.timeout;
        let sent = tokio::time::timeout(timeout, self.exchange(body.into())).await;
        let sent =
            sent.unwrap_or_else(|_| Err(format!("no answer within {} s", timeout.as_secs_f64())));
        if sent.is_err() {
            self.client.disconnect();
        }
        sent
    }

    async fn exchange(&mut self, body: Bytes) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let sent = self.client.send(Method::POST, &self.url, &headers, body);
        let response = sent.await.map_err(|error| error.to_string())?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), LIMIT_ANSWER).collect();
        let answer = answer.await.map_err(|error| error.to_string())?.to_bytes();
        if status.is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&answer);
        Err(format!("{status}: {}", text.trim()))
    }
}
