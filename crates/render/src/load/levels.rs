//! How much is asked, as the handbooks call it.

/// So many people, coming at this rate, for so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) users: u32,
    /// A second.
    pub(super) rate: u32,
    pub(super) minutes: u32,
    pub(super) kind: Kind,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// People at work, and a few who look after it.
    Mixed,
    /// As fast as it answers.
    Stress,
    /// The same again and again: from the second time on it should come from a cache.
    Cache,
    /// What takes the service some work.
    Cognitive,
}

pub(super) const LEVELS: [Level; 9] = [
    Level {
        name: "light",
        about: "a quiet hour",
        users: 10,
        rate: 2,
        minutes: 5,
        kind: Kind::Mixed,
    },
    Level {
        name: "medium",
        about: "a usual day",
        users: 50,
        rate: 5,
        minutes: 10,
        kind: Kind::Mixed,
    },
    Level {
        name: "heavy",
        about: "the busiest hour",
        users: 100,
        rate: 10,
        minutes: 15,
        kind: Kind::Mixed,
    },
    Level {
        name: "stress",
        about: "more than there should be",
        users: 200,
        rate: 20,
        minutes: 20,
        kind: Kind::Stress,
    },
    Level {
        name: "baseline",
        about: "what later runs are compared with",
        users: 5,
        rate: 1,
        minutes: 5,
        kind: Kind::Mixed,
    },
    Level {
        name: "sustained",
        about: "whether it keeps up",
        users: 50,
        rate: 5,
        minutes: 30,
        kind: Kind::Mixed,
    },
    Level {
        name: "peak",
        about: "many at once",
        users: 150,
        rate: 50,
        minutes: 5,
        kind: Kind::Mixed,
    },
    Level {
        name: "cache",
        about: "what a cache gives",
        users: 20,
        rate: 5,
        minutes: 5,
        kind: Kind::Cache,
    },
    Level {
        name: "cognitive",
        about: "what takes work",
        users: 10,
        rate: 2,
        minutes: 10,
        kind: Kind::Cognitive,
    },
];

/// Above these a run has failed: milliseconds, and percent of the requests.
pub(super) const P95_MS: u32 = 2000;
pub(super) const ERRORS_PERCENT: u32 = 5;
