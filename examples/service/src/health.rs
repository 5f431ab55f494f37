//! Whether this instance can do its work, dependency by dependency.
//!
//! *Fail* (503) is what another instance might do better or what makes every request fail: the
//! database. What the service can do without (Redis), or what taking this instance away would
//! make worse (a long queue, little memory), is a *warning* and stays 200.

use crate::app::App;
use crate::machine;
use crate::profile::Part;
use crate::reach::Peer;
use crate::redis_peer::RedisPeer;
use crate::store::{Location, Store};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// For one check; whoever asks waits two seconds.
const DEADLINE: Duration = Duration::from_secs(1);

/// Below this an upload may not fit any more.
const MIN_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Of the limit; the guides' threshold.
const MEMORY_WARNING: f64 = 0.85;

/// 95th percentile of the last requests; the guides' threshold.
const SLOW: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Pass,
    Warn,
    Fail,
}

/// One dependency.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) status: Verdict,
    pub(crate) detail: String,
    pub(crate) took_ms: f64,
}

/// All of them; the worst decides.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) status: Verdict,
    pub(crate) checks: BTreeMap<&'static str, Check>,
}

pub(crate) type Finding = (Verdict, String);

/// Asks every dependency, at the same time.
pub(crate) async fn check(app: &App, part: &dyn Part) -> Health {
    let settings = &app.settings;
    let (own, database, redis, disk, memory, response) = tokio::join!(
        part.checks(),
        timed(database(&settings.database, &app.store)),
        timed(async {
            match &app.redis {
                Some(redis) => cache(redis).await,
                None => (Verdict::Pass, "not configured".to_owned()),
            }
        }),
        timed(async { disk(&settings.database) }),
        timed(async { memory(settings.memory_limit_bytes) }),
        timed(async { response_time(app) }),
    );
    let mut checks = BTreeMap::from([
        ("database", database),
        ("redis", redis),
        ("disk", disk),
        (settings.profile.health.memory, memory),
        ("response_time", response),
    ]);
    checks.extend(own);
    let worst = checks.values().map(|check| check.status).max();
    Health {
        status: worst.unwrap_or(Verdict::Pass),
        checks,
    }
}

/// A service beside this one that can be done without: a warning when it does not answer.
pub(crate) async fn optional(peer: Option<&Peer>, path: &str) -> Check {
    timed(async {
        let Some(peer) = peer else {
            return (Verdict::Pass, "not configured".to_owned());
        };
        match peer.get(path, DEADLINE).await {
            Ok(_) => (Verdict::Pass, "answers".to_owned()),
            Err(error) => (Verdict::Warn, format!("{error}: working without it")),
        }
    })
    .await
}

/// Runs one check within its deadline.
pub(crate) async fn timed(check: impl Future<Output = Finding>) -> Check {
    let started = Instant::now();
    let (status, detail) = tokio::time::timeout(DEADLINE, check)
        .await
        .unwrap_or_else(|_| {
            (
                Verdict::Fail,
                format!("no answer within {} ms", DEADLINE.as_millis()),
            )
        });
    Check {
        status,
        detail,
        took_ms: (started.elapsed().as_secs_f64() * 1_000_000.0).round() / 1000.0,
    }
}

async fn database(location: &Location, store: &Store) -> Finding {
    match store.ping().await {
        Ok(()) => (Verdict::Pass, location.kind().to_owned()),
        Err(error) => (Verdict::Fail, error.to_string()),
    }
}

async fn cache(redis: &RedisPeer) -> Finding {
    match redis.ping().await {
        Ok(()) => (Verdict::Pass, "answers".to_owned()),
        // The error's kind only: its text could hold the address with its password.
        Err(error) => (
            Verdict::Warn,
            format!("{:?}: working without it", error.kind()),
        ),
    }
}

fn disk(database: &Location) -> Finding {
    let folder = match database {
        Location::Sqlite(path) => path.parent().filter(|path| !path.as_os_str().is_empty()),
        Location::Postgres(_) => return (Verdict::Pass, "holds no data here".to_owned()),
    };
    let Some(free) = machine::free_bytes(folder.unwrap_or(Path::new("."))) else {
        return (Verdict::Warn, "cannot be seen".to_owned());
    };
    let detail = format!("{} MiB free", free / 1024 / 1024);
    if free < MIN_FREE_BYTES {
        (Verdict::Fail, detail)
    } else {
        (Verdict::Pass, detail)
    }
}

fn memory(limit: Option<u64>) -> Finding {
    let (Some(used), Some(limit)) = (
        machine::resident_bytes(),
        limit.or_else(machine::memory_bytes),
    ) else {
        return (Verdict::Warn, "cannot be seen".to_owned());
    };
    let share = used as f64 / limit as f64;
    let detail = format!("{} of {} MiB", used / 1024 / 1024, limit / 1024 / 1024);
    if share > MEMORY_WARNING {
        (Verdict::Warn, detail)
    } else {
        (Verdict::Pass, detail)
    }
}

fn response_time(app: &App) -> Finding {
    let Some([p95]) = app.latency.quantiles([0.95]) else {
        return (Verdict::Pass, "no request yet".to_owned());
    };
    let detail = format!("95th percentile {} ms", p95.as_millis());
    if p95 > SLOW {
        (Verdict::Warn, detail)
    } else {
        (Verdict::Pass, detail)
    }
}
