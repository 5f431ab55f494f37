//! Profiles: which checks are made, by which thresholds. One for each guide and one for everybody; never a blend.
//!
//! The same figures stand in the rule packs (`rules/`), and a test compares them.

use crate::check::{Check, Measure, checks};
use crate::limits::{Limits, OverrideError, in_order, parse_override};

/// What is checked and how strictly.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub name: &'static str,
    pub about: &'static str,
    limits: &'static [(&'static str, Limits)],
    /// Where the guide's service measures better than the proxy does.
    measures: &'static [(&'static str, Measure)],
}

/// All of them; the first is taken where none is named.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile of that name.
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

#[cfg(test)]
impl Profile {
    /// Every check that it speaks of.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let limits = self.limits.iter().map(|(id, _)| *id);
        limits.chain(self.measures.iter().map(|(id, _)| *id))
    }
}

/// A profile with somebody's own thresholds on top.
#[derive(Debug, Clone)]
pub struct Plan {
    pub profile: &'static Profile,
    overrides: Vec<(&'static str, Limits)>,
}

impl Plan {
    pub fn new(profile: &'static Profile) -> Self {
        Self {
            profile,
            overrides: Vec::new(),
        }
    }

    /// Takes `CHECK=WARNING:CRITICAL`; what it leaves out stays as the profile has it.
    ///
    /// # Errors
    /// When it names no check, no value, or a critical level before its warning, be it the profile's.
    pub fn change(&mut self, text: &str) -> Result<(), OverrideError> {
        let (check, limits) = parse_override(text)?;
        self.overrides.push((check.id, limits));
        let together = self.limits(check.id).unwrap_or(limits);
        in_order(check, together).inspect_err(|_| {
            self.overrides.pop();
        })
    }

    /// The checks to be made, with their limits.
    pub fn checks(&self) -> impl Iterator<Item = (&'static Check, Limits)> {
        checks()
            .iter()
            .filter_map(|check| Some((check, self.limits(check.id)?)))
    }

    fn limits(&self, id: &str) -> Option<Limits> {
        let own = self.profile.limits.iter().find(|(name, _)| *name == id);
        let mut limits = own.map(|(_, limits)| *limits);
        for (_, change) in self.overrides.iter().filter(|(name, _)| *name == id) {
            let before = limits.unwrap_or_default();
            limits = Some(Limits {
                target: before.target,
                warning: change.warning.or(before.warning),
                critical: change.critical.or(before.critical),
            });
        }
        limits
    }

    pub(crate) fn measure(&self, check: &'static Check) -> Measure {
        let own = self.profile.measures.iter().find(|(id, _)| *id == check.id);
        own.map_or(check.measure, |(_, measure)| *measure)
    }
}

/// Some of the instances gone, half of them gone.
const REACH: Limits = Limits::levels(1.0, 0.5);

// What no guide gives a figure for is ours: availability, deadlocks, memory of the cache, errors of the network.
const DEADLOCKS: Limits = Limits::levels(0.0, 5.0);
const CACHE_MEMORY: Limits = Limits::levels(0.85, 0.95);
const NETWORK: Limits = Limits::levels(0.01, 0.05);

const PROFILES: [Profile; 6] = [
    Profile {
        name: "default",
        about: "any stack, seen from the proxy; processors 80 %, memory 85 %, disk 90 %, answers 2 s, errors 5 %, queue 1000",
        limits: &TRANSCRIBER,
        measures: &[],
    },
    Profile {
        name: "whisper-transcriber",
        about: "the same thresholds, seen by the service itself",
        limits: &TRANSCRIBER,
        measures: &SERVICE,
    },
    Profile {
        name: "whispercache",
        about: "p95 2 s, p99 5 s, errors 5 %, processors 80 %, memory 85 %",
        limits: &[
            ("api.available", REACH),
            ("api.response", Limits::warning(2.0)),
            ("api.tail", Limits::critical(5.0)),
            ("api.errors", Limits::critical(0.05)),
            ("database.reachable", REACH),
            ("database.deadlocks", DEADLOCKS),
            ("cache.reachable", REACH),
            ("cache.memory", CACHE_MEMORY),
            ("system.cpu", Limits::warning(0.80)),
            ("system.memory", Limits::warning(0.85)),
            ("system.disk", Limits::critical(0.90)),
            ("system.network", NETWORK),
        ],
        measures: &SERVICE,
    },
    Profile {
        name: "rag-admin",
        about: "errors 10 %, p95 2 s, connections 80 %",
        limits: &[
            ("api.available", REACH),
            ("api.response", Limits::warning(2.0)),
            ("api.errors", Limits::critical(0.1)),
            ("database.reachable", REACH),
            ("database.connections", Limits::warning(0.8)),
            ("database.deadlocks", DEADLOCKS),
            ("system.cpu", Limits::warning(0.80)),
            ("system.memory", Limits::warning(0.85)),
            ("system.disk", Limits::critical(0.90)),
            ("system.network", NETWORK),
        ],
        measures: &SERVICE,
    },
    Profile {
        name: "deep-echo",
        about: "average 100 ms, p95 1 s, errors 1 %, cache hits 50 %",
        limits: &[
            ("api.available", REACH),
            ("api.response", Limits::warning(1.0)),
            ("api.average", Limits::all(0.1, 0.1, 0.5)),
            ("api.errors", Limits::all(0.01, 0.01, 0.05)),
            ("database.reachable", REACH),
            ("database.deadlocks", DEADLOCKS),
            ("cache.reachable", REACH),
            ("cache.memory", CACHE_MEMORY),
            ("cache.hits", Limits::all(0.5, 0.5, 0.25)),
            ("system.cpu", Limits::warning(0.80)),
            ("system.memory", Limits::warning(0.85)),
            ("system.disk", Limits::critical(0.90)),
            ("system.network", NETWORK),
        ],
        measures: &FLASK,
    },
    Profile {
        name: "whisperengine",
        about: "its table: p95 500 ms/1 s/2 s, errors 1/2/5 %, memory 80/90/95, processors 70/85/95, connections 80/90/95, cache 90/85/70 %, query 100 ms",
        limits: &[
            ("api.available", REACH),
            ("api.response", Limits::all(0.5, 1.0, 2.0)),
            ("api.errors", Limits::all(0.01, 0.02, 0.05)),
            ("database.reachable", REACH),
            ("database.connections", Limits::all(0.80, 0.90, 0.95)),
            ("database.query", Limits::all(0.1, 0.1, 1.0)),
            ("database.deadlocks", DEADLOCKS),
            ("cache.reachable", REACH),
            ("cache.memory", CACHE_MEMORY),
            ("cache.hits", Limits::all(0.90, 0.85, 0.70)),
            ("system.cpu", Limits::all(0.70, 0.85, 0.95)),
            ("system.memory", Limits::all(0.80, 0.90, 0.95)),
            ("system.disk", Limits::critical(0.90)),
            ("system.network", NETWORK),
        ],
        measures: &COMMANDS,
    },
];

/// The health monitor of the whisper-transcriber guide: the thresholds are its, and so is what is critical (its alerts say). It
/// names pool, queries, hit rate and no figure for them: those are ours.
const TRANSCRIBER: [(&str, Limits); 15] = [
    ("api.available", REACH),
    ("api.response", Limits::warning(2.0)),
    ("api.errors", Limits::critical(0.05)),
    ("database.reachable", REACH),
    ("database.connections", Limits::levels(0.80, 0.95)),
    ("database.query", Limits::levels(0.1, 1.0)),
    ("database.deadlocks", DEADLOCKS),
    ("cache.reachable", REACH),
    ("cache.memory", CACHE_MEMORY),
    ("cache.hits", Limits::warning(0.5)),
    ("system.cpu", Limits::warning(0.80)),
    ("system.memory", Limits::warning(0.85)),
    ("system.disk", Limits::critical(0.90)),
    ("system.network", NETWORK),
    ("jobs.queue", Limits::warning(1000.0)),
];

const NO_TRAFFIC: &str = "no new request seen within 5 minutes";

/// Requests as the services count them. Probes and scrapes are always quick and good: they are left out.
const SERVICE: [(&str, Measure); 3] = [
    (
        "api.response",
        Measure {
            expression: "histogram_quantile(0.95, sum by (service, le) (rate(http_request_duration_seconds_bucket{$scope,endpoint!~\".*/(health|metrics|prometheus)\"}[5m])))",
            of: "http_request_duration_seconds_bucket{$scope}",
            empty: NO_TRAFFIC,
        },
    ),
    (
        "api.tail",
        Measure {
            expression: "histogram_quantile(0.99, sum by (service, le) (rate(http_request_duration_seconds_bucket{$scope,endpoint!~\".*/(health|metrics|prometheus)\"}[5m])))",
            of: "http_request_duration_seconds_bucket{$scope}",
            empty: NO_TRAFFIC,
        },
    ),
    ("api.errors", ERRORS),
];

const ERRORS: Measure = Measure {
    expression: "(sum by (service) (rate(http_requests_total{$scope,status=~\"5..\",endpoint!~\".*/(health|metrics|prometheus)\"}[5m])) or 0 * sum by (service) (rate(http_requests_total{$scope,endpoint!~\".*/(health|metrics|prometheus)\"}[5m]))) / sum by (service) (rate(http_requests_total{$scope,endpoint!~\".*/(health|metrics|prometheus)\"}[5m]))",
    of: "http_requests_total{$scope}",
    empty: NO_TRAFFIC,
};

/// The Flask exporter's names, which the deep-echo guide queries.
const FLASK: [(&str, Measure); 3] = [
    (
        "api.response",
        Measure {
            expression: "histogram_quantile(0.95, sum by (service, le) (rate(flask_http_request_duration_seconds_bucket{$scope,path!~\".*/(health|metrics)\"}[5m])))",
            of: "flask_http_request_duration_seconds_bucket{$scope}",
            empty: NO_TRAFFIC,
        },
    ),
    (
        "api.average",
        Measure {
            expression: "sum by (service) (rate(flask_http_request_duration_seconds_sum{$scope,path!~\".*/(health|metrics)\"}[5m])) / sum by (service) (rate(flask_http_request_duration_seconds_count{$scope,path!~\".*/(health|metrics)\"}[5m]))",
            of: "flask_http_request_duration_seconds_count{$scope}",
            empty: NO_TRAFFIC,
        },
    ),
    ("api.errors", ERRORS),
];

/// A bot answers commands: over HTTP it is asked by probes alone.
const COMMANDS: [(&str, Measure); 2] = [
    (
        "api.response",
        Measure {
            expression: "histogram_quantile(0.95, sum by (service, le) (rate(discord_command_duration_seconds_bucket{$scope}[5m])))",
            of: "discord_command_duration_seconds_bucket{$scope}",
            empty: "no new command seen within 5 minutes",
        },
    ),
    (
        "api.errors",
        Measure {
            expression: "(sum by (service) (rate(discord_commands_total{$scope,outcome=\"failed\"}[5m])) or 0 * sum by (service) (rate(discord_commands_total{$scope}[5m]))) / sum by (service) (rate(discord_commands_total{$scope}[5m]))",
            of: "discord_commands_total{$scope}",
            empty: "no new command seen within 5 minutes",
        },
    ),
];
