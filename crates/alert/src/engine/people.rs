//! What people say: silences, and that somebody looks after an alert.

use mainstay_model::Timestamp;

use super::{Acknowledgement, Engine, SilenceDraft, SilenceError};
use crate::notification::Fingerprint;

impl Engine {
    /// Sets or changes a silence; `new_id` names it where a new one is made. Returns the one that holds.
    pub fn set_silence(
        &mut self,
        draft: SilenceDraft,
        new_id: &str,
        now: Timestamp,
    ) -> Result<String, SilenceError> {
        self.silences.set(draft, new_id, now)
    }

    /// Ends a silence now.
    pub fn expire_silence(&mut self, id: &str, now: Timestamp) -> Result<(), SilenceError> {
        self.silences.expire(id, now)
    }

    /// Says that somebody looks after an alert: it is told no more until something changes, and no
    /// escalation goes on. Holds until the alert is over. Whether there is such an alert that fires.
    pub fn acknowledge(
        &mut self,
        alert: Fingerprint,
        who: Acknowledgement,
        now: Timestamp,
    ) -> bool {
        let firing = self.fires(alert, now);
        if firing {
            self.acknowledged.insert(alert, who);
            self.dirty.alerts.insert(alert);
        }
        firing
    }

    /// Keeps an alert quiet until it is over. Whether there is such an alert that fires.
    pub fn mute_until_resolved(
        &mut self,
        alert: Fingerprint,
        who: Acknowledgement,
        now: Timestamp,
    ) -> bool {
        let firing = self.fires(alert, now);
        if firing {
            self.muted.insert(alert, who);
            self.dirty.alerts.insert(alert);
        }
        firing
    }

    /// Takes back both.
    pub fn unacknowledge(&mut self, alert: Fingerprint) -> bool {
        self.dirty.alerts.insert(alert);
        let acknowledged = self.acknowledged.remove(&alert).is_some();
        self.muted.remove(&alert).is_some() || acknowledged
    }

    fn fires(&self, alert: Fingerprint, now: Timestamp) -> bool {
        self.alerts
            .get(&alert)
            .is_some_and(|alert| !alert.is_resolved(now))
    }

    /// What people said about an alert holds until it is over.
    pub(super) fn forget_words(&mut self, fingerprint: Fingerprint) {
        self.acknowledged.remove(&fingerprint);
        self.muted.remove(&fingerprint);
        self.dirty.alerts.insert(fingerprint);
    }
}
