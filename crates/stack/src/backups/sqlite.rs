//! SQLite databases, by the variables that name them.

use super::discover::MOST_SOURCES;
use super::paths;
use crate::decode::Found;
use crate::resolved::TargetKind;
use std::path::Path;

/// Endings of files that are SQLite's and nobody else's; `db` needs a name that says so.
const ENDINGS: [&str; 2] = ["sqlite", "sqlite3"];
/// Parts of names of variables that hold the path of a database.
const NAMES: [&str; 7] = [
    "DATABASE_PATH",
    "DATABASE_FILE",
    "DB_PATH",
    "DB_FILE",
    "SQLITE_PATH",
    "SQLITE_FILE",
    "SQLITE_DATABASE",
];

/// A database that a service names, as it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) variable: String,
    /// Absolute where that can be known.
    pub(super) path: String,
}

/// The databases that the service's variables name, each once.
pub(super) fn named(found: &Found, target: TargetKind, directory: &Path) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    if found.engine.is_some() {
        return all;
    }
    for (variable, value) in &found.service.environment {
        let Some(written) = written(variable, value.text.expose()) else {
            continue;
        };
        let written = match written {
            Written::Path(path) => path,
            // Both readings are in use: SQLAlchemy's three slashes are relative, an URL's are absolute.
            Written::Either(path) => {
                let absolute = format!("/{path}");
                if paths::mount_of(&found.service, &absolute).is_some() {
                    absolute
                } else {
                    path
                }
            }
        };
        let path = paths::absolute(&found.service, &written, target, directory);
        if all.len() <= MOST_SOURCES && all.iter().all(|named| named.path != path) {
            let variable = variable.clone();
            all.push(Named { variable, path });
        }
    }
    all
}

/// A path as it is written.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Path(String),
    /// Relative, or absolute with a slash before it.
    Either(String),
}

fn written(variable: &str, value: &str) -> Option<Written> {
    let value = value.trim();
    if value.is_empty() || value.contains(char::is_whitespace) || value.contains(":memory:") {
        return None;
    }
    if let Some((scheme, rest)) = value.split_once(':') {
        let base = scheme.split('+').next().unwrap_or_default();
        let is_file = base == "file" && is_database_name(variable);
        if ["sqlite", "sqlite3"].contains(&base) || is_file {
            return of_url(rest);
        }
        return None;
    }
    let ending = Path::new(value).extension().unwrap_or_default();
    let ending = ending.to_string_lossy();
    let name = variable.to_ascii_uppercase();
    let by_ending = ENDINGS.contains(&ending.as_ref())
        || (ending == "db" && !name.contains("HOST") && is_database_name(&name));
    let by_name = NAMES.iter().any(|known| name.ends_with(known)) && !value.ends_with('/');
    (by_ending || by_name).then(|| Written::Path(value.to_owned()))
}

fn is_database_name(variable: &str) -> bool {
    let name = variable.to_ascii_uppercase();
    ["DB", "DATABASE", "SQLITE", "PATH", "FILE"]
        .iter()
        .any(|part| name.contains(part))
}

/// What stands after the scheme.
fn of_url(rest: &str) -> Option<Written> {
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let written = if let Some(path) = path.strip_prefix("////") {
        Written::Path(format!("/{path}"))
    } else if let Some(path) = path.strip_prefix("///") {
        Written::Either(path.to_owned())
    } else if let Some(path) = path.strip_prefix("//") {
        Written::Path(path.to_owned())
    } else {
        Written::Path(path.to_owned())
    };
    let (Written::Path(path) | Written::Either(path)) = &written;
    (!path.trim_matches('/').is_empty()).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_its_url_its_ending_or_its_variable() {
        let path = |text: &str| Some(Written::Path(text.to_owned()));
        let either = |text: &str| Some(Written::Either(text.to_owned()));
        for (variable, value, is) in [
            ("DATABASE_URL", "sqlite:data.db", path("data.db")),
            ("DATABASE_URL", "sqlite://data.db?mode=rwc", path("data.db")),
            ("DATABASE_URL", "sqlite:////srv/a.db", path("/srv/a.db")),
            ("URL", "sqlite+aiosqlite:///./a.db", either("./a.db")),
            ("DATABASE_URL", "file:./dev.db", path("./dev.db")),
            ("DATABASE_PATH", "./data/store", path("./data/store")),
            ("CACHE", "/var/c.sqlite3", path("/var/c.sqlite3")),
            ("APP_DB", "data/app.db", path("data/app.db")),
            ("DB_HOST", "main.db", None),
            ("GREETING", "some.db", None),
            ("DATABASE_URL", "sqlite://:memory:", None),
            ("DATABASE_URL", "sqlite://", None),
            ("DATABASE_URL", "postgres://u@h/x.db", None),
            ("NOTE", "a b.sqlite", None),
        ] {
            assert_eq!(written(variable, value), is, "{variable}={value}");
        }
    }
}
