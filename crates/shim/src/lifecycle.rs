//! When what is signalled: the decisions of a shim, without clock or process.
//!
//! A stop sends the stop signal to the main process, as Docker does; when the main process has
//! ended, what it left behind gets SIGTERM; when the grace is over everything gets SIGKILL, again
//! and again until nothing is left. The grace of what is left begins with the stop, or with the
//! end of a main process that ended by itself.

use mainstay_wire::shim::Exit;
use std::time::Duration;

/// Between two rounds of SIGKILL: the first is soon, because a process may fork while it is hit.
const KILL_FIRST: Duration = Duration::from_millis(20);
const KILL_LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    StopAsked {
        grace: Duration,
    },
    MainEnded(Exit),
    /// The last process below has been reaped.
    NothingLeft,
    /// Time has passed.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write down that a stop was asked for.
    RecordStopping,
    /// The stop signal to the main process.
    SignalMain,
    /// SIGTERM to everything that is left.
    TerminateRest,
    /// SIGKILL to everything.
    KillAll,
    /// Write down the end; nothing is left to do.
    RecordEnd,
}

/// Where one run stands. Times are monotonic.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    /// For what the main process leaves behind when it ends by itself.
    grace: Duration,
    requested: bool,
    main: Option<Exit>,
    kill_at: Option<Duration>,
    /// `None` until the first SIGKILL.
    kill_pause: Option<Duration>,
    ended: bool,
}

impl Lifecycle {
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            requested: false,
            main: None,
            kill_at: None,
            kill_pause: None,
            ended: false,
        }
    }

    pub(crate) fn step(&mut self, event: Event, now: Duration) -> Vec<Action> {
        if self.ended {
            return Vec::new();
        }
        match event {
            Event::StopAsked { grace } => self.stop(grace, now),
            Event::MainEnded(exit) => {
                self.main = Some(exit);
                self.kill_by(now + self.grace);
                vec![Action::TerminateRest]
            }
            Event::NothingLeft if self.main.is_some() => {
                self.ended = true;
                vec![Action::RecordEnd]
            }
            Event::NothingLeft => Vec::new(),
            Event::Tick => self.tick(now),
        }
    }

    fn stop(&mut self, grace: Duration, now: Duration) -> Vec<Action> {
        self.kill_by(now + grace);
        if self.requested || self.main.is_some() {
            return Vec::new();
        }
        self.requested = true;
        vec![Action::RecordStopping, Action::SignalMain]
    }

    /// A later demand can shorten the grace and never lengthens it.
    fn kill_by(&mut self, at: Duration) {
        self.kill_at = Some(self.kill_at.map_or(at, |before| before.min(at)));
    }

    fn tick(&mut self, now: Duration) -> Vec<Action> {
        if self.kill_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let pause = self
            .kill_pause
            .map_or(KILL_FIRST, |pause| (pause * 2).min(KILL_LONGEST));
        self.kill_pause = Some(pause);
        self.kill_at = Some(now + pause);
        vec![Action::KillAll]
    }

    /// When [`Event::Tick`] has something to do next.
    pub(crate) fn wake_at(&self) -> Option<Duration> {
        self.kill_at.filter(|_| !self.ended)
    }

    /// How the main process ended, and whether a stop was asked for before.
    pub(crate) fn outcome(&self) -> Option<(Exit, bool)> {
        self.main.clone().map(|exit| (exit, self.requested))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{KillAll, RecordEnd, RecordStopping, SignalMain, TerminateRest};

    const SECOND: Duration = Duration::from_secs(1);

    fn run(steps: &[(u64, Event, &[Action])]) -> Lifecycle {
        let mut lifecycle = Lifecycle::new(10 * SECOND);
        for (millis, event, expected) in steps {
            let now = Duration::from_millis(*millis);
            assert_eq!(
                lifecycle.step(event.clone(), now),
                *expected,
                "{millis} {event:?}"
            );
        }
        lifecycle
    }

    #[test]
    fn a_stop_that_is_obeyed() {
        let ended = run(&[
            (
                0,
                Event::StopAsked { grace: SECOND },
                &[RecordStopping, SignalMain],
            ),
            (500, Event::Tick, &[]),
            (600, Event::MainEnded(Exit::Code(0)), &[TerminateRest]),
            (600, Event::NothingLeft, &[RecordEnd]),
            (9000, Event::Tick, &[]),
        ]);
        assert_eq!(ended.outcome(), Some((Exit::Code(0), true)));
        assert!(ended.has_ended());
    }

    #[test]
    fn a_stop_that_is_ignored_kills_until_nothing_is_left() {
        let killed = Exit::Signal("SIGKILL".into());
        run(&[
            (
                0,
                Event::StopAsked { grace: SECOND },
                &[RecordStopping, SignalMain],
            ),
            (999, Event::Tick, &[]),
            (1000, Event::Tick, &[KillAll]),
            (1001, Event::Tick, &[]),
            (1020, Event::Tick, &[KillAll]),
            (1021, Event::MainEnded(killed), &[TerminateRest]),
            (1060, Event::Tick, &[KillAll]),
            (1061, Event::NothingLeft, &[RecordEnd]),
        ]);
    }

    #[test]
    fn a_second_stop_shortens_the_grace_and_never_lengthens_it() {
        run(&[
            (
                0,
                Event::StopAsked { grace: 10 * SECOND },
                &[RecordStopping, SignalMain],
            ),
            (100, Event::StopAsked { grace: 60 * SECOND }, &[]),
            (200, Event::StopAsked { grace: SECOND }, &[]),
            (1199, Event::Tick, &[]),
            (1200, Event::Tick, &[KillAll]),
        ]);
    }

    #[test]
    fn what_a_main_process_leaves_behind_gets_the_grace_of_the_policy() {
        let ended = run(&[
            (0, Event::MainEnded(Exit::Code(3)), &[TerminateRest]),
            (9999, Event::Tick, &[]),
            (10_000, Event::Tick, &[KillAll]),
            (10_001, Event::NothingLeft, &[RecordEnd]),
        ]);
        assert_eq!(ended.outcome(), Some((Exit::Code(3), false)));
    }

    #[test]
    fn a_stop_after_the_end_of_the_main_process_was_not_its_cause() {
        let ended = run(&[
            (0, Event::MainEnded(Exit::Code(3)), &[TerminateRest]),
            (
                1,
                Event::StopAsked {
                    grace: Duration::ZERO,
                },
                &[],
            ),
            (1, Event::Tick, &[KillAll]),
            (2, Event::NothingLeft, &[RecordEnd]),
        ]);
        assert_eq!(ended.outcome(), Some((Exit::Code(3), false)));
    }

    #[test]
    fn the_pause_between_kills_grows_to_a_second() {
        let mut lifecycle = Lifecycle::new(Duration::ZERO);
        lifecycle.step(Event::MainEnded(Exit::Code(0)), Duration::ZERO);
        let mut pauses = Vec::new();
        let mut now = lifecycle.wake_at().unwrap();
        for _ in 0..9 {
            assert_eq!(lifecycle.step(Event::Tick, now), [KillAll]);
            let next = lifecycle.wake_at().unwrap();
            pauses.push(next.saturating_sub(now).as_millis());
            now = next;
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000, 1000, 1000]);
    }
}
