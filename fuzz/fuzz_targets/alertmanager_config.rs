//! Any text as Alertmanager's configuration, and as matchers: no panic, no endless work; what is printed of a
//! file that is taken is taken again and means the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_alert::config::Configuration;
use mainstay_alert::matcher::{Matchers, parse_matchers};
use mainstay_series::Labels;
use std::path::Path;

fuzz_target!(|text: &str| {
    let read = |text: &str| Configuration::read(text, Path::new("/p/alertmanager.yml"), "alertmanager.yml");
    let (config, problems) = read(text);
    let _ = problems.to_string();
    if let Some(config) = config {
        let (again, problems) = read(config.printed());
        let again = again.unwrap_or_else(|| panic!("{problems}\n{}", config.printed()));
        assert_eq!(again.route, config.route);
        assert_eq!(again.inhibit_rules, config.inhibit_rules);
        assert_eq!(again.time_intervals, config.time_intervals);
        let labels = Labels::from_pairs([("severity", "critical"), ("a", "b")]);
        assert!(!config.route.matching(&labels).is_empty());
    }
    if let Ok(matchers) = parse_matchers(text) {
        let matchers = Matchers::new(matchers);
        let again = Matchers::parse(&matchers.to_string());
        assert_eq!(again.as_ref(), Ok(&matchers));
    }
});
