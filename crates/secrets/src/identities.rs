//! Which age identities the caller has.
//!
//! `MAINSTAY_AGE_KEY` holds one itself, for continuous integration; `MAINSTAY_AGE_KEY_FILE` names a
//! file; else the file of this user. A file that others can read is refused, as ssh does.

use crate::age::{Identity, identities};
use crate::fetch::Stores;
use mainstay_model::Secret;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub const KEY: &str = "MAINSTAY_AGE_KEY";
pub const KEY_FILE: &str = "MAINSTAY_AGE_KEY_FILE";

/// More than any file of identities.
const LIMIT_BYTES: u64 = 64 * 1024;

/// Why there is no identity to open files with.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("you have no age identity: `{}` is not there", .0.display())]
    None(PathBuf),
    #[error("the age identity in {place}: {problem}")]
    Wrong { place: String, problem: String },
    #[error("the age identity in `{}` can be read by others", .0.display())]
    Open(PathBuf),
    #[error("cannot read the age identity in `{}`: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
}

impl IdentityError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::None(_) => format!(
                "make one: mainstay secret keys create; or say where yours is: {KEY_FILE}=FILE"
            ),
            Self::Wrong { .. } => {
                "it is a line `AGE-SECRET-KEY-1…`, as `mainstay secret keys create` or `age-keygen` writes it".to_owned()
            }
            Self::Open(path) => format!("take that away: chmod 600 {}", path.display()),
            Self::Read { .. } => format!("say where it is: {KEY_FILE}=FILE"),
        }
    }
}

/// All identities of the caller.
pub fn load(stores: &Stores) -> Result<Vec<Identity>, IdentityError> {
    if let Some(text) = stores.variable(KEY) {
        return parse(text, &format!("the variable {KEY}"));
    }
    let path = file(stores);
    let text = read(&path)?;
    parse(text.expose(), &format!("`{}`", path.display()))
}

/// Where the file of identities is, or would be.
pub fn file(stores: &Stores) -> PathBuf {
    match stores.variable(KEY_FILE) {
        Some(path) => PathBuf::from(path),
        None => stores.configuration.join("mainstay/age.key"),
    }
}

fn read(path: &Path) -> Result<Secret<String>, IdentityError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => IdentityError::None(path.to_owned()),
        _ => IdentityError::Read {
            path: path.to_owned(),
            error,
        },
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if found.is_file() && found.permissions().mode() & 0o077 != 0 {
        return Err(IdentityError::Open(path.to_owned()));
    }
    let mut text = String::new();
    file.take(LIMIT_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(Secret::new(text))
}

fn parse(text: &str, place: &str) -> Result<Vec<Identity>, IdentityError> {
    let wrong = |problem: String| IdentityError::Wrong {
        place: place.to_owned(),
        problem,
    };
    let found = identities(text).map_err(|(line, error)| wrong(format!("line {line}: {error}")))?;
    if found.is_empty() {
        return Err(wrong("there is none".to_owned()));
    }
    Ok(found)
}
