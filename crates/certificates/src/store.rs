//! `certificates/` in the data directory; described in `docs/formats/certificates.md`.
//!
//! Chain and key of a host stand in one file, so that they can only change together. Everything
//! here is 0600 in a directory that is 0700.

use crate::schedule::Trouble;
use mainstay_x509::{Facts, Pair, PairError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const ACCOUNT: &str = "mainstay-acme-account";
const STATE: &str = "mainstay-certificates-state";
const MAJOR: u32 = 1;
const VERSION: &str = "1.0";

/// Why something could not be kept or read. Nothing of a key is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is damaged: {reason}\nhint: move it away; it is made anew")]
    Form { path: PathBuf, reason: String },
    #[error(
        "{path} has version {found} and this program reads {MAJOR}.x\nhint: run the version of mainstay that wrote it, or a newer one"
    )]
    Newer { path: PathBuf, found: String },
    #[error("what the authority issued for {host} cannot be served: {source}")]
    Issued { host: String, source: PairError },
}

#[derive(Debug, Deserialize)]
struct Header {
    format: String,
    version: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept<T> {
    format: String,
    version: String,
    #[serde(flatten)]
    content: T,
}

/// An account at one authority; its key is in `credentials`.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptAccount {
    pub(crate) directory: String,
    pub(crate) credentials: instant_acme::AccountCredentials,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    troubles: BTreeMap<String, Trouble>,
}

#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Makes the directory where it is missing.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
        made.map_err(|source| StoreError::Write {
            path: root.to_owned(),
            source,
        })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// Where the chain and the key of a host are, if they are there.
    pub fn path(&self, host: &str) -> PathBuf {
        self.root.join(format!("{host}.pem"))
    }

    /// Those that something is kept for.
    pub fn hosts(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut hosts: Vec<String> = names
            .filter(|name| !name.ends_with(".proof.pem"))
            .filter_map(|name| name.strip_suffix(".pem").map(str::to_owned))
            .collect();
        hosts.sort();
        hosts
    }

    /// Where the certificate that proves a host is, while it is proven.
    pub(crate) fn proof_path(&self, host: &str) -> PathBuf {
        self.root.join(format!("{host}.proof.pem"))
    }

    /// What is kept for a host; `None`: nothing that could be served.
    pub fn certificate(&self, host: &str) -> Option<Facts> {
        let path = self.path(host);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a certificate is asked for again");
                return None;
            }
        };
        match Pair::read(&text, &text) {
            Ok(pair) if pair.facts.covers(host) => Some(pair.facts),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "a certificate is asked for again");
                None
            }
        }
    }

    /// Keeps what was issued, once it is seen that it can be served.
    pub(crate) fn keep(&self, host: &str, chain: &str, key: &str) -> Result<Facts, StoreError> {
        let text = format!("{}\n{}\n", key.trim_end(), chain.trim_end());
        let pair = Pair::read(text.as_bytes(), text.as_bytes());
        let facts = pair.map_err(|source| StoreError::Issued {
            host: host.to_owned(),
            source,
        })?;
        self.write(&self.path(host), text.as_bytes())?;
        Ok(facts.facts)
    }

    pub(crate) fn keep_proof(&self, host: &str, text: &str) -> Result<PathBuf, StoreError> {
        let path = self.proof_path(host);
        self.write(&path, text.as_bytes())?;
        Ok(path)
    }

    pub(crate) fn forget_proof(&self, host: &str) {
        let _ = fs::remove_file(self.proof_path(host));
    }

    pub(crate) fn account(&self) -> Result<Option<KeptAccount>, StoreError> {
        read(&self.root.join("account.json"), ACCOUNT)
    }

    pub(crate) fn keep_account(&self, account: KeptAccount) -> Result<(), StoreError> {
        self.write_json(&self.root.join("account.json"), ACCOUNT, account)
    }

    pub fn troubles(&self) -> Result<BTreeMap<String, Trouble>, StoreError> {
        let state: Option<State> = read(&self.root.join("state.json"), STATE)?;
        Ok(state.unwrap_or_default().troubles)
    }

    pub fn keep_troubles(&self, troubles: BTreeMap<String, Trouble>) -> Result<(), StoreError> {
        self.write_json(&self.root.join("state.json"), STATE, State { troubles })
    }

    fn write_json<T: Serialize>(
        &self,
        path: &Path,
        format: &str,
        content: T,
    ) -> Result<(), StoreError> {
        let kept = Kept {
            format: format.to_owned(),
            version: VERSION.to_owned(),
            content,
        };
        let text = serde_json::to_vec_pretty(&kept).map_err(|error| StoreError::Write {
            path: path.to_owned(),
            source: error.into(),
        })?;
        self.write(path, &text)
    }

    /// On disk, as a whole, when this returns.
    fn write(&self, path: &Path, text: &[u8]) -> Result<(), StoreError> {
        let write = || {
            let next = path.with_extension("next");
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&next)?;
            file.write_all(text)?;
            file.sync_all()?;
            fs::rename(&next, path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(|source| StoreError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

fn read<T: DeserializeOwned>(path: &Path, format: &str) -> Result<Option<T>, StoreError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.to_owned();
            return Err(StoreError::Read { path, source });
        }
    };
    let form = |reason: String| StoreError::Form {
        path: path.to_owned(),
        reason,
    };
    // The header first: what a newer version wrote may look different below it.
    let header: Header = serde_json::from_slice(&text).map_err(|error| form(error.to_string()))?;
    if header.format != format {
        return Err(form(format!("its format is `{}`", header.format)));
    }
    let major = header.version.split('.').next().unwrap_or_default();
    if major.parse::<u32>().map_or(true, |major| major > MAJOR) {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: header.version,
        });
    }
    // Without the values: a key is among them.
    let kept: Kept<T> =
        serde_json::from_slice(&text).map_err(|error| form(format!("line {}", error.line())))?;
    Ok(Some(kept.content))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::Timestamp;
    use std::os::unix::fs::PermissionsExt as _;

    fn made(host: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn what_is_kept_is_private_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("certificates")).unwrap();
        assert_eq!(store.certificate("a.test"), None);
        let (chain, key) = made("a.test");
        let facts = store.keep("a.test", &chain, &key).unwrap();
        assert_eq!(store.certificate("a.test"), Some(facts));
        assert_eq!(store.certificate("b.test"), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.path("a.test")), 0o600);
        assert_eq!(mode(&folder.path().join("certificates")), 0o700);
        // What could not be served is not kept in its place.
        let (_, foreign) = made("a.test");
        let error = store.keep("a.test", &chain, &foreign).unwrap_err();
        assert!(error.to_string().contains("does not belong"), "{error}");
        assert!(store.certificate("a.test").is_some());
        fs::write(store.path("a.test"), "damaged").unwrap();
        assert_eq!(store.certificate("a.test"), None);
    }

    #[test]
    fn troubles_are_kept_and_a_newer_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.troubles().unwrap().is_empty());
        let trouble = Trouble {
            failures: 2,
            reason: "no".to_owned(),
            since: Timestamp::from_millis(1000),
            next_try: Timestamp::from_millis(2000),
        };
        let troubles = BTreeMap::from([("a.test".to_owned(), trouble)]);
        store.keep_troubles(troubles.clone()).unwrap();
        assert_eq!(store.troubles().unwrap(), troubles);
        let path = folder.path().join("state.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"1.0\"", "\"2.0\"")).unwrap();
        let error = store.troubles().unwrap_err();
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    }
}
