//! Which files a project consists of: default names, overrides, `.env`.
//!
//! Source: the Docker documentation, "Compose file", "Pre-defined environment variables".

use super::Reading;
use crate::dotenv::{self, Format};
use crate::interpolate::{Lookup, Variables};
use crate::request::Request;
use crate::source::{At, normal, shown};
use mainstay_model::Problem;
use std::path::{Path, PathBuf};

const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

/// The Compose files of the project in the order of merging, and where each is named. With
/// `overlays` (of the environment), the override file is left out: they take its place.
pub(crate) fn compose_files(
    reading: &mut Reading<'_>,
    request: &Request,
    variables: &Variables,
    overlays: Vec<(PathBuf, Option<At>)>,
) -> Vec<(PathBuf, Option<At>)> {
    let named = named(request, variables);
    let mut files: Vec<(PathBuf, Option<At>)> = if named.is_empty() {
        defaults(reading, &request.directory, overlays.is_empty())
    } else {
        named
            .iter()
            .map(|path| (normal(&request.directory.join(path)), None))
            .collect()
    };
    if !files.is_empty() {
        files.extend(overlays);
    }
    files
}

/// `-f`, else `COMPOSE_FILE`.
fn named(request: &Request, variables: &Variables) -> Vec<PathBuf> {
    if !request.compose_files.is_empty() {
        return request.compose_files.clone();
    }
    let separator = variables.get("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
    match variables.get("COMPOSE_FILE") {
        Some(list) if !separator.is_empty() => list
            .split(separator)
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect(),
        _ => Vec::new(),
    }
}

fn defaults(
    reading: &mut Reading<'_>,
    directory: &Path,
    with_override: bool,
) -> Vec<(PathBuf, Option<At>)> {
    let Some(base) = first(reading, directory, &NAMES) else {
        reading.problems.push(
            Problem::error(
                "compose/no-file",
                format!("no compose.yaml in {}", directory.display()),
            )
            .hint("name the stack's directory, or its files with `-f`"),
        );
        return Vec::new();
    };
    let mut files = vec![(base, None)];
    if with_override && let Some(path) = first(reading, directory, &OVERRIDES) {
        files.push((path, None));
    }
    files
}

/// The first of the names that exists; says so where there are more.
fn first(reading: &mut Reading<'_>, directory: &Path, names: &[&str]) -> Option<PathBuf> {
    let mut found = names
        .iter()
        .map(|name| normal(&directory.join(name)))
        .filter(|path| reading.loader.exists(path));
    let first = found.next()?;
    if let Some(other) = found.next() {
        let (first, other) = (shown(directory, &first), shown(directory, &other));
        reading.problems.push(
            Problem::warning(
                "compose/two-files",
                format!("both `{first}` and `{other}` are there: `{first}` is read"),
            )
            .hint("delete one of them, or name the files with `-f`"),
        );
    }
    Some(first)
}

/// The variables that values may name: the process's win over `.env` (or `COMPOSE_ENV_FILES`).
pub(crate) fn environment_files(reading: &mut Reading<'_>, request: &Request) -> Variables {
    let mut variables = Variables::default();
    variables.push(request.variables.clone());
    let listed = request.variables.get("COMPOSE_ENV_FILES");
    let paths: Vec<PathBuf> = match listed.filter(|list| !list.is_empty()) {
        Some(list) => list
            .split(',')
            .map(|name| normal(&request.directory.join(name)))
            .collect(),
        None => Some(normal(&request.directory.join(".env")))
            .filter(|path| reading.loader.exists(path))
            .into_iter()
            .collect(),
    };
    let mut layers = Vec::new();
    for path in paths {
        layers.extend(read(reading, &path, None, &variables));
    }
    // The later file wins over the earlier one, and all stand below the process's own.
    for layer in layers.into_iter().rev() {
        variables.push_under(layer);
    }
    variables
}

/// One file of variables as a layer.
pub(crate) fn read(
    reading: &mut Reading<'_>,
    path: &Path,
    named_at: Option<&At>,
    outside: &Variables,
) -> Option<std::collections::BTreeMap<String, String>> {
    let base = path.parent().unwrap_or(path).to_owned();
    let (text, source) = reading.load(path, &base, named_at)?;
    let parsed = dotenv::parse(
        &text,
        &source,
        Format::Compose,
        outside,
        &mut reading.problems,
    );
    Some(dotenv::layer(parsed))
}
