//! The reference page of the rules, made from their table.

use crate::finding::Severity;
use crate::rule::{Rule, rules};
use std::fmt::Write as _;

const HEAD: &str = "# Audit rules

<!-- Made from crates/audit/src/rule; write it anew with
     `SNAPSHOTS=overwrite cargo test -p mainstay-audit reference`. -->

What `mainstay image check` looks at. A finding names its rule, the file and line, and the way out; `--fail-on` says from which
severity on the exit code is 1 (default: high).

";

const WAIVERS: &str = "## Waivers

A comment above an instruction of a Dockerfile, or within it, waives one rule there. It needs a reason:

```dockerfile
# mainstay: allow dockerfile/root-user the entry point drops to uid 10001 by itself
USER root
```

Rules about the image and the build context are waived by a comment anywhere in the Dockerfile. Rules about containers are
waived by a comment in the service's block of the Compose file:

```yaml
services:
  metrics:
    # mainstay: allow container/host-namespace it measures the host's network
    network_mode: host
```

A waiver that names no rule, has no reason, or hides nothing is itself a finding (`dockerfile/waiver`).

## What is not looked at

Versions of Debian and Alpine packages are not asked to be pinned: a distribution deletes old ones, and the build then fails on
an unchanged commit; pin the base image by digest instead. Shell scripts are cut into commands and not analysed further; use
ShellCheck for that. Known vulnerabilities of packages are not looked up here.
";

const SUBJECTS: [(&str, &str); 4] = [
    ("dockerfile", "Dockerfiles"),
    ("context", "Build contexts"),
    ("image", "Images"),
    ("container", "Containers"),
];

/// `docs/reference/audit-rules.md`
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    for (subject, title) in SUBJECTS {
        let _ = writeln!(
            out,
            "## {title}\n\n| rule | severity | asks that | otherwise | fix |\n|---|---|---|---|---|"
        );
        for rule in rules().filter(|rule| rule.subject() == subject) {
            out.push_str(&row(rule));
        }
        out.push('\n');
    }
    out.push_str(WAIVERS);
    out.push_str("\n## Coming from hadolint\n\n| hadolint | here |\n|---|---|\n");
    let mut codes: Vec<(&str, &str)> = rules()
        .flat_map(|rule| rule.hadolint.iter().map(move |code| (*code, rule.id)))
        .collect();
    codes.sort_unstable();
    for (code, id) in codes {
        let _ = writeln!(out, "| {code} | `{id}` |");
    }
    out
}

fn row(rule: &Rule) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let severity = match rule.severity {
        Severity::High | Severity::Critical => format!("**{}**", rule.severity),
        other => other.to_string(),
    };
    format!(
        "| `{}` | {severity} | {} | {} | {} |\n",
        rule.id,
        cell(rule.title),
        cell(rule.why),
        cell(rule.fix)
    )
}
