//! What is asked: PromQL that finds what it is for, and the thresholds of the rule packs.

use super::{plan, scope};
use crate::{Limits, Plan, checks, profiles, queries};
use mainstay_model::Problems;
use mainstay_promql::Query as Expression;
use mainstay_yaml::source::Source;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[test]
fn every_query_is_promql_and_has_its_pair() {
    for profile in profiles() {
        let plan = Plan::new(profile);
        let asked = queries(&plan, &scope());
        assert_eq!(asked.len(), 2 * plan.checks().count(), "{}", profile.name);
        for query in &asked {
            let parsed = Expression::parse(&query.expression);
            assert!(parsed.is_ok(), "{}: {}: {parsed:?}", profile.name, query.id);
            assert!(!query.expression.contains('$'), "{}", query.expression);
        }
        for (check, limits) in plan.checks() {
            assert!(limits.warning.or(limits.critical).is_some(), "{}", check.id);
        }
    }
}

#[test]
fn every_name_of_a_profile_is_a_check_and_every_check_leads_to_a_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for check in checks() {
        assert!(root.join(check.runbook).is_file(), "{}", check.runbook);
        let (area, _) = check.id.split_once('.').unwrap();
        assert_eq!(area, check.area.to_string().to_lowercase(), "{}", check.id);
    }
    for profile in profiles() {
        for name in profile.names() {
            assert!(crate::check(name).is_some(), "{}: {name}", profile.name);
        }
    }
}

/// `kpi` of a rule pack, and the check of the same.
const KPIS: [(&str, &str); 10] = [
    ("latency_p95_seconds", "api.response"),
    ("latency_mean_seconds", "api.average"),
    ("error_ratio", "api.errors"),
    ("cpu_ratio", "system.cpu"),
    ("memory_ratio", "system.memory"),
    ("disk_ratio", "system.disk"),
    ("database_connections_ratio", "database.connections"),
    ("database_query_seconds", "database.query"),
    ("cache_hit_ratio", "cache.hits"),
    ("queue_items", "jobs.queue"),
];

#[test]
fn the_profiles_have_the_thresholds_of_the_rule_packs() {
    let mut compared = 0;
    for name in ["whisper-transcriber", "deep-echo", "whisperengine"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../rules/{name}/recording.yaml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let mut problems = Problems::default();
        let documents = mainstay_yaml::parse(&text, &Arc::new(Source::named(name)), &mut problems);
        let groups = documents[0].get("groups").unwrap().items();
        let limits: BTreeMap<&str, Limits> = plan(name)
            .checks()
            .map(|(check, limits)| (check.id, limits))
            .collect();
        for rule in groups
            .iter()
            .flat_map(|group| group.get("rules").unwrap().items())
        {
            let word = |key: &str| {
                rule.get("labels")
                    .and_then(|labels| labels.get(key)?.as_text())
            };
            let (Some(level), Some(kpi)) = (word("level"), word("kpi")) else {
                continue;
            };
            let Some((_, check)) = KPIS.iter().find(|(known, _)| *known == kpi) else {
                continue;
            };
            let expression = rule.get("expr").unwrap().as_text().unwrap();
            let value = expression
                .trim_start_matches("vector(")
                .trim_end_matches(')');
            let limits = limits[check];
            let ours = match level {
                "target" => limits.target,
                "warning" => limits.warning,
                _ => limits.critical,
            };
            assert_eq!(ours, Some(value.parse().unwrap()), "{name}: {kpi}, {level}");
            compared += 1;
        }
    }
    assert_eq!(compared, 37);
}

const FOUND: [(&str, &str, &str, &str); 16] = [
    // Without a failure there is no series of failures, and the share is none.
    (
        "default",
        "api.errors",
        r#"mainstay_proxy_requests_total{S,service="app",code="200"} 0+60x10"#,
        r#"{service="app"} 0"#,
    ),
    (
        "default",
        "api.errors",
        r#"mainstay_proxy_requests_total{S,service="app",code="200"} 0+30x10
  mainstay_proxy_requests_total{S,service="app",code="502"} 0+30x10
  mainstay_proxy_requests_total{stack="other",environment="production",service="app",code="502"} 0+30x10"#,
        r#"{service="app"} 0.5"#,
    ),
    // Nobody asked: a share of nothing.
    (
        "default",
        "api.errors",
        r#"mainstay_proxy_requests_total{S,service="app",code="200"} 60+0x10"#,
        r#"{service="app"} NaN"#,
    ),
    (
        "default",
        "api.available",
        r#"up{S,service="app",instance="1"} 1+0x10
  up{S,service="app",instance="2"} 0+0x10"#,
        r#"{service="app"} 0.5"#,
    ),
    (
        "default",
        "database.reachable",
        r#"dependency_up{S,dependency="database",instance="1"} 1+0x10
  dependency_up{S,dependency="database",instance="2"} 0+0x10
  dependency_up{S,dependency="redis",instance="1"} 0+0x10"#,
        "{} 0.5",
    ),
    // An exporter that knows nothing of stacks.
    (
        "default",
        "database.reachable",
        r#"pg_up{instance="db:5432"} 0+0x10
  pg_up{stack="other",environment="production"} 1+0x10"#,
        "{} 0",
    ),
    (
        "default",
        "database.connections",
        "pg_stat_activity_count{state=\"active\"} 45+0x10\n  pg_stat_activity_count{state=\"idle\"} 45+0x10\n  pg_settings_max_connections 100+0x10",
        "{} 0.9",
    ),
    (
        "default",
        "database.deadlocks",
        "pg_stat_database_deadlocks{datname=\"a\"} 0+0x10",
        "{} 0",
    ),
    // A cache without a limit.
    (
        "default",
        "cache.memory",
        "redis_memory_used_bytes 100+0x10\n  redis_memory_max_bytes 0+0x10",
        "",
    ),
    (
        "default",
        "cache.memory",
        "redis_memory_used_bytes 90+0x10\n  redis_memory_max_bytes 100+0x10",
        "{} 0.9",
    ),
    (
        "whisperengine",
        "cache.hits",
        r#"cache_requests_total{S,result="miss"} 0+60x10"#,
        "{} 0",
    ),
    (
        "default",
        "system.disk",
        r#"node_filesystem_avail_bytes{job="node",instance="h",mountpoint="/",fstype="ext4"} 5+0x10
  node_filesystem_size_bytes{job="node",instance="h",mountpoint="/",fstype="ext4"} 20+0x10
  node_filesystem_readonly{job="node",instance="h",mountpoint="/",fstype="ext4"} 0+0x10
  node_filesystem_avail_bytes{job="node",instance="h",mountpoint="/iso",fstype="ext4"} 0+0x10
  node_filesystem_size_bytes{job="node",instance="h",mountpoint="/iso",fstype="ext4"} 20+0x10
  node_filesystem_readonly{job="node",instance="h",mountpoint="/iso",fstype="ext4"} 1+0x10"#,
        r#"{instance="h",mountpoint="/"} 0.75"#,
    ),
    (
        "default",
        "system.cpu",
        r#"node_cpu_seconds_total{job="node",instance="h",cpu="0",mode="idle"} 0+6x10
  node_cpu_seconds_total{job="node",instance="h",cpu="1",mode="idle"} 0+18x10"#,
        r#"{instance="h"} 0.8"#,
    ),
    (
        "default",
        "system.network",
        r#"node_network_receive_errs_total{job="node",instance="h",device="eth0"} 0+1x10
  node_network_transmit_errs_total{job="node",instance="h",device="eth0"} 0+0x10
  node_network_receive_packets_total{job="node",instance="h",device="eth0"} 0+10x10
  node_network_transmit_packets_total{job="node",instance="h",device="eth0"} 0+10x10"#,
        r#"{instance="h"} 0.05"#,
    ),
    (
        "default",
        "jobs.queue",
        r#"transcription_queue_size{S,instance="1"} 600+0x10
  transcription_queue_size{S,instance="2"} 600+0x10"#,
        "{} 600",
    ),
    (
        "deep-echo",
        "api.average",
        r#"flask_http_request_duration_seconds_sum{S,service="main-app",path="/api/echo"} 0+6x10
  flask_http_request_duration_seconds_count{S,service="main-app",path="/api/echo"} 0+60x10
  flask_http_request_duration_seconds_sum{S,service="main-app",path="/health"} 0+0x10
  flask_http_request_duration_seconds_count{S,service="main-app",path="/health"} 0+600x10"#,
        r#"{service="main-app"} 0.1"#,
    ),
];

/// What a check's query finds after ten minutes of these series.
#[test]
fn the_queries_find_what_they_are_for() {
    let shop = r#"stack="shop",environment="production""#;
    for (profile, check, series, found) in FOUND {
        let asked = queries(&plan(profile), &scope());
        let query = asked.iter().find(|query| query.id == check).unwrap();
        let series = series.replace("S,", &format!("{shop},"));
        let script = format!(
            "load 1m\n  {series}\n\neval instant at 10m {}\n  {found}\n",
            query.expression
        );
        let report = mainstay_promql::promqltest::run(&script).unwrap();
        assert_eq!(
            report.counts(),
            (1, 0, 0),
            "{profile} {check}\n{:?}",
            report.cases
        );
    }
}
