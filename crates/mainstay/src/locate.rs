//! Which directory, which server, which environment is meant.
//!
//! The server: `--server` or `MAINSTAY_SERVER`, else the environment's `server:`, else the socket
//! of the stack's data directory. The environment: what the stack's files say; where they cannot
//! be read, the one the server has.

use crate::arguments::Global;
use crate::client::{Address, Client};
use crate::failure::{Failure, Outcome};
use crate::project::{self, Identity};
use mainstay_model::{EnvironmentName, Scope, Secret};
use mainstay_server::api::types::EnvironmentSummary;
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What a command works on.
#[derive(Debug, Clone)]
pub struct Place {
    pub global: Global,
    /// The stack's directory, as the user would type it.
    pub directory: PathBuf,
    /// Compose files by name, relative to the directory; empty: the default ones.
    pub files: Vec<PathBuf>,
    /// What the files say of it, read once.
    identity: OnceCell<Outcome<Identity>>,
}

impl Place {
    fn identity(&self) -> Outcome<Identity> {
        self.identity
            .get_or_init(|| project::identity(self))
            .clone()
    }

    /// `path` is the command's own directory argument; it stands before `-C`.
    pub fn new(global: &Global, path: Option<&Path>, files: Vec<PathBuf>) -> Outcome<Self> {
        let directory = path
            .or(global.directory.as_deref())
            .unwrap_or(Path::new("."))
            .to_owned();
        if !directory.is_dir() {
            return Err(
                Failure::input(format!("no such directory: `{}`", directory.display()))
                    .hint("give the directory that holds compose.yaml"),
            );
        }
        Ok(Self {
            global: global.clone(),
            directory,
            files,
            identity: OnceCell::new(),
        })
    }

    /// The same place, and another environment of it.
    pub fn in_environment(&self, name: &EnvironmentName) -> Self {
        let mut place = self.clone();
        place.global.env = Some(name.clone());
        place.identity = OnceCell::new();
        place
    }

    /// The server, reached or not.
    pub fn client(&self) -> Outcome<Client> {
        let token = std::env::var("MAINSTAY_TOKEN")
            .ok()
            .filter(|token| !token.is_empty());
        let address = match &self.global.server {
            Some(text) => Address::parse(text, token.map(Secret::new))?,
            None => match self.identity().ok().and_then(|identity| identity.server) {
                Some(text) => Address::parse(&text, token.map(Secret::new))?,
                None => Address::of_stack(&self.directory)?,
            },
        };
        Ok(Client::new(address))
    }

    /// The pair that is meant.
    pub async fn scope(&self, client: &Client) -> Outcome<Scope> {
        if let (Some(stack), Some(environment)) = (&self.global.stack, &self.global.env) {
            return Ok(Scope {
                stack: stack.clone(),
                environment: environment.clone(),
            });
        }
        match self.identity() {
            Ok(identity) => Ok(Scope {
                stack: self.global.stack.clone().unwrap_or(identity.scope.stack),
                environment: identity.scope.environment,
            }),
            Err(failure) => {
                let all: Vec<EnvironmentSummary> = client.ask("/api/v1/environments").await?;
                choose(&self.global, &all).map_err(|other| other.unwrap_or(failure))
            }
        }
    }

    /// A command about this place, to be copied: `mainstay -C examples/x status`.
    pub fn command(&self, verb: &str) -> String {
        format!("{}{} {verb}", program(), self.options())
    }

    /// How to say this place again in a command: ` -C examples/x --env staging`, or nothing.
    fn options(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let _ = write!(text, " -f {}", file.display());
        }
        if self.directory != Path::new(".") {
            let _ = write!(text, " -C {}", self.directory.display());
        }
        if let Some(environment) = &self.global.env {
            let _ = write!(text, " --env {environment}");
        }
        text
    }
}

/// How this program is called from here: by its name where the shell finds it, else by its path.
pub fn program() -> String {
    let name = "mainstay";
    let Ok(own) = std::env::current_exe() else {
        return name.to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .and_then(|file| file.canonicalize().ok());
    if found.as_ref() == Some(&own) || found.is_some() && found == own.canonicalize().ok() {
        return name.to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    own.strip_prefix(&here)
        .unwrap_or(&own)
        .display()
        .to_string()
}

/// The path of something of `scope`.
pub fn path(scope: &Scope, rest: &str) -> String {
    format!(
        "/api/v1/environments/{}/{}{rest}",
        scope.stack, scope.environment
    )
}

/// The one environment of the server that fits; `Err(None)`: it has none.
fn choose(global: &Global, all: &[EnvironmentSummary]) -> Result<Scope, Option<Failure>> {
    let mut fitting = all.iter().map(|summary| &summary.scope).filter(|scope| {
        global
            .stack
            .as_ref()
            .is_none_or(|stack| *stack == scope.stack)
            && global
                .env
                .as_ref()
                .is_none_or(|env| *env == scope.environment)
    });
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(None),
        (Some(_), Some(_)) => {
            let names: Vec<String> = all.iter().map(|s| s.scope.to_string()).collect();
            Err(Some(
                Failure::input("it is not clear which environment is meant").hint(format!(
                    "the server has {}; say --stack NAME --env NAME",
                    names.join(", ")
                )),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_model::StackName;
    use mainstay_server::api::types::EnvironmentState;

    fn summary(stack: &str, environment: &str) -> EnvironmentSummary {
        EnvironmentSummary {
            scope: Scope {
                stack: StackName::new(stack).unwrap(),
                environment: EnvironmentName::new(environment).unwrap(),
            },
            release: None,
            state: EnvironmentState::Up,
        }
    }

    #[test]
    fn the_only_environment_is_meant_and_two_are_asked_about() {
        let global = Global::default();
        let (dev, production) = (summary("a", "dev"), summary("a", "production"));
        assert_eq!(
            choose(&global, std::slice::from_ref(&dev)).unwrap(),
            dev.scope
        );
        let both = [dev, production.clone()];
        let failure = choose(&global, &both).unwrap_err().unwrap();
        assert_eq!(
            failure.hint.as_deref(),
            Some("the server has a/dev, a/production; say --stack NAME --env NAME")
        );
        let said = Global {
            env: Some(EnvironmentName::new("production").unwrap()),
            ..Global::default()
        };
        assert_eq!(choose(&said, &both).unwrap(), production.scope);
        assert!(choose(&said, &[]).unwrap_err().is_none());
    }
}
