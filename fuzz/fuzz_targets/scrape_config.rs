//! Any text as a Prometheus configuration file, and as a file of targets: no panic, no endless work; and
//! what is read makes targets.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_series::Labels;
use mainstay_targets::{Configuration, Group, SampleLabels, read_groups, targets};
use std::path::Path;

fuzz_target!(|text: &str| {
    let (config, problems) = Configuration::read(text, Path::new("/p/prometheus.yml"), "prometheus.yml");
    let mut groups = read_groups(text, "targets.yml").unwrap_or_default();
    groups.push(Group::of_addresses("", Labels::empty(), ["a:1", "b"]));
    groups.truncate(50);
    for job in config.jobs.iter().take(20) {
        let found = targets(job, &groups);
        for target in found.active.iter().take(10) {
            assert!(!target.labels.iter().any(|(name, _)| name.starts_with("__")));
            let labels = SampleLabels::new(job, target.labels.clone());
            let _ = labels.of(&Labels::from_pairs([("__name__", "m"), ("job", "x")]), &[]);
        }
    }
    let _ = problems.to_string();
});
