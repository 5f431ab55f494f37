//! Where a secret comes from, as a question to whoever can fetch it.

use super::rules::Rules;
use super::template::Template;
use mainstay_model::{Place, Secret, ServiceName};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// A value that somebody has to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretRequest {
    pub name: String,
    pub source: Source,
    pub rules: Rules,
    /// Where the user says so.
    pub place: Place,
    /// The services that get it. Empty: it is only there for a template, or for later.
    pub users: BTreeSet<ServiceName>,
    /// Backups need it: to reach a repository, to open it, or to log in to a database.
    pub backups: bool,
}

impl SecretRequest {
    /// Whether a deploy needs its value.
    pub fn is_used(&self) -> bool {
        self.backups || !self.users.is_empty()
    }
}

/// Where a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Known at once: the variables were read with the files.
    Environment {
        variable: String,
        value: Option<Secret<String>>,
        part: Part,
    },
    File {
        path: PathBuf,
        part: Part,
    },
    /// A JSON object of texts, encrypted with age.
    Age {
        file: PathBuf,
        key: String,
    },
    Aws {
        secret: String,
        version: Option<String>,
        region: Option<String>,
        endpoint: Option<String>,
        part: Part,
    },
    Vault {
        path: String,
        version: Option<String>,
        address: Option<String>,
        namespace: Option<String>,
        part: Part,
    },
    /// Of other secrets; composed here.
    Template(Template),
}

/// What of the value is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// One key of a JSON object.
    Key(String),
    /// A text made of several.
    Template(Template),
}

impl Source {
    /// As `from` has it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Environment { .. } => "environment",
            Self::File { .. } => "file",
            Self::Age { .. } => "age",
            Self::Aws { .. } => "aws",
            Self::Vault { .. } => "vault",
            Self::Template(_) => "template",
        }
    }

    /// Whether fetching it asks another machine.
    pub const fn is_remote(&self) -> bool {
        matches!(self, Self::Aws { .. } | Self::Vault { .. })
    }

    pub(crate) const fn part(&self) -> Option<&Part> {
        match self {
            Self::Environment { part, .. }
            | Self::File { part, .. }
            | Self::Aws { part, .. }
            | Self::Vault { part, .. } => Some(part),
            Self::Age { .. } | Self::Template(_) => None,
        }
    }
}

impl fmt::Display for Source {
    /// `variable DATABASE_PASSWORD`, `vault kv/data/shop, key token`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { variable, .. } => write!(f, "variable {variable}")?,
            Self::File { path, .. } => write!(f, "file {}", path.display())?,
            Self::Age { file, key } => {
                let name = file.file_name().unwrap_or(file.as_os_str());
                write!(f, "age {}, key {key}", name.display())?;
            }
            Self::Aws { secret, .. } => write!(f, "aws {secret}")?,
            Self::Vault { path, .. } => write!(f, "vault {path}")?,
            Self::Template(template) => {
                let names: Vec<&str> = template.names().collect();
                write!(f, "made of {}", names.join(", "))?;
            }
        }
        match self.part() {
            Some(Part::Key(key)) => write!(f, ", key {key}"),
            Some(Part::Template(template)) => {
                let names: Vec<&str> = template.names().collect();
                write!(f, ", keys {}", names.join(", "))
            }
            Some(Part::Whole) | None => Ok(()),
        }
    }
}
