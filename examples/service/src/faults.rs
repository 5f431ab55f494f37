//! Faults on demand, so that every failure path of a deploy can be shown.
//!
//! They come from variables at the start (`FAULT_*`) and, where `FAULTS_ENABLED=true`, from
//! `POST /admin/faults` while running. Errors are spread evenly rather than drawn by lot: a rate
//! of 0.25 fails each fourth request, so a demonstration is the same each time.

use crate::settings::{Variables, parse_duration};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

/// What goes wrong while the service runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    pub(crate) health: Option<HealthFault>,
    /// Share of requests answered with 500, from 0 to 1. Health, metrics and faults are exempt.
    pub(crate) error_rate: f64,
    /// Added to each request; the same exemptions.
    pub(crate) latency_ms: u64,
    /// Ends the process without any grace this long after the fault was set.
    pub(crate) crash_after_ms: Option<u64>,
    /// SIGTERM is ignored: only SIGKILL ends the process.
    pub(crate) refuse_stop: bool,
}

/// How `/health` misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthFault {
    /// 503.
    Fail,
    /// Never answers.
    Hang,
}

impl FromStr for HealthFault {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fail" => Ok(Self::Fail),
            "hang" => Ok(Self::Hang),
            _ => Err("not a health fault\n  hint: write fail or hang"),
        }
    }
}

/// How the start goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartFault {
    /// Exits with code 1 at once.
    Crash,
    /// Binds its port and takes connections, but never answers on one.
    Hang,
    /// Runs, but never binds its port.
    NeverBind,
    /// Binds its port this much later.
    Slow(Duration),
}

impl FromStr for StartFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "crash" => Ok(Self::Crash),
            None if text == "hang" => Ok(Self::Hang),
            None if text == "never-bind" => Ok(Self::NeverBind),
            Some(("slow", delay)) => parse_duration(delay).map(Self::Slow),
            _ => Err(
                "not a start fault\n  hint: write crash, hang, never-bind or slow:5s".to_owned(),
            ),
        }
    }
}

impl Faults {
    pub(crate) fn read<L: Fn(&str) -> Option<String>>(vars: &Variables<L>) -> anyhow::Result<Self> {
        let faults = Self {
            health: vars.parse("FAULT_HEALTH")?,
            error_rate: vars.parse("FAULT_ERROR_RATE")?.unwrap_or(0.0),
            latency_ms: vars
                .duration("FAULT_LATENCY")?
                .map_or(0, |wait| wait.as_millis() as u64),
            crash_after_ms: vars
                .duration("FAULT_CRASH_AFTER")?
                .map(|wait| wait.as_millis() as u64),
            refuse_stop: match vars.text("FAULT_STOP").as_deref() {
                None => false,
                Some("refuse") => true,
                Some(other) => anyhow::bail!(
                    "FAULT_STOP={other}: not a stop fault\n  hint: the one there is, is refuse"
                ),
            },
        };
        faults
            .checked()
            .map_err(|error| anyhow::anyhow!("FAULT_ERROR_RATE={error}"))
    }

    /// Refuses rates that are none.
    pub(crate) fn checked(self) -> Result<Self, String> {
        if (0.0..=1.0).contains(&self.error_rate) {
            Ok(self)
        } else {
            Err(format!(
                "{}: not a share\n  hint: write a number from 0 to 1",
                self.error_rate
            ))
        }
    }
}

/// The faults in force, changed at run time.
#[derive(Debug)]
pub(crate) struct FaultSwitch {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    faults: Faults,
    /// Errors owed: one is paid out each time it reaches 1.
    owed: f64,
}

impl FaultSwitch {
    pub(crate) fn new(faults: Faults) -> Self {
        let switch = Self {
            state: Mutex::new(State {
                faults: Faults::default(),
                owed: 0.0,
            }),
        };
        switch.set(faults);
        switch
    }

    pub(crate) fn get(&self) -> Faults {
        self.lock().faults.clone()
    }

    /// Puts other faults in force. A crash is armed on a thread of its own, so that it comes even
    /// when everything else hangs.
    pub(crate) fn set(&self, faults: Faults) {
        if let Some(wait) = faults.crash_after_ms {
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(wait));
                tracing::error!(after_ms = wait, "crashing, as the fault asks");
                std::process::exit(3);
            });
        }
        *self.lock() = State { faults, owed: 0.0 };
    }

    /// Whether this request is one that fails.
    pub(crate) fn next_is_error(&self) -> bool {
        let mut state = self.lock();
        state.owed += state.faults.error_rate;
        let due = state.owed >= 1.0;
        if due {
            state.owed -= 1.0;
        }
        due
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is whole after each statement, so a panic elsewhere did not spoil it.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_in_the_share_asked_for() {
        for (rate, expected) in [(0.0, 0), (0.25, 25), (0.5, 50), (1.0, 100)] {
            let switch = FaultSwitch::new(Faults {
                error_rate: rate,
                ..Faults::default()
            });
            let errors = (0..100).filter(|_| switch.next_is_error()).count();
            assert_eq!(errors, expected, "rate {rate}");
        }
    }

    #[test]
    fn start_faults_are_read() {
        assert_eq!("never-bind".parse(), Ok(StartFault::NeverBind));
        assert_eq!(
            "slow:1500ms".parse(),
            Ok(StartFault::Slow(Duration::from_millis(1500)))
        );
        assert!("slow".parse::<StartFault>().is_err());
        assert!("crash:now".parse::<StartFault>().is_err());
    }
}
