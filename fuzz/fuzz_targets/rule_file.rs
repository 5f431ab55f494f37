//! Any text as a rule file and as a file of its tests: no panic, no endless work; what is read is
//! evaluated over a small store, and tests that end soon are run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_promql::promqltest::MemoryStorage;
use mainstay_promql::{Engine, Interrupt, Options};
use mainstay_rules::unit::TestFile;
use mainstay_rules::{Group, RuleFile, Settings, Watch, reload};
use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// So often a query may ask whether to go on.
const PATIENCE: u32 = 50;

static STORAGE: LazyLock<MemoryStorage> = LazyLock::new(|| {
    MemoryStorage::load("load 1m\n  up{job=\"a\"} 0 1 0 stale 1\n  x 0+1x9\n  ALERTS_FOR_STATE{alertname=\"A\"} 0x5")
        .expect("a script")
});

fuzz_target!(|text: &str| {
    let (tests, problems) = TestFile::read(text, Path::new("/p/tests.yml"), "tests.yml");
    let _ = problems.to_string();
    let (file, problems) = RuleFile::read(text, Path::new("/p/rules.yml"), "rules.yml");
    let _ = problems.to_string();
    if tests.evaluations() < 100 {
        let _ = tests.run(std::slice::from_ref(&file));
    }
    let settings = Arc::new(Settings {
        engine: Engine::new(Options {
            max_samples: 1_000,
            ..Options::default()
        }),
        ..Settings::default()
    });
    let asked = Cell::new(0);
    let check = || {
        asked.set(asked.get() + 1);
        if asked.get() > PATIENCE { Err(Interrupt::Timeout) } else { Ok(()) }
    };
    let watch = Watch { check: &check, ..Watch::default() };
    let groups = file.groups.iter().take(5);
    let mut groups: Vec<Group> = groups.map(|spec| Group::new(&file.name, spec, &settings)).collect();
    let fresh = groups.clone();
    for group in &mut groups {
        let _ = group.turn(0);
        for minute in 0..4 {
            asked.set(0);
            let evaluation = group.evaluate(&*STORAGE, minute * 60_000, &watch);
            for alert in evaluation.alerts() {
                assert!(alert.starts_at_ms <= minute * 60_000);
                assert!(alert.labels.get("alertname").is_some());
            }
        }
    }
    let _ = reload(groups, fresh, 240_000);
});
