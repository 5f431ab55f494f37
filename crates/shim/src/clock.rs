//! The two clocks: wall time for what people read, monotonic time for deadlines.

use mainstay_model::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time; 1970 where the clock stands before it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(since.as_millis() as i64)
}

/// Monotonic time since some fixed moment.
pub(crate) fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
