//! `cargo xtask guides`: what the guides hold, so that the pages about them can be kept complete.
//!
//! An index names each heading, and each code block by a hash and the command it begins with; the
//! guide's text itself is not in it. `docs/guides/index/NAME.txt` is one line an entry, in the
//! guide's order: `## Heading`, or `HASH COMMAND`. That every entry has its row on the page is
//! `tests/tidy`'s to check.

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const FOLDER: &str = "docs/guides/index";

/// Of a command line, which is what a block is recognised by; the rest is the guide's.
const MAX_WORDS: usize = 3;

#[derive(Debug, Subcommand)]
pub(crate) enum Guides {
    /// Write the indexes anew, from the folder of the guides
    Index(Options),
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder of the guides
    folder: PathBuf,
    /// Write nothing; fail where an index is not up to date
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(guides: &Guides) -> anyhow::Result<ExitCode> {
    let Guides::Index(options) = guides;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut stale = Vec::new();
    let mut seen = 0;
    for path in guide_files(&options.folder)? {
        seen += 1;
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default();
        let target = root.join(FOLDER).join(name).with_extension("txt");
        let new = index(&text);
        if std::fs::read_to_string(&target).is_ok_and(|old| old == new) {
            continue;
        }
        if options.check {
            stale.push(name.to_string_lossy().into_owned());
        } else {
            std::fs::create_dir_all(root.join(FOLDER))?;
            std::fs::write(&target, new)?;
        }
    }
    if !stale.is_empty() {
        bail!(
            "not up to date: {}\n  hint: cargo xtask guides index {}",
            stale.join(", "),
            options.folder.display()
        );
    }
    println!("{seen} guides");
    Ok(ExitCode::SUCCESS)
}

fn guide_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    Ok(files)
}

/// The entries of a guide, one a line.
fn index(guide: &str) -> String {
    let mut index = String::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if text.starts_with("```") {
            let block: Vec<&str> = lines
                .by_ref()
                .map(str::trim)
                .take_while(|line| *line != "```")
                .collect();
            let hash = fnv(block.join("\n").as_bytes());
            let _ = writeln!(index, "{:08x} {}", hash >> 32, command(&block));
        } else if line.starts_with('#') {
            index += text;
            index += "\n";
        }
    }
    index
}

/// The first words of the first line that is no comment.
fn command(block: &[&str]) -> String {
    let is_comment = |line: &str| {
        line.is_empty() || line.starts_with(['#', '"']) || line.starts_with("--") || line == "["
    };
    let first = block.iter().find(|line| !is_comment(line));
    // A picture has no command.
    let first = first.filter(|line| line.is_ascii());
    let words = first.copied().unwrap_or("-").split_whitespace();
    let words: Vec<_> = words.take(MAX_WORDS).collect();
    // A bar would end the cell of a table.
    words.join(" ").replace('|', "").trim().to_owned()
}

/// FNV-1a, 64 bits: to notice a change, not to withstand anybody.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_blocks_are_found_and_what_is_inside_of_a_block_is_not() {
        let guide = "# Guide\ntext\n1. one:\n   ```bash\n   # a comment\n   kubectl get pods -n x\n   ```\n## Two\n```\n```\n";
        let index = index(guide);
        let lines: Vec<_> = index.lines().collect();
        assert_eq!(lines.len(), 4, "{index}");
        assert_eq!((lines[0], lines[2]), ("# Guide", "## Two"));
        assert!(lines[1].ends_with(" kubectl get pods"), "{index}");
        assert!(lines[3].ends_with(" -"), "{index}");
        assert_eq!(lines[1].split(' ').next().map(str::len), Some(8));
    }
}
