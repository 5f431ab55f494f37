//! What [`resolve`](crate::resolve) is asked, what it may look at, and what it answers.

use crate::policy::{Monitoring, Policy};
use crate::resolved::{Stack, TargetKind};
use crate::secrets::SecretRequest;
use mainstay_model::{EnvironmentName, Place, Problems, Secret, StackName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Gives contents and existence of files; this crate opens none itself.
pub trait Loader {
    /// The text of the file at this absolute path. Read at most [`LIMIT_FILE_BYTES`] and answer
    /// [`LoadError::TooLarge`] beyond.
    ///
    /// [`LIMIT_FILE_BYTES`]: crate::LIMIT_FILE_BYTES
    fn read(&self, path: &Path) -> Result<String, LoadError>;

    /// Whether there is a file at this absolute path.
    fn exists(&self, path: &Path) -> bool;
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("no such file")]
    NotFound,
    #[error("larger than 1 MiB")]
    TooLarge,
    #[error("not UTF-8 text")]
    NotText,
    #[error("{0}")]
    Other(String),
}

/// Files in memory, by absolute path: for tests, and for what was uploaded.
#[derive(Debug, Clone, Default)]
pub struct MemoryLoader {
    pub files: BTreeMap<PathBuf, String>,
}

impl MemoryLoader {
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }
}

impl Loader for MemoryLoader {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        self.files.get(path).cloned().ok_or(LoadError::NotFound)
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }
}

/// What to resolve.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Absolute: the project's directory, where the default file names are looked for.
    pub directory: PathBuf,
    /// Wins over what the files call the stack.
    pub stack: Option<StackName>,
    /// `-f`: in the order of merging, relative to `directory`. Empty: the default names.
    pub compose_files: Vec<PathBuf>,
    /// Relative to `directory`. `None`: `mainstay.yaml` where it exists.
    pub mainstay_file: Option<PathBuf>,
    /// `None`: `dev`.
    pub environment: Option<String>,
    /// Active profiles, beside those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// Of the calling process; they win over `.env`.
    pub variables: BTreeMap<String, String>,
    /// `--set`: `PATH=VALUE`.
    pub sets: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Resolution {
    /// There when no problem is an error.
    pub stack: Option<Stack>,
    /// The environment that was asked for, where it is known.
    pub environment: Option<Environment>,
    /// Every secret that is defined, by name; see [`Resolution::supply`].
    pub secrets: Vec<SecretRequest>,
    /// What is set of the variables that stores of secrets are reached by (`AWS_…`, `VAULT_…`).
    pub store_variables: BTreeMap<String, Secret<String>>,
    /// By file, line and column.
    pub problems: Problems,
    /// Every file that was read, in that order.
    pub files: Vec<PathBuf>,
}

/// What `mainstay.yaml` says of the environment beside the stack itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub name: EnvironmentName,
    pub purpose: Purpose,
    /// `None`: what the services are decides; known of the environment that was asked for.
    pub target: Option<TargetKind>,
    pub monitoring: Monitoring,
    pub policy: Policy,
    /// Files laid over the base, as they are written.
    pub overlays: Vec<PathBuf>,
    pub env_files: Vec<PathBuf>,
    /// Where it stands in mainstay.yaml; `None`: `dev`, which need not stand there.
    pub place: Option<Place>,
    /// Where the control plane listens, where it is not this machine's.
    pub server: Option<String>,
}

/// What an environment is for; sets the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Short waits: seconds where the others take minutes.
    #[default]
    Development,
    Staging,
    Production,
    /// Stands by to take over from production.
    Recovery,
}

impl Purpose {
    pub const WORDS: [&'static str; 4] = ["development", "staging", "production", "recovery"];

    pub const fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Where the ten steps are the default, and each of them is required.
    pub const fn is_guarded(self) -> bool {
        matches!(self, Self::Production | Self::Recovery)
    }
}
