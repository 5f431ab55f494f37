//! Request ids: UUIDv7, made without a system call.

use hyper::header::HeaderValue;
use std::cell::Cell;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longer ones are replaced.
const MAX_LENGTH: usize = 128;

/// Whether an id is safe to pass on into logs and headers.
pub(crate) fn is_valid(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=~".contains(byte);
    !id.is_empty() && id.len() <= MAX_LENGTH && id.iter().all(allowed)
}

/// A new id. It names a request in logs and is no secret: its random part comes from a fast
/// generator, seeded by the operating system once for each thread.
pub(crate) fn fresh() -> HeaderValue {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since_epoch.unwrap_or_default().as_millis() as u64;
    let mut random = [0; 10];
    random[..8].copy_from_slice(&next().to_le_bytes());
    random[8..].copy_from_slice(&next().to_le_bytes()[..2]);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = id.hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// A random number from 0 up to 1.
pub(crate) fn unit() -> f64 {
    (next() >> 11) as f64 / (1_u64 << 53) as f64
}

/// splitmix64.
fn next() -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(
            // The standard library's only way to the system's randomness.
            std::hash::RandomState::new().build_hasher().finish(),
        );
    }
    STATE.with(|state| {
        let seed = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(seed);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_are_valid_uuids_and_differ() {
        let ids: std::collections::HashSet<_> = (0..10_000)
            .map(|_| fresh().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let id: uuid::Uuid = id.parse().unwrap();
            assert_eq!(id.get_version_num(), 7);
            assert!(is_valid(id.to_string().as_bytes()));
        }
    }

    #[test]
    fn what_could_break_a_log_line_is_no_id() {
        for bad in ["", "a b", "a\"b", "a\tb", "ä", &"x".repeat(129)] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        assert!(is_valid("1-67891233-abcdef012345678912345678".as_bytes()));
    }
}
