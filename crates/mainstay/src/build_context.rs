//! A build context on disk: walked with its `.dockerignore`, measured, and sent as a tar archive.
//!
//! The disk is read here only. What is in an archive does not depend on who made it: owners are
//! root, as in a build by Docker itself.

mod archive;
mod walk;

pub use archive::stream;
pub use walk::{Walked, walk};

use crate::failure::{Failure, Outcome};
use mainstay_audit::Finding;
use mainstay_audit::ignore::Ignore;
use mainstay_stack::{Build, Dockerfile};
use std::path::{Path, PathBuf};

/// Of a Dockerfile or an ignore file.
const LIMIT_TEXT: u64 = 1 << 20;

/// Name of a Dockerfile that does not stand in its context.
pub const OWN_DOCKERFILE: &str = ".mainstay.Dockerfile";

/// Everything that a build sends, and what was seen on the way.
#[derive(Debug)]
pub struct BuildContext {
    pub directory: PathBuf,
    /// As the user would type it.
    pub dockerfile_shown: String,
    pub dockerfile_text: String,
    /// Path of the Dockerfile within the archive.
    pub dockerfile: String,
    pub walked: Walked,
    pub has_ignore_file: bool,
    /// About patterns of the ignore file.
    pub findings: Vec<Finding>,
}

/// Reads the Dockerfile and the ignore file, and walks the directory.
pub fn read(build: &Build) -> Outcome<BuildContext> {
    let directory = &build.context;
    if !directory.is_dir() {
        return Err(Failure::input(format!(
            "the build context `{}` is no directory",
            shown(directory)
        ))
        .hint("mend `build: context`"));
    }
    let (dockerfile_shown, dockerfile_text, inside) = match &build.dockerfile {
        Dockerfile::File(path) => {
            let text = text(path).map_err(|error| {
                Failure::input(format!("cannot read `{}`", shown(path)))
                    .because(&error)
                    .hint("write it, or mend `build: dockerfile`")
            })?;
            let inside = path.strip_prefix(directory).ok().map(slashed);
            (shown(path), text, inside)
        }
        Dockerfile::Inline(text) => ("dockerfile_inline".to_owned(), text.clone(), None),
    };
    let (ignore, findings, has_ignore_file) = ignore(build, directory);
    let always: Vec<&str> = inside
        .iter()
        .map(String::as_str)
        .chain([".dockerignore"])
        .collect();
    let walked = walk(directory, &ignore, &always)?;
    Ok(BuildContext {
        directory: directory.clone(),
        dockerfile_shown,
        dockerfile: inside.unwrap_or_else(|| OWN_DOCKERFILE.to_owned()),
        dockerfile_text,
        walked,
        has_ignore_file,
        findings,
    })
}

impl BuildContext {
    /// The Dockerfile has to be put into the archive beside the files.
    pub fn brings_dockerfile(&self) -> bool {
        self.dockerfile == OWN_DOCKERFILE
    }
}

/// `NAME.Dockerfile.dockerignore` stands before `.dockerignore`.
fn ignore(build: &Build, directory: &Path) -> (Ignore, Vec<Finding>, bool) {
    let mut places = Vec::new();
    if let Dockerfile::File(path) = &build.dockerfile {
        let mut own = path.clone().into_os_string();
        own.push(".dockerignore");
        places.push(PathBuf::from(own));
    }
    places.push(directory.join(".dockerignore"));
    for place in places {
        if let Ok(text) = text(&place) {
            let (ignore, findings) = Ignore::parse(&shown(&place), &text);
            return (ignore, findings, true);
        }
    }
    (Ignore::default(), Vec::new(), false)
}

fn text(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LIMIT_TEXT + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT_TEXT {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// As the user would type it from here.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir()
        .and_then(|here| here.canonicalize())
        .unwrap_or_default();
    match path.strip_prefix(&here) {
        Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
        Ok(rest) => rest.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// With `/` between its parts.
fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}
