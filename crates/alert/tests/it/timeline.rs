//! A timeline: what happens when, and what is told then.
//!
//! Time is virtual and starts on a Monday at midnight, UTC. Receivers answer at once; a receiver that is
//! down fails, in a way that may pass. What is told is written as `30s ops first: +Down/a -Down/b`: the
//! time, the receiver, the reason, and each alert by the values of its labels, firing or over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mainstay_alert::beyond::Extras;
use mainstay_alert::config::Configuration;
use mainstay_alert::engine::{
    Acknowledgement, Action, Change, Delivery, Engine, Event, PostedAlert, Record, SilenceDraft,
    SilenceMatcher,
};
use mainstay_alert::matcher::parse_matchers;
use mainstay_alert::{AlertStatus, Fingerprint};
use mainstay_model::{Timestamp, parse_duration};
use mainstay_series::Labels;

/// 2026-11-23T00:00:00Z
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_392_000_000);

pub(crate) struct Timeline {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    config: Arc<Configuration>,
    extras: Extras,
    /// What a disk would hold.
    rows: BTreeMap<String, Record>,
    down: BTreeSet<String>,
    broken: BTreeSet<String>,
    /// Answers are lost: the delivery is made, and nobody hears of it.
    deaf: bool,
    told: Vec<(Timestamp, String)>,
    refused: Vec<String>,
    silences: usize,
}

pub(crate) fn configuration(text: &str) -> Arc<Configuration> {
    let (config, problems) = Configuration::read(text, Path::new("/etc/am/a.yml"), "a.yml");
    Arc::new(config.unwrap_or_else(|| panic!("{problems}")))
}

/// `alertname=Down job=a`
pub(crate) fn labels(text: &str) -> Labels {
    Labels::from_pairs(
        text.split_whitespace()
            .filter_map(|pair| pair.split_once('=')),
    )
}

fn show(at: Timestamp) -> String {
    mainstay_model::format_duration(at.since(START))
}

impl Timeline {
    /// One with a receiver for each name, a webhook that wants to know what is over.
    pub(crate) fn new(route: &str, rest: &str, receivers: &[&str]) -> Self {
        let mut text = format!("route: {route}\n{rest}\nreceivers:\n");
        for name in receivers {
            let webhook =
                format!("- {{name: {name}, webhook_configs: [{{url: 'http://{name}/'}}]}}\n");
            text.push_str(&webhook);
        }
        Self::of(&text)
    }

    pub(crate) fn of(text: &str) -> Self {
        let config = configuration(text);
        Self {
            engine: Engine::new(Arc::clone(&config), START),
            now: START,
            config,
            extras: Extras::default(),
            rows: BTreeMap::new(),
            down: BTreeSet::new(),
            broken: BTreeSet::new(),
            deaf: false,
            told: Vec::new(),
            refused: Vec::new(),
            silences: 0,
        }
    }

    /// Lets time pass, waking the engine whenever it asks for it.
    pub(crate) fn at(&mut self, time: &str) -> &mut Self {
        self.persist();
        let until = START + parse_duration(time).unwrap();
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= until) {
            self.now = next.max(self.now);
            self.step(Event::Tick);
        }
        self.now = until;
        self
    }

    pub(crate) fn post(
        &mut self,
        text: &str,
        starts: Option<Timestamp>,
        ends: Option<Timestamp>,
    ) -> &mut Self {
        let alert = PostedAlert {
            labels: labels(text),
            annotations: BTreeMap::new(),
            starts_at: starts,
            ends_at: ends,
            generator_url: String::new(),
        };
        self.step(Event::Alerts(vec![alert]));
        self
    }

    /// Fires from now on, until somebody says otherwise.
    pub(crate) fn fires(&mut self, text: &str) -> &mut Self {
        let ends = self.now + Duration::from_hours(10_000);
        let now = self.now;
        self.post(text, Some(now), Some(ends))
    }

    pub(crate) fn resolves(&mut self, text: &str) -> &mut Self {
        let now = self.now;
        let fingerprint = Fingerprint::of(&labels(text));
        let starts = self
            .engine
            .alert(fingerprint, now)
            .map(|view| view.alert.starts_at);
        self.post(text, starts, Some(now))
    }

    pub(crate) fn silence(
        &mut self,
        id: Option<&str>,
        matchers: &str,
        from: &str,
        to: &str,
    ) -> String {
        let matchers = parse_matchers(matchers).unwrap();
        let time = |text: &str| START + parse_duration(text).unwrap();
        self.silences += 1;
        let draft = SilenceDraft {
            id: id.map(str::to_owned),
            matchers: matchers.iter().map(SilenceMatcher::of).collect(),
            starts_at: time(from),
            ends_at: time(to),
            created_by: "ann".to_owned(),
            comment: "work".to_owned(),
        };
        let id = self
            .engine
            .set_silence(draft, &format!("s{}", self.silences), self.now)
            .unwrap();
        self.persist();
        id
    }

    pub(crate) fn extras(&mut self, extras: Extras) -> &mut Self {
        self.extras = extras.clone();
        let now = self.now;
        self.engine.set_extras(extras, now);
        self.step(Event::Tick);
        self
    }

    pub(crate) fn who(&self) -> Acknowledgement {
        Acknowledgement {
            by: "ann".to_owned(),
            at: self.now,
            comment: String::new(),
        }
    }

    pub(crate) fn acknowledges(&mut self, text: &str) -> &mut Self {
        let who = self.who();
        assert!(
            self.engine
                .acknowledge(Fingerprint::of(&labels(text)), who, self.now)
        );
        self.persist();
        self
    }

    pub(crate) fn mutes(&mut self, text: &str) -> &mut Self {
        let who = self.who();
        assert!(
            self.engine
                .mute_until_resolved(Fingerprint::of(&labels(text)), who, self.now)
        );
        self.persist();
        self
    }

    pub(crate) fn down(&mut self, receiver: &str) -> &mut Self {
        self.down.insert(receiver.to_owned());
        self
    }

    pub(crate) fn broken(&mut self, receiver: &str) -> &mut Self {
        self.broken.insert(receiver.to_owned());
        self
    }

    pub(crate) fn up(&mut self, receiver: &str) -> &mut Self {
        self.down.remove(receiver);
        self.broken.remove(receiver);
        self
    }

    pub(crate) fn deaf(&mut self, deaf: bool) -> &mut Self {
        self.deaf = deaf;
        self
    }

    pub(crate) fn reloads(&mut self, text: &str) -> &mut Self {
        self.config = configuration(text);
        self.step(Event::Reload(Arc::clone(&self.config)));
        self
    }

    /// All that is not on the disk is gone.
    pub(crate) fn crashes(&mut self) -> &mut Self {
        let rows = self.rows.values().map(|record| {
            let text = serde_json::to_string(record).unwrap();
            serde_json::from_str(&text).unwrap()
        });
        self.engine = Engine::restore(Arc::clone(&self.config), rows.collect::<Vec<_>>(), self.now);
        self.engine.set_extras(self.extras.clone(), self.now);
        self.step(Event::Tick);
        self
    }

    fn persist(&mut self) {
        for Change { key, record } in self.engine.take_changes() {
            match record {
                Some(record) => self.rows.insert(key, record),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Does a step and what comes of it, as a shell would: first to the disk, then out.
    fn step(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let actions = self.engine.step(event, self.now);
            self.persist();
            for action in actions {
                match action {
                    Action::Deliver(delivery) => events.extend(self.deliver(&delivery)),
                    Action::Refused(error) => self.refused.push(error.to_string()),
                    Action::Cancel(_) | Action::Decided(_) => {}
                }
            }
        }
    }

    fn deliver(&mut self, delivery: &Delivery) -> Option<Event> {
        let notification = &delivery.notification;
        let failed = |retryable| Event::Failed {
            attempt: delivery.attempt,
            error: "refused".to_owned(),
            retryable,
        };
        if self.down.contains(&notification.receiver) {
            return Some(failed(true));
        }
        if self.broken.contains(&notification.receiver) {
            return Some(failed(false));
        }
        let alerts: Vec<String> = notification
            .alerts
            .iter()
            .map(|alert| {
                let sign = if alert.status == AlertStatus::Firing {
                    '+'
                } else {
                    '-'
                };
                let values: Vec<&str> = alert.labels.iter().map(|(_, value)| value).collect();
                format!("{sign}{}", values.join("/"))
            })
            .collect();
        let reason = serde_json::to_value(delivery.reason).unwrap();
        let line = format!(
            "{} {} {}: {}",
            show(self.now),
            notification.receiver,
            reason.as_str().unwrap(),
            alerts.join(" ")
        );
        self.told.push((self.now, line));
        (!self.deaf).then_some(Event::Delivered(delivery.attempt))
    }

    /// What was told since this was last asked.
    #[track_caller]
    pub(crate) fn told(&mut self, lines: &[&str]) -> &mut Self {
        assert_eq!(self.take_told(), lines);
        self
    }

    /// The same; what was told at one time is sorted.
    pub(crate) fn take_told(&mut self) -> Vec<String> {
        let mut told = std::mem::take(&mut self.told);
        told.sort();
        told.sort_by_key(|(at, _)| *at);
        told.into_iter().map(|(_, line)| line).collect()
    }

    pub(crate) fn refused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refused)
    }
}
