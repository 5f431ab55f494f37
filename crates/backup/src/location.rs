//! Where a repository is, and how it is opened. Holds secrets: it travels over our own pipes only.

use mainstay_model::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A repository and its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub store: StoreAt,
    /// What restic calls the password.
    pub key: Secret<String>,
    /// Of zstd, 1 to 22; 0: none. `None`: zstd's own default.
    pub compression: Option<i32>,
    /// Bytes per second to and from the store. `None`: as fast as it goes.
    pub bandwidth: Option<u64>,
}

/// Where its files lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreAt {
    Directory(PathBuf),
    S3(S3),
}

/// A bucket of S3, or of what speaks like it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3 {
    /// `https://s3.eu-central-1.amazonaws.com`
    pub endpoint: String,
    pub bucket: String,
    /// Of every object's name, without slashes at its ends; may be empty.
    pub prefix: String,
    pub region: String,
    pub access_key: Secret<String>,
    pub secret_key: Secret<String>,
    pub session_token: Option<Secret<String>>,
    /// `endpoint/bucket/…` in place of `bucket.endpoint/…`.
    pub path_style: bool,
}

/// As people say it, without a secret: a path, or `s3:ENDPOINT/BUCKET/PREFIX` as restic writes it.
impl fmt::Display for StoreAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::S3(s3) => {
                write!(f, "s3:{}/{}", s3.endpoint.trim_end_matches('/'), s3.bucket)?;
                if !s3.prefix.is_empty() {
                    write!(f, "/{}", s3.prefix)?;
                }
                Ok(())
            }
        }
    }
}
