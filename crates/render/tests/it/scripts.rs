//! The scripts, judged by shellcheck, and that each is what it says.

use crate::support::{example, write};
use mainstay_render::{Target, render};
use std::process::Command;

#[test]
fn shellcheck_has_nothing_to_say() {
    let directory = tempfile::tempdir().expect("a directory");
    let rendering = render(Target::Scripts, &example("deep-echo"));
    write(&rendering, directory.path());
    let mut command = Command::new("shellcheck");
    command.args(["--shell=sh", "--enable=quote-safe-variables"]);
    for (name, file) in &rendering.files {
        assert!(file.executable, "{name}");
        assert!(file.text.starts_with("#!/bin/sh\n# Written by"), "{name}");
        command.arg(directory.path().join(name));
    }
    let Ok(output) = command.output() else {
        eprintln!("skipped for want of shellcheck: shellcheck_has_nothing_to_say");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
