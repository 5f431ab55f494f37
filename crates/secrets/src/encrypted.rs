//! The encrypted file of secrets in a repository: a JSON object of texts, in age's armored form.
//!
//! Beside `secrets.production.age` stands `secrets.production.age.recipients`: one `age1…` a line,
//! as `age -R` takes it. So `age -d` shows the file, and `age -R … -a` writes one, without us.
//!
//! A change is made under a lock of the directory, from what the file holds then, and comes as a
//! whole or not at all. Nothing is ever on disk in clear, also not for a moment.

use crate::age::{self, AgeError, Identity, Recipient};
use mainstay_model::Secret;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Somebody else may be changing the file.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// Secrets by name.
pub type Values = BTreeMap<String, Secret<String>>;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EncryptedError {
    #[error("`{}` is not there", .0.display())]
    NotFound(PathBuf),
    #[error("cannot {what} `{}`: {error}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    #[error("`{}` does not open: {error}", path.display())]
    Age { path: PathBuf, error: AgeError },
    #[error("`{}` is no JSON object of texts", .0.display())]
    Content(PathBuf),
    #[error("`{}`, line {line}: {error}", path.display())]
    Recipients {
        path: PathBuf,
        line: usize,
        error: age::KeyError,
    },
    #[error("`{}` names no recipient", .0.display())]
    NoRecipient(PathBuf),
    #[error("somebody else is changing `{}`", .0.display())]
    Locked(PathBuf),
}

/// One such file.
#[derive(Debug, Clone)]
pub struct EncryptedFile {
    path: PathBuf,
}

impl EncryptedFile {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Beside it, who can open it.
    pub fn recipients_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".recipients");
        name.into()
    }

    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// What stands in it.
    pub fn read(&self, identities: &[Identity]) -> Result<Values, EncryptedError> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|file| {
                file.take(age::LIMIT_FILE_BYTES as u64 + 1)
                    .read_to_end(&mut bytes)
            })
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => EncryptedError::NotFound(self.path.clone()),
                _ => self.failed("read", error),
            })?;
        let plain = age::decrypt(identities, &bytes).map_err(|error| self.closed(error))?;
        // What the parser says could quote a value.
        serde_json::from_slice(plain.expose())
            .map_err(|_| EncryptedError::Content(self.path.clone()))
    }

    /// Who can open it, as the file beside it says. Empty where there is none.
    pub fn recipients(&self) -> Result<Vec<Recipient>, EncryptedError> {
        let path = self.recipients_path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                return Err(EncryptedError::File {
                    what: "read",
                    path,
                    error,
                });
            }
        };
        age::recipients(&text).map_err(|(line, error)| EncryptedError::Recipients {
            path,
            line,
            error,
        })
    }

    /// Changes the values; where the file is not there yet it begins with none.
    pub fn change<T>(
        &self,
        identities: &[Identity],
        change: impl FnOnce(&mut Values) -> T,
    ) -> Result<T, EncryptedError> {
        let _lock = self.lock()?;
        let mut values = self.present(identities)?;
        let answer = change(&mut values);
        let recipients = self.recipients()?;
        self.write(&recipients, &values)?;
        Ok(answer)
    }

    /// Changes who can open the file, and encrypts it anew for exactly these. What somebody has
    /// read before they have: only new values take it away from them.
    pub fn change_recipients(
        &self,
        identities: &[Identity],
        change: impl FnOnce(&mut Vec<Recipient>),
    ) -> Result<Vec<Recipient>, EncryptedError> {
        let _lock = self.lock()?;
        let values = self.present(identities)?;
        let mut recipients = self.recipients()?;
        let before = recipients.clone();
        change(&mut recipients);
        if recipients.is_empty() {
            return Err(EncryptedError::NoRecipient(self.recipients_path()));
        }
        let removed: Vec<_> = before
            .iter()
            .filter(|old| !recipients.contains(old))
            .collect();
        let added: Vec<_> = recipients
            .iter()
            .filter(|new| !before.contains(new))
            .collect();
        let path = self.recipients_path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let gone = |line: &&str| !removed.iter().any(|old| line.trim() == old.to_string());
        let mut lines: Vec<String> = text.lines().filter(gone).map(str::to_owned).collect();
        lines.extend(added.iter().map(ToString::to_string));
        // First the file: whoever is named beside it can open it.
        if self.exists() {
            self.write(&recipients, &values)?;
        }
        replace(&path, (lines.join("\n") + "\n").as_bytes()).map_err(|error| {
            EncryptedError::File {
                what: "write",
                path,
                error,
            }
        })?;
        Ok(recipients)
    }

    fn present(&self, identities: &[Identity]) -> Result<Values, EncryptedError> {
        match self.read(identities) {
            Err(EncryptedError::NotFound(_)) => Ok(Values::new()),
            other => other,
        }
    }

    fn write(&self, recipients: &[Recipient], values: &Values) -> Result<(), EncryptedError> {
        if recipients.is_empty() {
            return Err(EncryptedError::NoRecipient(self.recipients_path()));
        }
        let mut plain = serde_json::to_vec_pretty(values)
            .map_err(|_| EncryptedError::Content(self.path.clone()))?;
        plain.push(b'\n');
        let file = age::encrypt(recipients, &plain).map_err(|error| self.closed(error))?;
        replace(&self.path, file.as_bytes()).map_err(|error| self.failed("write", error))
    }

    /// Of the directory, so that no lock file lies about in the repository; it goes with the
    /// process.
    fn lock(&self) -> Result<File, EncryptedError> {
        let directory = parent(&self.path);
        let file = File::open(directory).map_err(|error| self.failed("lock", error))?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() > deadline {
                return Err(EncryptedError::Locked(self.path.clone()));
            }
            std::thread::sleep(LOCK_LOOK);
        }
        Ok(file)
    }

    fn failed(&self, what: &'static str, error: io::Error) -> EncryptedError {
        EncryptedError::File {
            what,
            path: self.path.clone(),
            error,
        }
    }

    fn closed(&self, error: AgeError) -> EncryptedError {
        EncryptedError::Age {
            path: self.path.clone(),
            error,
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whole or not at all, and on disk when this returns.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let mut file = File::create(&beside)?;
    if let Ok(found) = path.metadata() {
        file.set_permissions(found.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(parent(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(file: &EncryptedFile, identity: &Identity, name: &str, value: &str) {
        let value = Secret::new(value.to_owned());
        file.change(std::slice::from_ref(identity), |values| {
            values.insert(name.to_owned(), value);
        })
        .unwrap();
    }

    #[test]
    fn a_value_comes_back_and_stands_nowhere_in_clear() {
        let place = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(place.path().join("secrets.dev.age"));
        let identity = Identity::generate().unwrap();
        let none = file.change(&[], |_| ()).unwrap_err();
        assert!(matches!(none, EncryptedError::NoRecipient(_)), "{none}");
        std::fs::write(file.recipients_path(), "# us\n").unwrap();
        file.change_recipients(&[], |all| all.push(identity.recipient()))
            .unwrap();
        set(&file, &identity, "a", "hunter2");
        set(&file, &identity, "b", "line\nline");
        let values = file.read(std::slice::from_ref(&identity)).unwrap();
        assert_eq!(values["a"].expose(), "hunter2");
        assert_eq!(values["b"].expose(), "line\nline");
        for entry in std::fs::read_dir(place.path()).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains("hunter2"));
        }
        let recipients = std::fs::read_to_string(file.recipients_path()).unwrap();
        assert!(recipients.starts_with("# us\nage1"), "{recipients}");
    }

    #[test]
    fn a_recipient_is_added_and_taken_away() {
        let place = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(place.path().join("s.age"));
        let (ours, theirs) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        file.change_recipients(&[], |all| all.push(ours.recipient()))
            .unwrap();
        set(&file, &ours, "a", "1");
        let theirs = [theirs];
        assert!(file.read(&theirs).is_err());
        let ours = [ours];
        file.change_recipients(&ours, |all| all.push(theirs[0].recipient()))
            .unwrap();
        assert_eq!(file.read(&theirs).unwrap()["a"].expose(), "1");
        let away = ours[0].recipient();
        file.change_recipients(&theirs, |all| all.retain(|one| *one != away))
            .unwrap();
        assert!(file.read(&ours).is_err());
        let last = file.change_recipients(&theirs, Vec::clear);
        assert!(matches!(last, Err(EncryptedError::NoRecipient(_))));
        assert_eq!(file.recipients().unwrap(), [theirs[0].recipient()]);
    }

    #[test]
    fn changes_at_the_same_time_lose_nothing() {
        let place = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(place.path().join("s.age"));
        let identity = Identity::generate().unwrap();
        file.change_recipients(&[], |all| all.push(identity.recipient()))
            .unwrap();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (file, identity) = (&file, &identity);
                scope.spawn(move || set(file, identity, &format!("n{number}"), "x"));
            }
        });
        assert_eq!(file.read(&[identity]).unwrap().len(), 8);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_its_content() {
        let place = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(place.path().join("s.age"));
        let identity = Identity::generate().unwrap();
        let gone = file.read(&[]).unwrap_err().to_string();
        assert!(
            gone.contains("s.age") && gone.contains("not there"),
            "{gone}"
        );
        let list = age::encrypt(&[identity.recipient()], b"[\"hunter2\"]").unwrap();
        std::fs::write(file.path(), list).unwrap();
        let error = file.read(&[identity]).unwrap_err().to_string();
        assert!(
            error.contains("no JSON object") && !error.contains("hunter2"),
            "{error}"
        );
        std::fs::write(file.recipients_path(), "age1\n").unwrap();
        let error = file.recipients().unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}
