//! Answers kept at hand: in Redis for all instances where there is one, otherwise in this process.
//!
//! **Invariant:** what is in it can be made again; losing it costs time and nothing else.

use crate::app::App;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// In this process; beyond it the cache begins anew.
const MAX_ENTRIES: usize = 1000;

const KEEP: Duration = Duration::from_mins(10);

/// See the module. Hits and misses are counted as `cache_requests_total`.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    here: Mutex<BTreeMap<String, String>>,
}

impl Cache {
    pub(crate) async fn get(&self, app: &App, key: &str) -> Option<String> {
        let found = match &app.redis {
            // An error shows in /health.
            Some(redis) => redis.get(&in_redis(key)).await.ok().flatten(),
            None => self.lock().get(key).cloned(),
        };
        let result = if found.is_some() { "hit" } else { "miss" };
        app.metrics
            .count("cache_requests_total", &[("result", result)], 1);
        found
    }

    pub(crate) async fn put(&self, app: &App, key: &str, value: String) {
        if let Some(redis) = &app.redis {
            let _ = redis.put(&in_redis(key), &value, KEEP).await;
            return;
        }
        let mut here = self.lock();
        if here.len() >= MAX_ENTRIES {
            here.clear();
        }
        here.insert(key.to_owned(), value);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Share of hits, 0 before the first request.
pub(crate) fn hit_rate(app: &App) -> f64 {
    let of = |result| {
        app.metrics
            .value("cache_requests_total", &[("result", result)])
    };
    let (hits, misses) = (of("hit"), of("miss"));
    if hits + misses == 0 {
        return 0.0;
    }
    hits as f64 / (hits + misses) as f64
}

fn in_redis(key: &str) -> String {
    format!("sample-service:cache:{key}")
}
