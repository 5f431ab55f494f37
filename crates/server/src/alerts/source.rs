//! Answers what Alertmanager's API asks.

use super::{Alerts, Ending};
use crate::control::now;
use mainstay_alert::engine::{
    AlertError, AlertState, AlertView, GroupView, PostedAlert, Silence, SilenceDraft, SilenceState,
};
use mainstay_alertmanager::{Alerting, Build, Figures, SourceError, Suppression};
use mainstay_model::Timestamp;
use std::sync::Arc;
use uuid::Uuid;

/// The Alertmanager whose API this is.
const VERSION: &str = "0.27.0";

pub(crate) struct Answers {
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl From<Ending> for SourceError {
    fn from(ending: Ending) -> Self {
        Self::Failed(ending.to_string())
    }
}

impl Alerting for Answers {
    fn now(&self) -> Timestamp {
        now()
    }

    fn started_at(&self) -> Timestamp {
        self.alerts.started_at()
    }

    fn build(&self) -> Build {
        Build {
            version: VERSION.to_owned(),
            revision: format!("mainstay {}", env!("CARGO_PKG_VERSION")),
        }
    }

    fn configuration(&self) -> String {
        self.alerts.in_force().config.printed().to_owned()
    }

    fn receivers(&self) -> Vec<String> {
        let config = self.alerts.in_force().config;
        let names = config.receivers.iter();
        names.map(|receiver| receiver.name.clone()).collect()
    }

    fn alerts(&self) -> Vec<AlertView> {
        let asked = self
            .alerts
            .ask_blocking(|turn| turn.engine.alerts(turn.now));
        asked.unwrap_or_default()
    }

    fn groups(&self) -> Vec<GroupView> {
        let asked = self
            .alerts
            .ask_blocking(|turn| turn.engine.groups(turn.now));
        asked.unwrap_or_default()
    }

    fn silences(&self) -> Vec<Silence> {
        let asked = self.alerts.ask_blocking(|turn| {
            let silences = turn.engine.silences(turn.now).into_iter();
            silences.cloned().collect()
        });
        asked.unwrap_or_default()
    }

    fn silence(&self, id: &str) -> Option<Silence> {
        let id = id.to_owned();
        let asked = self
            .alerts
            .ask_blocking(move |turn| turn.engine.silence(&id).cloned());
        asked.ok().flatten()
    }

    fn post(&self, alerts: Vec<PostedAlert>) -> Result<Vec<AlertError>, SourceError> {
        let posted = self.alerts.ask_blocking(move |turn| turn.post(alerts));
        Ok(posted?)
    }

    fn set_silence(&self, draft: SilenceDraft) -> Result<String, SourceError> {
        let id = Uuid::now_v7().to_string();
        let set = self
            .alerts
            .ask_blocking(move |turn| turn.engine.set_silence(draft, &id, turn.now));
        Ok(set??)
    }

    fn expire_silence(&self, id: &str) -> Result<(), SourceError> {
        let id = id.to_owned();
        let expired = self
            .alerts
            .ask_blocking(move |turn| turn.engine.expire_silence(&id, turn.now));
        Ok(expired??)
    }

    fn reload(&self) -> Result<(), SourceError> {
        let reloaded = self.runtime.block_on(self.alerts.reload());
        reloaded.map_err(|problems| SourceError::Failed(problems.to_string()))
    }

    fn figures(&self) -> Figures {
        let config = self.alerts.in_force().config;
        let asked = self.alerts.ask_blocking(|turn| {
            let (engine, now) = (&*turn.engine, turn.now);
            let mut alerts = Suppression::default();
            for view in engine.alerts(now) {
                match view.state {
                    AlertState::Suppressed => alerts.suppressed += 1,
                    AlertState::Active | AlertState::Unprocessed => alerts.active += 1,
                }
            }
            let mut silences = [0; 3];
            for silence in engine.silences(now) {
                silences[match silence.state(now) {
                    SilenceState::Active => 0,
                    SilenceState::Pending => 1,
                    SilenceState::Expired => 2,
                }] += 1;
            }
            Figures {
                counters: engine.counters().clone(),
                alerts,
                silences,
                groups: engine.group_count(),
                ..Figures::default()
            }
        });
        Figures {
            receivers: config.receivers.len(),
            integrations: config.integration_counts(),
            reload_succeeded: self.alerts.reload_succeeded(),
            reloaded_at: Some(self.alerts.reloaded_at()),
            ..asked.unwrap_or_default()
        }
    }
}
