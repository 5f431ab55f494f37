//! What those who collect logs have to know of a stack.

use crate::output::Rendering;
use mainstay_stack::{Stack, TargetKind};
use std::time::Duration;

/// Less than a day nobody keeps logs: indexes are made by day.
const DAY: Duration = Duration::from_hours(24);

/// How long logs are kept: as long as those of the service that keeps them longest, in whole days.
pub(crate) fn kept_days(stack: &Stack) -> u64 {
    let longest = stack.services.values().map(|service| service.log.max_age);
    days(longest.max().unwrap_or(DAY))
}

/// In whole days, at least one.
pub(crate) fn days(age: Duration) -> u64 {
    age.as_secs().div_ceil(DAY.as_secs()).max(1)
}

/// What cannot be read where it is: `readable` are the drivers whose lines are found.
pub(crate) fn name_lost(stack: &Stack, readable: &[&str], out: &mut Rendering) {
    if stack.target == TargetKind::Process {
        out.lost(
            "target: process",
            "logs of processes lie with Mainstay, which answers for them",
            "they are not shipped; read them from there: `mainstay logs`",
        );
        return;
    }
    for service in stack.services.values() {
        let driver = service.container.logging.driver.as_str();
        if !readable.contains(&driver) {
            out.lost(
                &format!("services.{}.logging.driver: {driver}", service.name),
                "the engine keeps nothing that could be read from outside",
                "its lines are not shipped; `json-file` keeps them",
            );
        }
    }
}
