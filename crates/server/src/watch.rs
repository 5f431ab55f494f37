//! What each monitoring level watches, beyond instances and the proxy. Pure.
//!
//! `basic` watches nothing of this. Later capabilities read the same level.

use crate::api::types::Diagnosis;
use mainstay_model::{Bytes, InstanceId};
use mainstay_proxy::config::EndpointStatus;
use mainstay_runtime::status::InstanceStatus;
use mainstay_stack::Stack;
use mainstay_stack::policy::Monitoring;
use std::collections::BTreeMap;

/// Of its limit, in percent.
const MEMORY: u64 = 85;
/// Of the disk, in percent.
const DISK: u64 = 90;
/// Of the requests, in per mille; counted from so many requests on.
const FAILED: u64 = 10;
const ENOUGH_REQUESTS: u64 = 100;

/// What is seen of an environment at one moment.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) statuses: &'a [InstanceStatus],
    /// Resident memory of each instance.
    pub(crate) memory: BTreeMap<InstanceId, Bytes>,
    pub(crate) endpoints: BTreeMap<InstanceId, EndpointStatus>,
    /// Bytes of the data directory's disk: used, all.
    pub(crate) disk: Option<(u64, u64)>,
}

/// Everything that the level looks at and that is not well.
pub(crate) fn watched(level: Monitoring, stack: &Stack, seen: &Seen<'_>) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if level >= Monitoring::Enhanced {
        found.extend(seen.statuses.iter().filter_map(restarted));
        found.extend(
            seen.memory
                .iter()
                .filter_map(|(id, used)| memory(stack, id, *used)),
        );
        found.extend(seen.disk.and_then(disk));
    }
    if level >= Monitoring::Full {
        found.extend(
            seen.endpoints
                .iter()
                .filter_map(|(id, endpoint)| failed(id, endpoint)),
        );
    }
    found
}

fn diagnosis(code: &str, subject: Option<&InstanceId>, message: String, hint: &str) -> Diagnosis {
    Diagnosis {
        code: code.to_owned(),
        subject: subject.map(ToString::to_string),
        message,
        evidence: Vec::new(),
        hint: hint.to_owned(),
    }
}

fn restarted(status: &InstanceStatus) -> Option<Diagnosis> {
    let exit = status.last_exit.as_ref()?;
    (status.restarts > 0).then(|| {
        let message = format!(
            "{} was restarted {} times, last after {exit}",
            status.id, status.restarts
        );
        let hint = "what it printed before says why: `mainstay logs`";
        diagnosis("restarted", Some(&status.id), message, hint)
    })
}

fn memory(stack: &Stack, id: &InstanceId, used: Bytes) -> Option<Diagnosis> {
    let limit = stack.services.get(&id.service)?.limits.memory?;
    (used.0 > limit.0 / 100 * MEMORY).then(|| {
        let message = format!("{id} uses {used} of its {limit} of memory");
        let hint = "give it more (`mem_limit`), or look for what it keeps";
        diagnosis("memory-near-limit", Some(id), message, hint)
    })
}

fn disk((used, all): (u64, u64)) -> Option<Diagnosis> {
    (used > all / 100 * DISK).then(|| {
        let left = Bytes(all.saturating_sub(used));
        let message = format!("the disk of the data directory is above {DISK} %: {left} left");
        diagnosis("disk-filling", None, message, "make room before it is full")
    })
}

fn failed(id: &InstanceId, endpoint: &EndpointStatus) -> Option<Diagnosis> {
    let (requests, errors) = (endpoint.requests, endpoint.errors);
    let many = errors * 1000 > requests * FAILED;
    (requests >= ENOUGH_REQUESTS && many).then(|| {
        let message = format!("{id} failed {errors} of {requests} requests");
        let hint = "`mainstay logs`, and the proxy's access log, say which";
        diagnosis("requests-failed", Some(id), message, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn each_level_sees_more_than_the_one_below() {
        let mut app = testing::service("app", 1);
        app.limits.memory = Some(Bytes(1000));
        let stack = testing::stack([app]);
        let id: InstanceId = "app-r1-1".parse().unwrap();
        let endpoint = |requests, errors| EndpointStatus {
            pool: "app".to_owned(),
            instance: "shop-dev-app-r1-1".to_owned(),
            address: ([127, 0, 0, 1], 1).into(),
            weight: Some(100),
            in_flight: 0,
            ejected: false,
            requests,
            errors,
        };
        let seen = |used, requests, errors| Seen {
            statuses: &[],
            memory: BTreeMap::from([(id.clone(), Bytes(used))]),
            endpoints: BTreeMap::from([(id.clone(), endpoint(requests, errors))]),
            disk: Some((95, 100)),
        };
        let codes = |level, seen: &Seen<'_>| {
            let found = watched(level, &stack, seen);
            found.into_iter().map(|one| one.code).collect::<Vec<_>>()
        };
        let bad = seen(900, 1000, 11);
        assert_eq!(codes(Monitoring::Basic, &bad), [""; 0]);
        assert_eq!(
            codes(Monitoring::Enhanced, &bad),
            ["memory-near-limit", "disk-filling"]
        );
        assert_eq!(
            codes(Monitoring::Full, &bad),
            ["memory-near-limit", "disk-filling", "requests-failed"]
        );
        let good = Seen {
            disk: Some((50, 100)),
            ..seen(100, 1000, 10)
        };
        assert_eq!(codes(Monitoring::Full, &good), [""; 0]);
        assert_eq!(
            codes(
                Monitoring::Full,
                &Seen {
                    disk: None,
                    ..seen(1, 50, 50)
                }
            ),
            [""; 0]
        );
    }
}
