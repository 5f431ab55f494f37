//! How the image starts, and how it is seen to work.

use super::Audit;
use crate::dockerfile::{Instruction, Keyword};
use crate::rule;

pub(super) fn judge(audit: &mut Audit<'_>) {
    health(audit);
    shell_form(audit);
    only_last(audit);
}

fn health(audit: &mut Audit<'_>) {
    let checks = audit.in_image(Keyword::Healthcheck);
    for check in audit.all(Keyword::Healthcheck) {
        for command in check.commands() {
            if ["curl", "wget"].contains(&command.program()) {
                let message = format!("the health check calls `{}`", command.program());
                audit.found(&rule::HEALTHCHECK_TOOL, command.line, message);
            }
        }
    }
    if audit.around.has_health_check {
        return;
    }
    match checks.last() {
        Some(last) if is_none(last) => {
            audit.found(
                &rule::HEALTHCHECK_MISSING,
                last.line,
                "the health check is turned off",
            );
        }
        Some(_) => {}
        None => {
            if let Some(stage) = audit.lineage.first().copied() {
                audit.found(
                    &rule::HEALTHCHECK_MISSING,
                    stage.line(),
                    "the final stage has no HEALTHCHECK",
                );
            }
        }
    }
}

fn is_none(check: &Instruction) -> bool {
    check.text.text.trim().eq_ignore_ascii_case("NONE")
}

fn shell_form(audit: &mut Audit<'_>) {
    for keyword in [Keyword::Entrypoint, Keyword::Cmd] {
        let Some(last) = audit.in_image(keyword).last().copied() else {
            continue;
        };
        let replaced =
            keyword == Keyword::Entrypoint && last.text.text.trim_start().starts_with("exec ");
        if last.json.is_none() && !replaced {
            let message = format!("`{}` is in the shell form", keyword.word());
            audit.found(&rule::SHELL_FORM, last.line, message);
        }
    }
}

fn only_last(audit: &mut Audit<'_>) {
    let file = audit.file;
    for stage in &file.stages {
        for keyword in [Keyword::Cmd, Keyword::Entrypoint, Keyword::Healthcheck] {
            let all: Vec<_> = stage.all(keyword).collect();
            if let [earlier @ .., last] = all.as_slice() {
                for one in earlier {
                    let message = format!(
                        "`{}` is replaced by the one in line {}",
                        keyword.word(),
                        last.line
                    );
                    audit.found(&rule::ONLY_LAST, one.line, message);
                }
            }
        }
    }
}
