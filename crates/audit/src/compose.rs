//! A service's block in a Compose file, as far as a waiver needs it: by its indentation.
//!
//! No YAML is read here: that is for whoever resolves the file. A service written in flow style
//! (`{…}` on one line) is not found; its findings then have no line.

use crate::finding::Finding;
use crate::rule;
use crate::waiver;

/// The lines of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Of its name.
    pub line: u32,
    /// The last one.
    pub end: u32,
}

impl Block {
    /// The block of this service below `services:`.
    pub fn find(text: &str, service: &str) -> Option<Self> {
        let lines = || {
            (1_u32..)
                .zip(text.lines())
                .filter(|(_, line)| is_content(line))
        };
        let (services, _) = lines().find(|(_, line)| key(line) == Some((0, "services")))?;
        let below = lines()
            .skip_while(|(number, _)| *number <= services)
            .take_while(|(_, line)| indentation(line) > 0);
        let names = below.clone().next().map(|(_, line)| indentation(line))?;
        let mut blocks = below.skip_while(|(_, line)| key(line) != Some((names, service)));
        let (line, _) = blocks.next()?;
        let end = blocks
            .take_while(|(_, line)| indentation(line) > names)
            .last()
            .map_or(line, |(number, _)| number);
        Some(Self { line, end })
    }
}

fn is_content(line: &str) -> bool {
    let trimmed = line.trim();
    !trimmed.is_empty() && !trimmed.starts_with('#')
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Indentation and name of `name:`.
fn key(line: &str) -> Option<(usize, &str)> {
    let (name, _) = line.trim_start().split_once(':')?;
    Some((indentation(line), name.trim_end().trim_matches(['"', '\''])))
}

/// The rules that comments of a block waive, and what is wrong with such comments.
pub fn waivers(file: &str, text: &str, block: Block) -> (Vec<&'static str>, Vec<Finding>) {
    let mut rules = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in (1_u32..).zip(text.lines()) {
        if !(block.line..=block.end).contains(&number) {
            continue;
        }
        let Some((_, comment)) = line.split_once('#') else {
            continue;
        };
        match waiver::read(file, number, comment.trim()) {
            Some(Ok(rule)) if rule.subject() == "container" => rules.push(rule.id),
            Some(Ok(rule)) => {
                let message = format!("`{}` cannot be waived in a Compose file", rule.id);
                let finding = Finding::new(&rule::WAIVER, file, number, message);
                wrong.push(finding.fix("waive it in the Dockerfile"));
            }
            Some(Err(finding)) => wrong.push(finding),
            None => {}
        }
    }
    (rules, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
name: shop
services:
  # mainstay: allow container/privileged stands above every service
  app:
    image: app:1

    privileged: true  # mainstay: allow container/privileged it mounts disks
    volumes:
      - data:/data
  \"db\":
    image: postgres:16
    # mainstay: allow container/writable-root
    # mainstay: allow dockerfile/sudo why not
volumes:
  app: {}
";

    #[test]
    fn a_block_ends_where_the_next_service_begins() {
        let app = Block::find(FILE, "app").expect("app");
        assert_eq!((app.line, app.end), (4, 9));
        assert_eq!(Block::find(FILE, "db").map(|block| block.line), Some(10));
        assert_eq!(Block::find(FILE, "data"), None);
        assert_eq!(Block::find("services: {app: {}}", "app"), None);
    }

    #[test]
    fn a_waiver_belongs_to_its_service_and_needs_a_reason() {
        let app = Block::find(FILE, "app").expect("app");
        assert_eq!(
            waivers("f", FILE, app),
            (vec!["container/privileged"], Vec::new())
        );
        let mut db = Block::find(FILE, "db").expect("db");
        db.end = 13;
        let (rules, wrong) = waivers("f", FILE, db);
        assert_eq!(rules, [""; 0]);
        let lines: Vec<u32> = wrong.iter().map(|finding| finding.place.line).collect();
        assert_eq!(lines, [12, 13]);
    }
}
