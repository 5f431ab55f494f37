//! The stack's files: read, resolved, checked.
//!
//! The only user of `mainstay_stack`'s resolver here; it adds the disk and the process
//! environment, which that crate does not touch.

mod referenced;

use crate::arguments::{ReleaseOptions, StackArguments};
use crate::failure::{Failure, Outcome};
use crate::locate::Place;
use mainstay_model::{Place as Named, Problems, Scope, Secret, Severity};
use mainstay_secrets::{Reach, Stores, identities};
use mainstay_server::api::types::Files;
use mainstay_stack::{
    Environment, LIMIT_FILE_BYTES, LoadError, Loader, Request, Resolution, Stack,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Which environment the files mean, and where its server is.
#[derive(Debug, Clone)]
pub struct Identity {
    pub scope: Scope,
    pub server: Option<String>,
}

/// A stack that may be deployed, and what was warned about.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub stack: Stack,
    pub warnings: Problems,
    /// What was read for it, within its directory.
    pub files: Files,
}

/// Whose stack this is. Fails where the files have errors, without saying which.
pub fn identity(place: &Place) -> Outcome<Identity> {
    let resolution = resolution(
        place,
        &StackArguments::default(),
        &ReleaseOptions::default(),
    )?;
    let server = resolution
        .environment
        .and_then(|environment| environment.server);
    match resolution.stack {
        Some(stack) => Ok(Identity {
            scope: stack.scope(),
            server,
        }),
        None => Err(Failure::input(format!(
            "the files of the stack in `{}` have errors, so they do not tell which environment is meant",
            place.directory.display()
        ))
        .hint(format!("see them: {}; or say --stack NAME --env NAME", place.command("check")))),
    }
}

/// A stack that can be deployed: its secrets are fetched, and everything that is wrong is told.
pub async fn deployable(
    place: &Place,
    arguments: &StackArguments,
    release: &ReleaseOptions,
) -> Outcome<Resolved> {
    let (resolution, files) = read(place, arguments, release)?;
    let resolution = supplied(resolution, Reach::Everywhere).await;
    match resolution.stack {
        Some(stack) => Ok(Resolved {
            stack,
            warnings: resolution.problems,
            files,
        }),
        None => Err(broken(resolution.problems)),
    }
}

/// With the values of the secrets that services get, as far as `reach` goes.
pub async fn supplied(resolution: Resolution, reach: Reach) -> Resolution {
    let stores = stores(&resolution);
    let fetched = mainstay_secrets::fetch(&resolution.needed_secrets(), &stores, reach).await;
    let mut resolution = resolution.supply(&fetched.answers);
    resolution.problems.extend(fetched.warnings);
    resolution.problems.sort();
    resolution
}

/// How the stores of secrets are reached from here.
pub fn stores(resolution: &Resolution) -> Stores {
    Stores {
        variables: resolution.store_variables.clone(),
        configuration: configuration(),
        home: home(),
    }
}

/// What says where the identity of this user is, without a stack.
pub fn key_variables() -> BTreeMap<String, Secret<String>> {
    let name = identities::KEY_FILE;
    let value = std::env::var(name).ok().map(Secret::new);
    value
        .map(|value| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// `~/.config`, or where the user has it (XDG base directory specification).
pub fn configuration() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    set("XDG_CONFIG_HOME").map_or_else(|| home().join(".config"), PathBuf::from)
}

fn home() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_default())
}

/// Resolves the stack without its secrets; problems of class error end here.
pub fn resolve(
    place: &Place,
    arguments: &StackArguments,
    release: &ReleaseOptions,
) -> Outcome<Resolved> {
    let (resolution, files) = read(place, arguments, release)?;
    match resolution.stack {
        Some(stack) => Ok(Resolved {
            stack,
            warnings: resolution.problems,
            files,
        }),
        None => Err(broken(resolution.problems)),
    }
}

/// The failure that shows every problem.
pub fn broken(problems: Problems) -> Failure {
    let errors = problems
        .iter()
        .filter(|p| p.severity == Severity::Error)
        .count();
    let count = crate::render::quantity::count(errors, "error");
    Failure::input(format!("the stack cannot be used: {count}")).problems(problems)
}

/// Everything the resolver answers, places as the user would type them.
pub fn resolution(
    place: &Place,
    arguments: &StackArguments,
    release: &ReleaseOptions,
) -> Outcome<Resolution> {
    read(place, arguments, release).map(|(resolution, _)| resolution)
}

/// The same with the files that it was made of.
fn read(
    place: &Place,
    arguments: &StackArguments,
    release: &ReleaseOptions,
) -> Outcome<(Resolution, Files)> {
    let directory = directory(place)?;
    let mut sets: Vec<String> = arguments.set.iter().map(ToString::to_string).collect();
    if let Some(strategy) = release.strategy {
        sets.push(format!("deploy.strategy={}", strategy.as_str()));
    }
    let request = Request {
        directory,
        stack: place.global.stack.clone(),
        compose_files: place.files.clone(),
        mainstay_file: None,
        environment: place.global.env.as_ref().map(ToString::to_string),
        profiles: arguments.profiles.clone(),
        variables: variables(),
        sets,
    };
    let disk = Remembering::default();
    let mut resolution = mainstay_stack::resolve(&disk, &request);
    for secret in &mut resolution.secrets {
        as_typed(&mut secret.place, &place.directory);
    }
    if let Some(stack) = &resolution.stack {
        // What stands in the rule files is judged by who evaluates them.
        let rules = mainstay_server::rules::problems(&stack.alerts);
        let wrong = rules.has_errors();
        resolution.problems.extend(rules);
        resolution.stack.take_if(|_| wrong);
    }
    resolution.problems = resolution
        .problems
        .into_iter()
        .map(|mut problem| {
            if let Some(named) = &mut problem.place {
                as_typed(named, &place.directory);
            }
            problem
        })
        .fold(Problems::default(), |mut all, problem| {
            all.push(problem);
            all
        });
    let mut files = disk.within(&request.directory);
    if let Some(stack) = &resolution.stack {
        referenced::add(stack, &mut files);
    }
    Ok((resolution, files))
}

/// The environments that mainstay.yaml knows.
pub fn environments(place: &Place) -> Outcome<Vec<Environment>> {
    let request = Request {
        directory: directory(place)?,
        variables: variables(),
        ..Request::default()
    };
    let (all, problems) = mainstay_stack::environments(&Disk, &request);
    if problems.has_errors() {
        let mut told = Problems::default();
        for mut problem in problems {
            if let Some(named) = &mut problem.place {
                as_typed(named, &place.directory);
            }
            told.push(problem);
        }
        return Err(broken(told));
    }
    Ok(all)
}

fn directory(place: &Place) -> Outcome<PathBuf> {
    place.directory.canonicalize().map_err(|error| {
        Failure::input(format!("cannot read `{}`", place.directory.display())).because(&error)
    })
}

/// Writes a file of the user's: whole or not at all, with the mode that it had.
pub fn replace(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let beside = file.with_extension("yaml.new");
    let mut new = File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    if let Ok(old) = file.metadata() {
        new.set_permissions(old.permissions())?;
    }
    std::fs::rename(&beside, file)
}

/// The resolver counts files from the stack's directory, the user from here.
fn as_typed(place: &mut Named, directory: &Path) {
    if directory != Path::new(".")
        && Path::new(&place.file).is_relative()
        // An option is not a file: it stands as it was typed.
        && !place.file.starts_with("--set ")
    {
        place.file = directory.join(&place.file).display().to_string();
    }
}

/// Of this process. Compose knows no variables that are not text.
fn variables() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The files of this machine, and which of them were read.
#[derive(Debug, Default)]
struct Remembering {
    read: RefCell<BTreeMap<PathBuf, String>>,
}

impl Remembering {
    /// Those in this directory, by their path from it.
    fn within(self, directory: &Path) -> Files {
        let read = self.read.into_inner().into_iter();
        let inside = read.filter_map(|(path, text)| {
            let path = path.strip_prefix(directory).ok()?.to_owned();
            Some((path, Secret::new(text)))
        });
        inside.collect()
    }
}

impl Loader for Remembering {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        let text = Disk.read(path)?;
        let mut read = self.read.borrow_mut();
        read.insert(path.to_owned(), text.clone());
        Ok(text)
    }

    fn exists(&self, path: &Path) -> bool {
        Disk.exists(path)
    }
}

/// The files of this machine.
#[derive(Debug)]
struct Disk;

impl Loader for Disk {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        let file = File::open(path).map_err(|error| unread(&error))?;
        let mut bytes = Vec::new();
        let limit = LIMIT_FILE_BYTES as u64;
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unread(&error))?;
        if bytes.len() as u64 > limit {
            return Err(LoadError::TooLarge);
        }
        String::from_utf8(bytes).map_err(|_| LoadError::NotText)
    }

    fn exists(&self, path: &Path) -> bool {
        path.is_file()
    }
}

fn unread(error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound => LoadError::NotFound,
        _ => LoadError::Other(error.to_string()),
    }
}

/// Where `init` writes.
pub fn operations_file(directory: &Path) -> PathBuf {
    let name = Path::new("mainstay.yaml");
    if directory == Path::new(".") {
        return name.to_owned();
    }
    directory.join(name)
}

#[cfg(test)]
mod tests;
