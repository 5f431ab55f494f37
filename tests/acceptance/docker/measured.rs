//! What containers use, and what the databases in them say, told by itself.

use super::{IMAGE, OPERATION, TARGET, Yard};
use crate::metrics::value;

#[test]
fn containers_are_told_under_the_names_of_cadvisor() {
    let Some(yard) = Yard::new("containers_are_told_under_the_names_of_cadvisor") else {
        return;
    };
    let site = &yard.site;
    site.write(".mainstay/server.yaml", "metrics: {interval: 1s}\n");
    // An image of one's own says nothing of what is in it.
    let metrics = "metrics: {db: {exporter: postgres}, cache: {exporter: redis}}\n";
    site.write("mainstay.yaml", &format!("{TARGET}{OPERATION}{metrics}"));
    site.up();
    let name = format!("name=\"{}-dev-db-r1-1\"", yard.stack);
    for expression in [
        format!("container_memory_usage_bytes{{{name}, image=\"{IMAGE}\", service=\"db\"}} > 1e6"),
        format!("container_cpu_usage_seconds_total{{{name}, id=~\".+\"}} > 0"),
        format!("container_network_receive_bytes_total{{{name}}} >= 0"),
        format!("container_processes{{{name}}} > 1"),
        "pg_up{instance=\"db-r1-1\"} == 1".to_owned(),
        "sum(pg_stat_database_numbackends) > 0".to_owned(),
        "redis_up{instance=\"cache-r1-1\"} == 1".to_owned(),
        "probe_success{service=\"app\"} == 1".to_owned(),
    ] {
        site.eventually(&expression, || value(site, &expression).is_some());
    }
    yard.end();
}
