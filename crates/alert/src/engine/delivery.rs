//! What is handed out to be delivered, and what comes back.

use std::collections::BTreeSet;
use std::time::Duration;

use mainstay_model::Timestamp;

use super::group::GroupId;
use super::log::{LogKey, Reason};
use crate::notification::{Fingerprint, Notification};

/// The first wait before another try, and the longest; each is half as long again as the one before.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MOST: Duration = Duration::from_mins(1);

/// One try of one delivery. Counted from the engine's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// To be delivered. Whoever does it says what became of it, by [`Event::Delivered`](super::Event) or
/// [`Event::Failed`](super::Event).
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub attempt: AttemptId,
    pub notification: Notification,
    pub reason: Reason,
    /// From 1.
    pub number: u32,
    /// When it is given up.
    pub deadline: Timestamp,
}

/// What it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Group(GroupId),
    /// Escalations and signs of life: by themselves.
    Alone,
}

/// One that is under way, or waits to be tried again.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) owner: Owner,
    pub(super) key: LogKey,
    pub(super) notification: Notification,
    pub(super) firing: BTreeSet<Fingerprint>,
    pub(super) resolved: BTreeSet<Fingerprint>,
    pub(super) repeat: Duration,
    pub(super) reason: Reason,
    pub(super) number: u32,
    pub(super) deadline: Timestamp,
    /// When it is tried again; none while it is under way.
    pub(super) retry_at: Option<Timestamp>,
}

impl Pending {
    /// When it is tried again after it has failed; none where that is past its deadline.
    pub(super) fn next_try(&self, now: Timestamp) -> Option<Timestamp> {
        let mut wait = BACKOFF_FIRST;
        for _ in 1..self.number {
            wait = (wait * 3 / 2).min(BACKOFF_MOST);
            if wait == BACKOFF_MOST {
                break;
            }
        }
        Some(now + wait).filter(|next| *next < self.deadline)
    }
}
