//! How often somebody may do something within a minute.
//!
//! Counted in Redis for all instances together where there is one, otherwise in this process
//! alone: then each instance allows the whole number.

use crate::redis_peer::RedisPeer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MINUTE: Duration = Duration::from_mins(1);

/// Names counted in this process at a time; beyond it the count begins again for all.
const MAX_NAMES: usize = 10_000;

/// Counts by what and who, for one minute after the other.
#[derive(Debug)]
pub(crate) struct Quota {
    redis: Option<Arc<RedisPeer>>,
    here: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    minute: u64,
    by_name: BTreeMap<String, u64>,
}

/// Asked too often; try again after this.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) retry_after: Duration,
}

impl Quota {
    pub(crate) fn new(redis: Option<Arc<RedisPeer>>) -> Self {
        Self {
            redis,
            here: Mutex::default(),
        }
    }

    /// Counts one `what` of `who`. No limit where `per_minute` is 0.
    pub(crate) async fn take(
        &self,
        what: &str,
        who: &str,
        per_minute: u64,
    ) -> Result<(), Exceeded> {
        if per_minute == 0 {
            return Ok(());
        }
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let minute = since_epoch.as_secs() / MINUTE.as_secs();
        let count = self.count(what, who, minute).await;
        if count <= per_minute {
            return Ok(());
        }
        let over = Duration::from_secs((minute + 1) * MINUTE.as_secs());
        Err(Exceeded {
            retry_after: over.saturating_sub(since_epoch),
        })
    }

    async fn count(&self, what: &str, who: &str, minute: u64) -> u64 {
        if let Some(redis) = &self.redis {
            let key = format!("sample-service:quota:{what}:{minute}:{who}");
            if let Ok(count) = redis.count(&key, 2 * MINUTE).await {
                return count;
            }
        }
        self.count_here(&format!("{what}:{who}"), minute)
    }

    fn count_here(&self, name: &str, minute: u64) -> u64 {
        let mut counts = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.minute != minute || counts.by_name.len() >= MAX_NAMES {
            *counts = Counts {
                minute,
                by_name: BTreeMap::new(),
            };
        }
        let count = counts.by_name.entry(name.to_owned()).or_default();
        *count += 1;
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_counts_for_itself_and_each_minute_anew() {
        let quota = Quota::new(None);
        assert_eq!(quota.count_here("upload:ann", 1), 1);
        assert_eq!(quota.count_here("upload:ann", 1), 2);
        assert_eq!(quota.count_here("upload:bob", 1), 1);
        assert_eq!(quota.count_here("upload:ann", 2), 1);
    }
}
