//! What is put into the image from outside.

use super::Audit;
use crate::dockerfile::{Instruction, Keyword, Stage};
use crate::{rule, secrecy};

const ARCHIVES: [&str; 9] = [
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".gz",
];

pub(super) fn judge(audit: &mut Audit<'_>) {
    for add in audit.all(Keyword::Add) {
        addresses(audit, add);
    }
    for copy in audit
        .all(Keyword::Copy)
        .into_iter()
        .chain(audit.all(Keyword::Add))
    {
        if copy.flag("from").is_none() {
            whole_directory(audit, copy);
            secret_files(audit, copy);
        }
        destination(audit, copy);
    }
    let file = audit.file;
    for stage in &file.stages {
        relative(audit, stage);
    }
}

fn sources(instruction: &Instruction) -> impl Iterator<Item = &str> {
    let count = instruction.words.len().saturating_sub(1);
    instruction.words[..count]
        .iter()
        .map(|word| word.text.as_str())
        .filter(|word| !word.starts_with("<<"))
}

fn is_address(source: &str) -> bool {
    ["http://", "https://", "ftp://", "git://", "git@"]
        .iter()
        .any(|scheme| source.starts_with(scheme))
}

fn addresses(audit: &mut Audit<'_>, add: &Instruction) {
    for source in sources(add) {
        if is_address(source) {
            if add.flag("checksum").is_none() {
                let shown = source.split(['?', '@']).next().unwrap_or(source);
                let message = format!("`{shown}` is added without a checksum");
                audit.found(&rule::ADD_URL, add.line, message);
            }
        } else if !ARCHIVES.iter().any(|end| source.ends_with(end)) && !source.contains(['*', '$'])
        {
            let message = format!("`{source}` is added where it could be copied");
            audit.found(&rule::ADD_FOR_COPY, add.line, message);
        }
    }
}

fn whole_directory(audit: &mut Audit<'_>, copy: &Instruction) {
    if audit.around.has_ignore_file != Some(false) {
        return;
    }
    if let Some(source) = sources(copy).find(|source| matches!(*source, "." | "./" | "/" | "*")) {
        let message = format!("`{source}` is copied, and there is no .dockerignore");
        audit.found(&rule::COPY_ALL, copy.line, message);
    }
}

fn secret_files(audit: &mut Audit<'_>, copy: &Instruction) {
    for source in sources(copy).filter(|source| secrecy::file(source)) {
        let message = format!("`{source}` looks like a file of secrets");
        audit.found(&rule::SECRET_COPIED, copy.line, message);
    }
}

fn destination(audit: &mut Audit<'_>, copy: &Instruction) {
    let Some((last, sources)) = copy.words.split_last() else {
        return;
    };
    if sources.is_empty() {
        let message = format!("`{}` has no destination", copy.keyword.word());
        audit.found_with(
            &rule::SYNTAX,
            copy.line,
            message,
            "write what to copy, and where to",
        );
    } else if sources.len() > 1
        && last.known
        && !last.text.ends_with('/')
        && !matches!(last.text.as_str(), "." | "..")
    {
        let message = format!("{} files are copied to `{}`", sources.len(), last.text);
        audit.found(&rule::COPY_DESTINATION, copy.line, message);
    }
}

fn relative(audit: &mut Audit<'_>, stage: &Stage) {
    // A stage that is made from another one has its directory.
    let mut known = matches!(stage.base, crate::dockerfile::Base::Stage(_));
    for instruction in &stage.instructions {
        match instruction.keyword {
            Keyword::Workdir => known = true,
            Keyword::Copy | Keyword::Add if !known => {
                if let Some(last) = instruction.words.last()
                    && last.known
                    && !last.text.starts_with(['/', '\\'])
                    && !last.text.contains(":\\")
                {
                    let message = format!("`{}` depends on the base image's directory", last.text);
                    audit.found(&rule::COPY_RELATIVE, instruction.line, message);
                }
            }
            _ => {}
        }
    }
}
