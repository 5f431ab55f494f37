//! The section `secrets` of mainstay.yaml, with what the environment says over it.

use super::fields::SOURCE;
use super::rules::{self, Format, Rules};
use super::source::{Part, Source};
use super::template::Template;
use crate::decode::{number, text};
use crate::grammar::{Merge, Shape};
use crate::interpolate::{Lookup, Variables};
use crate::merge::merge;
use crate::source::At;
use crate::tree::{Entry, Kind, Node};
use mainstay_model::{EnvironmentName, Problem, Problems, Secret};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Fields that every source knows.
const OF_ALL: [&str; 6] = [
    "from",
    "min_length",
    "max_length",
    "format",
    "pattern",
    "example",
];

/// One secret as mainstay.yaml has it.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) source: Source,
    pub(crate) rules: Rules,
    pub(crate) at: At,
}

/// What reading needs beside the section.
pub(crate) struct Surroundings<'a> {
    pub(crate) environment: &'a EnvironmentName,
    pub(crate) variables: &'a Variables,
    /// Of `.env.example`: what everybody can read, and must not be used.
    pub(crate) examples: &'a BTreeMap<String, String>,
}

/// All secrets of the section. `over` is `environments.NAME.secrets`.
pub(crate) fn section(
    tree: Option<&Node>,
    over: Option<&Node>,
    around: &Surroundings<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, Definition> {
    let mut all = BTreeMap::new();
    for entry in joined(tree, over) {
        if !is_name(&entry.key) {
            let shown = crate::check::shown(&entry.key);
            let problem =
                Problem::error("mainstay/name", format!("`{shown}` is no name of a secret"));
            problems.push(
                problem
                    .at(entry.at.place())
                    .hint("letters, digits, `_`, `-` and `.`, at most 64, a letter or digit first"),
            );
            continue;
        }
        let mut reader = Reader {
            entry: &entry,
            around,
            problems,
        };
        let (source, rules) = (reader.source(), reader.rules());
        if let Some(source) = source {
            let at = entry.at.clone();
            all.insert(entry.key, Definition { source, rules, at });
        }
    }
    all
}

/// A name that can be a file's and a key's.
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// The entries, with those of the environment laid over them. One that says where a secret comes
/// from takes nothing of the other source over, but keeps the rules.
fn joined(tree: Option<&Node>, over: Option<&Node>) -> Vec<Entry> {
    let entries = |node: Option<&Node>| node.map(Node::entries).unwrap_or_default().to_vec();
    let mut all = entries(tree);
    for mut entry in entries(over) {
        let Some(index) = all.iter().position(|old| old.key == entry.key) else {
            all.push(entry);
            continue;
        };
        let old = all.remove(index);
        let mut base = old.value;
        if entry.value.get("from").is_some()
            && let Kind::Map(fields) = &mut base.kind
        {
            fields.retain(|field| OF_ALL.contains(&field.key.as_str()));
        }
        let shape = Shape::Section(&SOURCE);
        let place = entry.value.at.clone();
        if let Some(value) = merge(base, entry.value, &shape, Merge::Natural) {
            entry.value = value;
            entry.value.at = place;
            all.insert(index, entry);
        }
    }
    all
}

/// Reads one secret.
struct Reader<'a> {
    entry: &'a Entry,
    around: &'a Surroundings<'a>,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    /// `None` where the problem was told.
    fn source(&mut self) -> Option<Source> {
        let from = self.from();
        self.refuse_others(&from);
        Some(match from.as_str() {
            "file" => Source::File {
                path: self.path("path", "such as `path: /run/keys/openai`")?,
                part: self.part()?,
            },
            "age" => Source::Age {
                file: self.encrypted_file(),
                key: self.text("key").unwrap_or_else(|| self.entry.key.clone()),
            },
            "aws" => Source::Aws {
                secret: self.needed("secret", "its name or ARN in Secrets Manager")?,
                version: self.text("version"),
                region: self.text("region"),
                endpoint: self.text("endpoint"),
                part: self.part()?,
            },
            "vault" => Source::Vault {
                path: self.needed("path", "such as `path: kv/data/shop`")?,
                version: self.text("version"),
                address: self.text("address"),
                namespace: self.text("namespace"),
                part: self.part_of_many()?,
            },
            "template" => {
                let hint = "such as `template: \"redis://:{redis_password|urlencode}@cache\"`";
                self.needed("template", hint)?;
                match self.part()? {
                    Part::Template(template) => Source::Template(template),
                    Part::Whole | Part::Key(_) => return None,
                }
            }
            _ => {
                let variable = self.variable();
                let value = self.around.variables.get(&variable);
                Source::Environment {
                    value: value.map(|value| Secret::new(value.to_owned())),
                    variable,
                    part: self.part()?,
                }
            }
        })
    }

    fn from(&self) -> String {
        self.text("from")
            .unwrap_or_else(|| "environment".to_owned())
    }

    /// Says of fields that belong to another source that they do nothing.
    fn refuse_others(&mut self, from: &str) {
        let known: &[&str] = match from {
            "file" => &["path", "key", "template"],
            "age" => &["file", "key"],
            "aws" => &["secret", "version", "region", "endpoint", "key", "template"],
            "vault" => &["path", "version", "address", "namespace", "key", "template"],
            "template" => &["template"],
            _ => &["variable", "key", "template"],
        };
        for field in self.entry.value.entries() {
            let name = field.key.as_str();
            let own = name.starts_with("x-") || OF_ALL.contains(&name) || known.contains(&name);
            if !own && !field.value.is_null() {
                let message = format!("`{name}` says nothing for a secret `from: {from}`");
                let hint = format!("it knows {}", crate::check::list(known));
                self.complain(&field.at, message, &hint);
            }
        }
    }

    fn text(&self, field: &str) -> Option<String> {
        text(&self.entry.value, field).filter(|text| !text.is_empty())
    }

    fn needed(&mut self, field: &str, hint: &str) -> Option<String> {
        let text = self.text(field);
        if text.is_none() {
            let message = format!("secret `{}` needs `{field}`", self.entry.key);
            self.complain(&self.entry.at.clone(), message, hint);
        }
        text
    }

    fn path(&mut self, field: &str, hint: &str) -> Option<PathBuf> {
        let text = self.needed(field, hint)?;
        let node = self.entry.value.get(field)?;
        Some(node.at.path(&text))
    }

    fn encrypted_file(&self) -> PathBuf {
        if let Some(node) = self.entry.value.get("file") {
            return node.at.path(node.as_text().unwrap_or_default());
        }
        let name = format!("secrets.{}.age", self.around.environment);
        self.entry.at.path(&name)
    }

    fn variable(&self) -> String {
        let fit = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        };
        self.text("variable")
            .unwrap_or_else(|| self.entry.key.chars().map(fit).collect())
    }

    fn part(&mut self) -> Option<Part> {
        let (key, template) = (self.text("key"), self.text("template"));
        let Some(template) = template else {
            return Some(key.map_or(Part::Whole, Part::Key));
        };
        let at = self.entry.value.get("template")?.at.clone();
        if key.is_some() {
            let message = format!("secret `{}` has both `key` and `template`", self.entry.key);
            self.complain(&at, message, "take one out");
        }
        match Template::parse(&template) {
            Ok(template) => Some(Part::Template(template)),
            Err(error) => {
                let hint = "such as `postgresql://{username}:{password|urlencode}@{host}/{dbname}`";
                self.complain(&at, error.to_string(), hint);
                None
            }
        }
    }

    /// Vault always answers several keys.
    fn part_of_many(&mut self) -> Option<Part> {
        match self.part()? {
            Part::Whole => {
                self.needed(
                    "key",
                    "Vault answers several keys: say which, or write a `template`",
                )?;
                None
            }
            part => Some(part),
        }
    }

    fn rules(&mut self) -> Rules {
        let node = &self.entry.value;
        let mut rules = Rules {
            min_length: number(node, "min_length"),
            max_length: number(node, "max_length"),
            format: self
                .text("format")
                .and_then(|word| Format::ALL.into_iter().find(|format| format.word() == word)),
            pattern: None,
            example: self.text("example").or_else(|| self.shown_example()),
        };
        if let (Some(least), Some(most)) = (rules.min_length, rules.max_length)
            && least > most
        {
            let message = format!("`min_length` {least} is above `max_length` {most}");
            self.complain(&self.entry.at.clone(), message, "turn them round");
        }
        if let Some(text) = self.text("pattern") {
            match rules::pattern(&text) {
                Ok(pattern) => rules.pattern = Some(pattern),
                Err(error) => {
                    let at = node
                        .get("pattern")
                        .map_or(&self.entry.at, |node| &node.at)
                        .clone();
                    let message = format!("`pattern` is no regular expression: {error}");
                    self.complain(&at, message, "such as `^sk-[a-z0-9]+`");
                }
            }
        }
        rules
    }

    /// What `.env.example` shows for the variable.
    fn shown_example(&self) -> Option<String> {
        if self.from() != "environment" {
            return None;
        }
        let example = self.around.examples.get(&self.variable())?;
        Some(example.clone()).filter(|text| !text.is_empty())
    }

    fn complain(&mut self, at: &At, message: String, hint: &str) {
        let problem = Problem::error("mainstay/value", message).at(at.place());
        self.problems.push(problem.hint(hint));
    }
}
