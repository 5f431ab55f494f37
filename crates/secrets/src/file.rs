//! A secret in a file of its own, byte for byte.

use mainstay_model::{Content, Problem, Problems, Secret};
use mainstay_stack::secrets::{LIMIT_CONTENT_BYTES, SecretRequest, Unavailable};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Reads it. One that others can read is warned about.
pub(crate) async fn read(
    request: &SecretRequest,
    path: &Path,
    warnings: &mut Problems,
) -> Result<Secret<Content>, Unavailable> {
    let owned = path.to_owned();
    let name = &request.name;
    let shown = path.display();
    // A pipe that nobody writes to waits; the caller's deadline leaves it behind.
    let read = tokio::task::spawn_blocking(move || contents(&owned)).await;
    let (content, mode) = read
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| unreadable(name, path, &error))?;
    if mode & 0o004 != 0 {
        let message = format!("secret `{name}`: everybody on this machine can read `{shown}`");
        let problem = Problem::warning("secret/readable", message).at(request.place.clone());
        warnings.push(problem.hint(format!("take that away: chmod o-r {shown}")));
    }
    Ok(Secret::new(content))
}

/// What stands in it, and its mode; never more than one byte above the limit.
fn contents(path: &PathBuf) -> io::Result<(Content, u32)> {
    let file = std::fs::File::open(path)?;
    let found = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(LIMIT_CONTENT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    let mode = if found.is_file() {
        found.permissions().mode()
    } else {
        0
    };
    Ok((Content::new(bytes), mode))
}

fn unreadable(name: &str, path: &Path, error: &io::Error) -> Unavailable {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Unavailable::missing(format!(
            "secret `{name}` needs the file `{shown}`, which is not there"
        ))
        .hint("write the secret into it, readable for you alone"),
        io::ErrorKind::PermissionDenied => Unavailable::unreachable(format!(
            "secret `{name}`: you may not read the file `{shown}`"
        ))
        .hint("let whoever deploys read it"),
        _ => Unavailable::unreachable(format!("secret `{name}`: cannot read `{shown}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Reach, Stores, fetch};
    use mainstay_model::Place;
    use mainstay_stack::secrets::{Part, Rules, SecretRequest, Source};
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn request(path: &Path) -> SecretRequest {
        SecretRequest {
            name: "key".to_owned(),
            source: Source::File {
                path: path.to_owned(),
                part: Part::Whole,
            },
            rules: Rules::default(),
            place: Place {
                file: "mainstay.yaml".to_owned(),
                line: 1,
                column: 1,
            },
            users: BTreeSet::new(),
            backups: false,
        }
    }

    #[tokio::test]
    async fn a_file_is_read_byte_for_byte_and_an_open_one_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        std::fs::write(&path, [0xff, b'\n']).unwrap();
        for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let fetched = fetch(&[&request(&path)], &Stores::default(), Reach::Here).await;
            let value = fetched.answers["key"].clone().unwrap();
            assert_eq!(value.expose().bytes(), [0xff, b'\n']);
            assert_eq!(fetched.warnings.len(), warnings, "{mode:o}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_said_with_its_name_and_path() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().join("gone"), directory.path().to_owned()] {
            let fetched = fetch(&[&request(&path)], &Stores::default(), Reach::Here).await;
            let error = fetched.answers["key"].clone().unwrap_err().to_string();
            let named = error.contains("`key`") && error.contains(&*path.to_string_lossy());
            assert!(named, "{error}");
        }
    }
}
