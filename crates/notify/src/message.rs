//! A notification with its templates: each text of an integration is expanded here.

use std::collections::BTreeMap;

use mainstay_alert::{AlertStatus, Notification, NotifiedAlert};
use mainstay_model::Timestamp;
use mainstay_series::Labels;
use mainstay_template::alertmanager::{Alert, Data, LabelMap, Renderer, Status};
use mainstay_template::{Templates, Time};

use crate::Failure;
use crate::hex::hex;

/// What is said, before it is known to whom.
#[derive(Debug)]
pub struct Message<'a> {
    pub(crate) notification: &'a Notification,
    pub(crate) data: Data,
    pub(crate) now: Timestamp,
    renderer: Renderer<'a>,
    /// How many alerts were left out.
    pub(crate) truncated: usize,
}

impl<'a> Message<'a> {
    /// A message of at most `most` alerts (0 is all).
    pub fn new(
        notification: &'a Notification,
        templates: &'a Templates,
        external_url: &str,
        now: Timestamp,
        most: u64,
    ) -> Self {
        let all = notification.alerts.len();
        let count = match usize::try_from(most) {
            Ok(0) | Err(_) => all,
            Ok(most) => most.min(all),
        };
        let alerts = notification.alerts[..count].iter().map(alert).collect();
        let group = label_map(&notification.group_labels);
        let data = Data::new(&notification.receiver, external_url, group, alerts);
        Self {
            notification,
            renderer: Renderer::new(templates, &data, now.as_millis()),
            data,
            now,
            truncated: all - count,
        }
    }

    /// A text. `name` is the setting it stands in.
    pub(crate) fn text(&self, name: &str, text: &str) -> Result<String, Failure> {
        Ok(self.renderer.text(name, text)?)
    }

    pub(crate) fn html(&self, name: &str, text: &str) -> Result<String, Failure> {
        Ok(self.renderer.html(name, text)?)
    }

    /// By what a receiver knows the incident again: a hash of the group's key, as Alertmanager
    /// makes it.
    pub(crate) fn incident(&self) -> String {
        let key = self.notification.group_key.as_bytes();
        let hash = ring::digest::digest(&ring::digest::SHA256, key);
        hex(hash.as_ref())
    }

    pub(crate) fn firing(&self) -> bool {
        self.notification.status() == AlertStatus::Firing
    }
}

fn label_map(labels: &Labels) -> LabelMap {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect::<BTreeMap<_, _>>()
}

fn alert(alert: &NotifiedAlert) -> Alert {
    let time = |at: Timestamp| Time::from_millis(at.as_millis()).unwrap_or_else(Time::zero);
    Alert {
        status: match alert.status {
            AlertStatus::Firing => Status::Firing,
            AlertStatus::Resolved => Status::Resolved,
        },
        labels: label_map(&alert.labels),
        annotations: alert.annotations.clone(),
        starts_at: time(alert.starts_at),
        ends_at: alert.ends_at.map_or_else(Time::zero, time),
        generator_url: alert.generator_url.clone(),
        fingerprint: alert.fingerprint.to_string(),
    }
}
