//! When a group is evaluated: at a phase of its own within its interval.
//!
//! The phase hangs on nothing but the group's name and file, so that a restart does not move it and
//! many groups do not start at once.

/// The offset of FNV-1a, 64 bit (<http://www.isthe.com/chongo/tech/comp/fnv/>).
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// How far into each interval a group is evaluated, in milliseconds.
pub fn phase_ms(file: &str, name: &str, interval_ms: i64) -> i64 {
    let mut hash = FNV_OFFSET;
    // 0xff is in no UTF-8 text, so that no two pairs are written alike.
    let texts = file.bytes().chain([0xff]).chain(name.bytes());
    for byte in texts {
        hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    }
    // The low bits of FNV are weak; fold the high ones in.
    let hash = hash ^ (hash >> 32);
    (hash % interval_ms.max(1).unsigned_abs()) as i64
}

/// The last moment at or before `now_ms` at which a group with that phase is evaluated.
pub fn slot_ms(now_ms: i64, phase_ms: i64, interval_ms: i64) -> i64 {
    now_ms - (now_ms - phase_ms).rem_euclid(interval_ms.max(1))
}

/// An evaluation that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The moment it is for.
    pub at_ms: i64,
    /// Moments that went by without one.
    pub missed: u64,
}

/// What is due at `now_ms`, when the last evaluation was for `last_ms`: the latest moment, those
/// before it are missed. `None`: nothing yet.
pub fn due(last_ms: i64, now_ms: i64, interval_ms: i64) -> Option<Due> {
    let interval_ms = interval_ms.max(1);
    let passed = now_ms.saturating_sub(last_ms) / interval_ms;
    (passed > 0).then(|| Due {
        at_ms: last_ms + passed * interval_ms,
        missed: passed.unsigned_abs() - 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_stable_and_within_the_interval() {
        assert_eq!(
            phase_ms("rules.yml", "a", 60_000),
            phase_ms("rules.yml", "a", 60_000)
        );
        let phases: std::collections::BTreeSet<i64> = (0..100)
            .map(|n| phase_ms("rules.yml", &format!("group-{n}"), 60_000))
            .collect();
        assert!(phases.len() > 95, "{phases:?}");
        assert!(phases.iter().all(|phase| (0..60_000).contains(phase)));
        // Not all in one half.
        let late = phases.iter().filter(|phase| **phase > 30_000).count();
        assert!((25..75).contains(&late), "{late}");
        assert_ne!(phase_ms("ab", "c", i64::MAX), phase_ms("a", "bc", i64::MAX));
    }

    #[test]
    fn a_slot_is_never_in_the_future() {
        for (now, slot) in [(0, -50), (10, 10), (69, 10), (70, 70), (129, 70)] {
            assert_eq!(slot_ms(now, 10, 60), slot, "{now}");
        }
    }

    #[test]
    fn what_went_by_is_missed() {
        let due = |now| due(1000, now, 100);
        assert_eq!(due(1099), None);
        assert_eq!(due(900), None);
        assert_eq!(
            due(1100),
            Some(Due {
                at_ms: 1100,
                missed: 0
            })
        );
        assert_eq!(
            due(1399),
            Some(Due {
                at_ms: 1300,
                missed: 2
            })
        );
    }
}
