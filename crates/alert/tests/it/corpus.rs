//! The fuzz target's corpus, replayed.

use std::path::Path;

use mainstay_alert::config::Configuration;
use mainstay_alert::matcher::{Matchers, parse_matchers};

#[test]
fn files_are_taken_again_as_they_are_printed_and_matchers_read_again() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/alertmanager_config");
    let mut taken = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let read = |text: &str| Configuration::read(text, Path::new("/p/a.yml"), "a.yml");
        let (config, problems) = read(&text);
        assert_ne!(
            config.is_some(),
            problems.has_errors(),
            "{:?}: {problems}",
            entry.path()
        );
        if let Some(config) = config {
            let (again, problems) = read(config.printed());
            let again = again.unwrap_or_else(|| panic!("{problems}\n{}", config.printed()));
            assert_eq!(again.route, config.route);
            assert_eq!(again.printed(), config.printed());
            taken += 1;
        }
        if let Ok(matchers) = parse_matchers(&text) {
            let matchers = Matchers::new(matchers);
            assert_eq!(Matchers::parse(&matchers.to_string()), Ok(matchers));
            taken += 1;
        }
    }
    assert!(taken >= 2);
}
