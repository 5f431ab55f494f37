//! Whether, and when, an instance that ended is started again. No clock, no process.

use crate::spec::{RestartCondition, RestartPolicy};
use mainstay_model::Timestamp;
use mainstay_wire::shim::Exit;
use std::time::Duration;

/// The back-off doubles up to this.
pub const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// What becomes of an instance that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Asked to end, or its policy says no more.
    Stay,
    /// Started again at this time.
    At(Timestamp),
    /// Restarted `max_attempts` times within the window, and ended again.
    CrashLoop,
}

/// Decides after the end of a run. `times` are the restarts so far; those that the policy's window
/// no longer sees are removed, and a restart that is decided is added.
///
/// The back-off doubles with each restart that the window still sees: an instance that ran well
/// for longer than the window starts again with the first delay.
pub fn decide(
    policy: &RestartPolicy,
    times: &mut Vec<Timestamp>,
    exit: &Exit,
    requested: bool,
    now: Timestamp,
) -> Decision {
    times.retain(|time| now.since(*time) < policy.window);
    let again = match policy.condition {
        RestartCondition::No => false,
        RestartCondition::OnFailure => !exit.is_success(),
        RestartCondition::Always => true,
    };
    if requested || !again {
        return Decision::Stay;
    }
    if times.len() >= policy.max_attempts as usize {
        return Decision::CrashLoop;
    }
    let at = now + delay(policy.delay, times.len());
    times.push(at);
    Decision::At(at)
}

fn delay(first: Duration, restarts: usize) -> Duration {
    let factor = 1_u32 << restarts.min(16);
    first.saturating_mul(factor).min(LONGEST_DELAY.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(condition: RestartCondition, max_attempts: u32) -> RestartPolicy {
        RestartPolicy {
            condition,
            delay: Duration::from_secs(1),
            max_attempts,
            window: Duration::from_mins(10),
        }
    }

    const FAILED: Exit = Exit::Code(1);

    /// Ends at once after every start; the delays until it is left down.
    fn delays(policy: &RestartPolicy) -> Vec<u64> {
        let (mut times, mut now, mut delays) = (Vec::new(), Timestamp::from_millis(0), Vec::new());
        while let Decision::At(at) = decide(policy, &mut times, &FAILED, false, now) {
            delays.push(at.since(now).as_secs());
            now = at;
        }
        delays
    }

    #[test]
    fn the_delay_doubles_to_a_minute_and_then_it_is_a_crash_loop() {
        let delays = delays(&policy(RestartCondition::Always, 9));
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_run_longer_than_the_window_forgives() {
        let policy = policy(RestartCondition::OnFailure, 1);
        let mut times = Vec::new();
        let at = |millis, times: &mut _| {
            decide(
                &policy,
                times,
                &FAILED,
                false,
                Timestamp::from_millis(millis),
            )
        };
        assert_eq!(
            at(0, &mut times),
            Decision::At(Timestamp::from_millis(1000))
        );
        assert_eq!(at(600_999, &mut times), Decision::CrashLoop);
        assert_eq!(
            at(601_000, &mut times),
            Decision::At(Timestamp::from_millis(602_000))
        );
    }

    #[test]
    fn the_condition_decides() {
        let decide = |condition, exit: &Exit, requested| {
            let now = Timestamp::from_millis(0);
            decide(&policy(condition, 3), &mut Vec::new(), exit, requested, now)
        };
        let ok = Exit::Code(0);
        let killed = Exit::Signal("SIGKILL".into());
        assert_eq!(decide(RestartCondition::No, &FAILED, false), Decision::Stay);
        assert_eq!(
            decide(RestartCondition::OnFailure, &ok, false),
            Decision::Stay
        );
        assert_ne!(
            decide(RestartCondition::OnFailure, &killed, false),
            Decision::Stay
        );
        assert_ne!(
            decide(RestartCondition::OnFailure, &Exit::Lost, false),
            Decision::Stay
        );
        assert_ne!(decide(RestartCondition::Always, &ok, false), Decision::Stay);
        assert_eq!(
            decide(RestartCondition::Always, &FAILED, true),
            Decision::Stay
        );
    }
}
