//! Each guide's rule pack asks for what its own profile exposes, and not for another's.

use super::harness::Service;
use std::collections::BTreeSet;
use std::path::Path;

const PROFILES: [&str; 5] = [
    "deep-echo",
    "rag-admin",
    "whisper-transcriber",
    "whispercache",
    "whisperengine",
];

/// Born with the first event of their kind: a command, a proof, a lookup, a refusal.
const BORN_LATER: [&str; 7] = [
    "auth_failures_total",
    "cache_requests_total",
    "discord_command_duration_seconds_bucket",
    "discord_commands_total",
    "rate_limited_total",
    "whispercache_memory_operation_seconds_bucket",
    "whispercache_proof_seconds_bucket",
];

/// Not the service's: a scrape's own, Mainstay's, an exporter's.
const OF_OTHERS: [&str; 4] = [
    "up",
    "mainstay_instances",
    "mainstay_proxy_requests_total",
    "pg_up",
];

/// The metrics that a pack selects by its stack: the word before a brace with `stack="…"` in it.
fn selected(profile: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../rules")
        .join(profile);
    let mut names = BTreeSet::new();
    for file in ["alerts.yaml", "recording.yaml"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let inside = after.split('}').next().unwrap_or_default();
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let name = before
                .rsplit(|letter| !is_part(letter))
                .next()
                .unwrap_or_default();
            if inside.contains(&format!("stack=\"{profile}\"")) {
                names.insert(name.to_owned());
            }
            rest = after;
        }
    }
    names
}

#[test]
fn a_pack_asks_for_what_its_profile_exposes() {
    for profile in PROFILES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let service = Service::start(&[
            ("SAMPLE_PROFILE", profile),
            ("DATABASE_PATH", path.to_str().unwrap()),
            ("METRICS_PORT", "off"),
            ("ENVIRONMENT", "development"),
            ("ENV_MODE", "development"),
            ("NODE_ENV", "development"),
        ]);
        service.get("/status");
        let metrics = service.get("/metrics").text();
        let exposed: BTreeSet<&str> = metrics
            .lines()
            .filter_map(|line| line.split([' ', '{']).next())
            .collect();
        let asked = selected(profile);
        assert!(asked.len() >= 3, "{profile}: {asked:?}");
        for name in &asked {
            let name = name.as_str();
            assert!(
                exposed.contains(name) || BORN_LATER.contains(&name) || OF_OTHERS.contains(&name),
                "{profile}: {name} is not exposed\n{metrics}"
            );
        }
    }
}
