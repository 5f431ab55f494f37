//! What containers use, and what the databases in them say, told by itself.

use super::{IMAGE, OPERATION, TARGET, Yard};
use crate::metrics::value;

#[test]
fn containers_are_told_under_the_names_of_cadvisor() {
    let Some(yard) = Yard::new("containers_are_told_under_the_names_of_cadvisor") else {
        return;
    };
    let site = &yard.site;
    let server = "metrics: {interval: 1s, prometheus: prometheus.yml}\n";
    site.write(".mainstay/server.yaml", server);
    // As somebody's file that was there before Mainstay finds the same containers.
    let jobs = format!(
        "scrape_configs:
- job_name: engine
  scrape_interval: 1s
  docker_sd_configs:
  - {{host: 'unix://{}', refresh_interval: 1s, port: 8000, filters: [{{name: name, values: [{}-dev-app-r1-1]}}]}}
  relabel_configs:
  - {{source_labels: [__meta_docker_container_name], target_label: container}}
",
        yard.socket.display(),
        yard.stack
    );
    site.write(".mainstay/prometheus.yml", &jobs);
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
        format!(
            "up{{job=\"engine\", container=\"/{}-dev-app-r1-1\"}} == 1",
            yard.stack
        ),
    ] {
        site.eventually(&expression, || value(site, &expression).is_some());
    }
    yard.end();
}
