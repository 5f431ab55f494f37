//! A new configuration: what is unchanged goes on, what has changed keeps the state of its rules,
//! what is gone leaves stale markers.

use std::collections::BTreeMap;

use mainstay_series::{Labels, STALE, Sample};

use crate::evaluation::NewSample;
use crate::group::Group;

/// The groups of a new configuration.
#[derive(Debug)]
pub struct Reloaded {
    pub groups: Vec<Group>,
    /// What is left of groups that are gone.
    pub departed: Vec<Departed>,
}

/// A group that is gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Departed {
    pub file: String,
    pub name: String,
    /// The samples to store then.
    pub samples: Vec<NewSample>,
    /// When: two intervals later, so that a group that was only renamed has written its series by
    /// then; the store refuses markers older than those.
    pub at_ms: i64,
}

/// Puts new groups in the place of old ones. What tells a group apart is its file and its name; of two
/// new ones that are alike the later holds.
pub fn reload(old: Vec<Group>, new: Vec<Group>, now_ms: i64) -> Reloaded {
    let key = |group: &Group| (group.file().to_owned(), group.name().to_owned());
    let mut old: BTreeMap<(String, String), Group> =
        old.into_iter().map(|group| (key(&group), group)).collect();
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for mut group in new {
        let key = key(&group);
        let group = match old.remove(&key) {
            Some(before) if before.same(&group) => before,
            Some(before) => {
                group.take_state(before);
                group
            }
            None => group,
        };
        groups.insert(key, group);
    }
    let departed = old.into_values().map(|group| departed(group, now_ms));
    Reloaded {
        departed: departed.collect(),
        groups: groups.into_values().collect(),
    }
}

fn departed(group: Group, now_ms: i64) -> Departed {
    let time_ms = now_ms - group.query_offset_ms();
    let stale = |labels: Labels| NewSample {
        labels,
        sample: Sample {
            time_ms,
            value: STALE,
        },
    };
    Departed {
        file: group.file().to_owned(),
        name: group.name().to_owned(),
        at_ms: now_ms.saturating_add(group.interval_ms().saturating_mul(2)),
        samples: group.into_series().map(stale).collect(),
    }
}
