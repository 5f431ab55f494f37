//! Secrets that would stay in the image. A finding names the variable, never its value.

use super::Audit;
use crate::dockerfile::{Keyword, Pair};
use crate::{rule, secrecy};

pub(super) fn judge(audit: &mut Audit<'_>) {
    for keyword in [Keyword::Env, Keyword::Label] {
        for instruction in audit.all(keyword) {
            for pair in instruction.pairs() {
                stored(audit, keyword, &pair, instruction.line);
            }
        }
    }
    for instruction in audit.all(Keyword::Arg) {
        for pair in instruction.pairs() {
            argument(audit, &pair, instruction.line);
        }
    }
    for run in audit.all(Keyword::Run) {
        for command in run.commands() {
            let secret = command.words.iter().any(|word| {
                let value = word
                    .split_once('=')
                    .map_or(word.as_str(), |(_, value)| value);
                secrecy::value(value) || secrecy::value(word)
            });
            let exported = command.program() == "export"
                && command.arguments().iter().any(|word| {
                    word.split_once('=')
                        .is_some_and(|(name, value)| secrecy::name(name) && is_literal(value))
                });
            if secret || exported {
                let message = format!("a secret stands in the call of `{}`", command.program());
                audit.found(&rule::SECRET_IN_RUN, command.line, message);
            }
        }
    }
}

/// Quotes do not make it a value, and a variable or a substitution is none either.
fn is_literal(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    !value.is_empty() && !value.starts_with('$')
}

fn stored(audit: &mut Audit<'_>, keyword: Keyword, pair: &Pair, line: u32) {
    let value = pair
        .value
        .as_deref()
        .unwrap_or("")
        .trim_matches(['"', '\'']);
    if value.is_empty() {
        return;
    }
    let by_name = keyword == Keyword::Env && secrecy::name(&pair.name);
    if by_name && !is_literal(value) {
        let message = format!("`{}` takes a build argument into the image", pair.name);
        audit.found(&rule::SECRET_IN_ENV, line, message);
    } else if by_name || secrecy::value(value) {
        let message = format!("`{}` holds a secret", pair.name);
        audit.found(&rule::SECRET_IN_ENV, line, message);
    }
}

fn argument(audit: &mut Audit<'_>, pair: &Pair, line: u32) {
    let value = pair.value.as_deref().unwrap_or("");
    if secrecy::value(value.trim_matches(['"', '\''])) {
        let message = format!("the default of `{}` is a secret", pair.name);
        audit.found(&rule::SECRET_IN_ARG, line, message);
    } else if secrecy::name(&pair.name) {
        let message = format!("`{}` is a secret, and build arguments are kept", pair.name);
        audit.found(&rule::SECRET_IN_ARG, line, message);
    }
}
