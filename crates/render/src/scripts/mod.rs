//! Scripts under the names that people know, each verb a command of Mainstay.
//!
//! They hold no logic: a verb or a flag leads to the command, or to a clear *not yet*. What they are made of
//! lies beside this file.

use crate::output::Rendering;
use crate::project::Project;

/// One script: its name, and what stands below the functions that it calls.
const SCRIPTS: [(&str, &str); 15] = [
    ("backup-databases.sh", include_str!("backup-databases.sh")),
    ("backup.sh", include_str!("backup.sh")),
    ("backup_system.sh", include_str!("backup_system.sh")),
    ("bot.sh", include_str!("bot.sh")),
    ("build-and-deploy.sh", include_str!("build-and-deploy.sh")),
    ("chaos-engineering.sh", include_str!("chaos-engineering.sh")),
    ("deploy-enhanced.sh", include_str!("deploy-enhanced.sh")),
    ("devops.sh", include_str!("devops.sh")),
    ("disaster-recovery.sh", include_str!("disaster-recovery.sh")),
    ("full-backup.sh", include_str!("full-backup.sh")),
    ("health_monitor.sh", include_str!("health_monitor.sh")),
    ("manage-registry.sh", include_str!("manage-registry.sh")),
    (
        "run-performance-tests.sh",
        include_str!("run-performance-tests.sh"),
    ),
    ("run_load_test.sh", include_str!("run_load_test.sh")),
    (
        "zero-downtime-deploy.sh",
        include_str!("zero-downtime-deploy.sh"),
    ),
];

/// What any of them may call; one that is not called is left out.
const FUNCTIONS: [(&str, &str); 4] = [
    (
        "mainstay ",
        r#"# In the stack's directory: the nearest one above this script that has a compose file.
mainstay() {
    stack=$(cd "$(dirname "$0")" && until [ -f compose.yaml ] || [ -f docker-compose.yml ] || [ "$PWD" = / ]; do cd ..; done && pwd)
    exec "${MAINSTAY:-mainstay}" -C "$stack" "$@"
}
"#,
    ),
    (
        "anywhere ",
        r#"# Where there is no stack yet.
anywhere() {
    exec "${MAINSTAY:-mainstay}" "$@"
}
"#,
    ),
    (
        "not_yet ",
        r#"# 69: EX_UNAVAILABLE of sysexits.h.
not_yet() {
    printf '%s: not yet: %s\n' "$(basename "$0")" "$1" >&2
    exit 69
}
"#,
    ),
    (
        "usage ",
        r#"usage() {
    for line in "$@"; do printf 'usage: %s %s\n' "$(basename "$0")" "$line" >&2; done
    exit 2
}
"#,
    ),
];

pub(crate) fn write(_: &Project, out: &mut Rendering) {
    for (name, body) in SCRIPTS {
        let functions = FUNCTIONS.iter().filter(|(word, _)| calls(body, word));
        let functions: Vec<&str> = functions.flat_map(|(_, text)| ["\n", *text]).collect();
        let functions = functions.concat();
        out.script(name, &format!("\nset -eu\n{functions}\n{body}"));
    }
}

/// Whether a line of the script, or a branch on one, begins with the word.
fn calls(body: &str, word: &str) -> bool {
    let branch = format!(") {word}");
    let mut lines = body.lines();
    lines.any(|line| line.trim_start().starts_with(word) || line.contains(&branch))
}
