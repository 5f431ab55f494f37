//! Any bytes as a Dockerfile and as `.dockerignore`: no panic, no endless work, no line that is not there.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mainstay_audit::ignore::Ignore;
use mainstay_audit::{Surroundings, dockerfile, dockerfile_findings, report, waived_for_image};

fuzz_target!(|text: &str| {
    let lines = text.lines().count() as u32;
    let file = dockerfile::parse("Dockerfile", text);
    let findings = dockerfile_findings(&file, &Surroundings::default());
    for finding in &findings {
        assert!(finding.place.line <= lines.max(1), "{finding}");
    }
    let _ = (report::sarif(&findings, "0"), report::markdown(&findings), waived_for_image(&file));
    let (ignore, _) = Ignore::parse(".dockerignore", text);
    for line in text.lines().take(16) {
        let _ = (ignore.ignores(line), ignore.may_keep_below(line));
    }
});
