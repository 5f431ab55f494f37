//! What files are written from.

use mainstay_model::{Bytes, EnvironmentName, StackName};
use mainstay_stack::{Purpose, RuleText, Stack, Value};
use std::collections::BTreeMap;

/// The stack in each of its environments, and what else there is to know.
#[derive(Debug, Clone)]
pub struct Project {
    pub name: StackName,
    /// Redacted: what is secret of them stands in no file.
    pub environments: BTreeMap<EnvironmentName, Stack>,
    /// The one that is meant where a file knows only one: what the user named, else production.
    pub main: EnvironmentName,
    /// What is released, where somebody says it: `v1.4.2`.
    pub release: Option<String>,
    /// Rule packs that the environments name, each with its files.
    pub packs: BTreeMap<String, Vec<RuleText>>,
    /// What databases are tuned for. `None`: the limits of their services, else [`Machine::default`].
    pub machine: Option<Machine>,
}

/// A machine that something is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    pub memory: Bytes,
    pub cpus: u32,
}

impl Default for Machine {
    /// The smallest that a small team rents for a database.
    fn default() -> Self {
        Self {
            memory: Bytes(4 << 30),
            cpus: 2,
        }
    }
}

impl Project {
    /// A project of these environments. `None` where there is none, or no `main` among them.
    pub fn new(stacks: Vec<Stack>, main: Option<&EnvironmentName>) -> Option<Self> {
        let name = stacks.first()?.name.clone();
        let environments: BTreeMap<EnvironmentName, Stack> = stacks
            .into_iter()
            .map(|stack| (stack.environment.clone(), shown(&stack)))
            .collect();
        let main = match main {
            Some(named) => environments.get_key_value(named)?.0.clone(),
            None => first_choice(&environments)?.clone(),
        };
        Some(Self {
            name,
            environments,
            main,
            release: None,
            packs: BTreeMap::new(),
            machine: None,
        })
    }

    /// The stack in the environment that is meant where a file knows only one.
    pub fn main(&self) -> &Stack {
        &self.environments[&self.main]
    }

    /// The same project, seen from another environment.
    #[must_use]
    pub fn seen_from(&self, environment: &EnvironmentName) -> Option<Self> {
        let known = self.environments.contains_key(environment);
        known.then(|| Self {
            main: environment.clone(),
            ..self.clone()
        })
    }

    /// Environments that are more than somebody's laptop, in the order of their purposes: staging,
    /// production, recovery. What stands on an engine beyond one machine is written for these.
    pub fn hosted(&self) -> Vec<&Stack> {
        let mut hosted: Vec<&Stack> = self
            .environments
            .values()
            .filter(|stack| stack.purpose != Purpose::Development)
            .collect();
        hosted.sort_by_key(|stack| stack.purpose as u8);
        hosted
    }
}

/// Without what is secret. Where a secret's file lies is none: `PASSWORD_FILE` stays readable, though its name
/// says that it is about one.
fn shown(stack: &Stack) -> Stack {
    let mut shown = stack.redacted();
    for (name, service) in &mut shown.services {
        let before = &stack.services[name];
        let targets: Vec<&str> = before
            .files
            .iter()
            .map(|file| file.target.as_str())
            .collect();
        for (variable, value) in &mut service.environment {
            let text = before.environment.get(variable).map(|value| &value.text);
            let text = text.filter(|text| targets.contains(&text.expose().as_str()));
            if let Some(path) = text {
                *value = Value {
                    text: path.clone(),
                    secret: false,
                };
            }
        }
    }
    shown
}

/// Production, else what is nearest to it.
fn first_choice(environments: &BTreeMap<EnvironmentName, Stack>) -> Option<&EnvironmentName> {
    let order = [
        Purpose::Production,
        Purpose::Staging,
        Purpose::Recovery,
        Purpose::Development,
    ];
    let mut found = order.into_iter().filter_map(|purpose| {
        let mut fitting = environments.iter();
        fitting.find(|(_, stack)| stack.purpose == purpose)
    });
    found.next().map(|(name, _)| name)
}
