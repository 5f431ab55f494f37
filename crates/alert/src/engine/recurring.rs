//! Windows and recurring silences: what they keep quiet.

use mainstay_model::Timestamp;
use mainstay_series::Labels;

use super::Engine;
use crate::beyond::{Recurring, RecurringError, Window};

/// The most recurring silences that are kept.
pub const LIMIT_RECURRING: usize = 1000;

impl Engine {
    /// Sets a recurring silence, in the place of one of the same id.
    pub fn set_recurring(&mut self, recurring: Recurring) -> Result<(), RecurringError> {
        let window = recurring.window()?;
        let fresh = !self.recurring.contains_key(&recurring.id);
        if fresh && self.recurring.len() >= LIMIT_RECURRING {
            return Err(RecurringError::Full {
                limit: LIMIT_RECURRING,
            });
        }
        self.dirty.recurring.insert(recurring.id.clone());
        self.recurring
            .insert(recurring.id.clone(), (recurring, window));
        Ok(())
    }

    /// Takes one away; whether it was there.
    pub fn remove_recurring(&mut self, id: &str) -> bool {
        self.dirty.recurring.insert(id.to_owned());
        self.recurring.remove(id).is_some()
    }

    pub fn recurring(&self) -> impl Iterator<Item = &Recurring> {
        self.recurring.values().map(|(recurring, _)| recurring)
    }

    /// The window that keeps an alert quiet now.
    pub(super) fn window(&self, labels: &Labels, now: Timestamp) -> Option<&Window> {
        let still = |recurring: &Recurring| recurring.until.is_none_or(|until| now < until);
        let recurring = self
            .recurring
            .values()
            .filter(|(recurring, _)| still(recurring));
        let recurring = recurring.map(|(_, window)| window);
        self.extras
            .windows
            .iter()
            .chain(recurring)
            .find(|window| window.holds(labels, now))
    }

    /// Drops those that do not come again.
    pub(super) fn sweep_recurring(&mut self, now: Timestamp) {
        let over = |r: &Recurring| r.until.is_some_and(|until| until <= now);
        let gone = self
            .recurring
            .values()
            .filter(|(recurring, _)| over(recurring));
        let gone: Vec<String> = gone.map(|(recurring, _)| recurring.id.clone()).collect();
        for id in gone {
            self.remove_recurring(&id);
        }
    }
}
