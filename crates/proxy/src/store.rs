//! The last configuration on disk: `proxy/config.json`, described in `docs/formats/proxy-config.md`.

use crate::config::{Config, PROTOCOL_BEFORE};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const FORMAT: &str = "mainstay-proxy-config";
const MAJOR: u32 = 2;

/// Why the configuration could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "{path} is not a proxy configuration: {reason}\nhint: move it away; the control plane sends a new one"
    )]
    Form { path: PathBuf, reason: String },
    #[error(
        "{path} has version {found} and this program reads up to {MAJOR}.x\nhint: run the version of mainstay that wrote it, or a newer one"
    )]
    Newer { path: PathBuf, found: String },
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    version: String,
    config: &'a Config,
}

#[derive(Deserialize)]
struct Header {
    format: String,
    version: String,
}

#[derive(Deserialize)]
struct Body {
    config: Config,
}

/// What says nothing new is written as it was before, so that the version before can start on it.
fn version(config: &Config) -> &'static str {
    if config.least_protocol() == PROTOCOL_BEFORE {
        "1.0"
    } else {
        "2.0"
    }
}

/// The file of one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    path: PathBuf,
}

impl Store {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            path: directory.join("config.json"),
        }
    }

    /// The configuration written last; `None` before the first.
    pub(crate) fn load(&self) -> Result<Option<Config>, StoreError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = self.path.clone();
                return Err(StoreError::Read { path, source });
            }
        };
        // The header first: what a newer version wrote may look different below it.
        let header: Header = serde_json::from_slice(&text).map_err(|error| self.form(&error))?;
        if header.format != FORMAT {
            return Err(self.form(&format!("its format is `{}`", header.format)));
        }
        let major = header.version.split('.').next().unwrap_or_default();
        match major.parse::<u32>() {
            Ok(major) if major <= MAJOR => {}
            Ok(_) => {
                return Err(StoreError::Newer {
                    path: self.path.clone(),
                    found: header.version,
                });
            }
            Err(_) => return Err(self.form(&format!("its version is `{}`", header.version))),
        }
        let body: Body = serde_json::from_slice(&text).map_err(|error| self.form(&error))?;
        Ok(Some(body.config))
    }

    /// On disk, as a whole, when this returns: a new file, synced, renamed over the old one.
    pub(crate) fn save(&self, config: &Config) -> Result<(), StoreError> {
        self.write(config).map_err(|source| StoreError::Write {
            path: self.path.clone(),
            source,
        })
    }

    fn write(&self, config: &Config) -> io::Result<()> {
        let written = Written {
            format: FORMAT,
            version: version(config).to_owned(),
            config,
        };
        let text = serde_json::to_vec_pretty(&written)?;
        let next = self.path.with_extension("json.next");
        let mut file = File::create(&next)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&next, &self.path)?;
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    fn form(&self, reason: &dyn std::fmt::Display) -> StoreError {
        StoreError::Form {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}
