//! The fuzz target's corpus, replayed.

use std::path::Path;

use mainstay_series::Labels;
use mainstay_targets::{Configuration, Group, read_groups, targets};

#[test]
fn files_are_read_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/scrape_config");
    for entry in std::fs::read_dir(folder).expect("a corpus").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("an input");
        let (config, problems) = Configuration::read(&text, Path::new("/p/p.yml"), "p.yml");
        let mut groups = read_groups(&text, "t.yml").unwrap_or_default();
        groups.push(Group::of_addresses("", Labels::empty(), ["a:1"]));
        let active = |job| targets(job, &groups).active.len();
        let active: usize = config.jobs.iter().map(active).sum();
        match entry.file_name().to_string_lossy().as_ref() {
            "jobs" => assert_eq!((problems.is_empty(), active), (true, 1)),
            "groups" => assert_eq!((problems.has_errors(), groups.len()), (true, 2)),
            "wrong_everywhere" => assert!(problems.len() > 3, "{problems}"),
            _ => {}
        }
    }
}
