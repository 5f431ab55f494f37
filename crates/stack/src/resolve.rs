//! The way from a request to a stack, step by step.

use crate::backups::{self, Around};
use crate::decode::{self, Context, Found};
use crate::interpolate::{Lookup, Variables, expand_tree};
use crate::operation::{self, Chosen, Policies};
use crate::project::{self, Reading};
use crate::request::{Environment, Loader, Request, Resolution};
use crate::resolved::{Engine, Network, Route, Service, Stack, TargetKind, Volume};
use crate::rules::{self, Facts};
use crate::secrets::{self, SecretRequest};
use crate::sets::{self, Set};
use crate::source::At;
use crate::tree::{Entry, Node};
use crate::verdict;
use mainstay_model::{Problem, Problems, Secret, ServiceName, StackName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Reads the stack's files and gives the stack, or what is wrong with them. Everything that is
/// wrong is collected; the stack is there when no problem is an error.
///
/// ```
/// use mainstay_stack::{MemoryLoader, Request, resolve};
///
/// let files = MemoryLoader::default().with(
///     "/shop/compose.yaml",
///     "services: {app: {image: shop, x-mainstay: {command: bin/shop}, ports: ['8000:8000']}}",
/// );
/// let request = Request { directory: "/shop".into(), ..Request::default() };
/// let resolution = resolve(&files, &request);
/// assert!(resolution.problems.is_empty(), "{}", resolution.problems);
/// assert_eq!(resolution.stack.unwrap().name.as_str(), "shop");
/// ```
pub fn resolve(loader: &dyn Loader, request: &Request) -> Resolution {
    let mut reading = Reading::new(loader, &request.directory);
    let read = stack(&mut reading, request).unwrap_or_default();
    let problems = presented(reading.problems);
    Resolution {
        stack: read.stack.filter(|_| !problems.has_errors()),
        environment: read.environment,
        secrets: read.secrets,
        store_variables: read.store_variables,
        problems,
        files: reading.files,
    }
}

/// The environments that mainstay.yaml knows, `dev` among them, and what is wrong with it. No
/// Compose file is read.
pub fn environments(loader: &dyn Loader, request: &Request) -> (Vec<Environment>, Problems) {
    let mut reading = Reading::new(loader, &request.directory);
    let variables = project::environment_files(&mut reading, request);
    let sets = sets::parse(&request.sets, &request.directory, &mut reading.problems);
    let mut tree = operation::read(&mut reading, request.mainstay_file.as_ref());
    let first = environment_tree(&mut reading, &mut tree, &sets, &variables);
    let all = operation::known(&first, &mut reading.problems);
    (all, presented(reading.problems))
}

/// Sorted, each said once: an extended service is met as often as it is extended.
fn presented(problems: Problems) -> Problems {
    let mut seen = BTreeSet::new();
    let mut once = Problems::default();
    for problem in problems {
        if seen.insert((
            problem.place.clone(),
            problem.code.clone(),
            problem.message.clone(),
        )) {
            once.push(problem);
        }
    }
    once.sort();
    once
}

/// What was found out, as far as it went.
#[derive(Default)]
struct Read {
    stack: Option<Stack>,
    environment: Option<Environment>,
    secrets: Vec<SecretRequest>,
    store_variables: BTreeMap<String, Secret<String>>,
}

impl Read {
    fn of(environment: &Environment, variables: &Variables) -> Self {
        Self {
            environment: Some(environment.clone()),
            store_variables: secrets::store_variables(variables),
            ..Self::default()
        }
    }
}

fn stack(reading: &mut Reading<'_>, request: &Request) -> Option<Read> {
    let mut variables = project::environment_files(reading, request);
    let sets = sets::parse(&request.sets, &request.directory, &mut reading.problems);
    let (operation, chosen) = operation_file(reading, request, &sets, &mut variables)?;
    let mut environment = chosen.environment;
    let files = project::compose_files(reading, request, &variables, chosen.overlays);
    let Some(tree) = compose_tree(reading, &files, &sets, &variables) else {
        return Some(Read::of(&environment, &variables));
    };
    let active = Active::of(&tree, request, &variables);
    let target = environment.target.unwrap_or_else(|| active.target(&tree));
    environment.target = Some(target);
    let engine = chosen.engine;
    judge(reading, &tree, target, &active, (&engine, chosen.engine_at));
    let name = stack_name(reading, request, &tree, &variables);
    let mut read = Read::of(&environment, &variables);
    let own = [operation.get("secrets"), chosen.secrets.as_ref()];
    let definitions = secrets::definitions(reading, own, &environment.name, &tree, &variables);
    let mut context = Context {
        reading,
        variables: &variables,
        purpose: environment.purpose,
        target,
        definitions: &definitions,
        secret_variables: definitions.variables(),
        one_shot: &active.one_shot,
    };
    let (mut services, mut policies, routes) = operated(&mut context, &tree, &operation, &active);
    let alerts = operation::alerts(context.reading, &operation);
    let prefix = prefix(name.as_ref(), &environment);
    let among = (&mut services, &mut policies);
    let (volumes, networks) = among_services(reading, &tree, &active, target, &prefix, among);
    let around = Around {
        services: &services,
        inactive: &active.others,
        volumes: &volumes,
        definitions: &definitions,
        purpose: environment.purpose,
        target,
        directory: &request.directory,
        loader: reading.loader,
    };
    let problems = &mut reading.problems;
    let backups = backups::backups(&operation, chosen.backups.as_ref(), &around, problems);
    let needed = backups.secret_names();
    read.secrets = definitions.requests(&services, &needed, problems);
    let render = operation::render(&operation, &services, &active.others, problems);
    let Some(name) = name else {
        return Some(read);
    };
    read.stack = Some(Stack {
        name: name.clone(),
        environment: environment.name.clone(),
        purpose: environment.purpose,
        monitoring: environment.monitoring,
        policy: environment.policy.clone(),
        directory: request.directory.clone(),
        target,
        services: released(services, &name),
        volumes,
        networks,
        engine: target.runs_containers().then_some(engine),
        routes,
        probes: operation::probes(&operation, &mut reading.problems),
        deploy: policies.deploy,
        alerts,
        backups,
        secrets: secrets::of_stack(&read.secrets),
        render,
    });
    Some(read)
}

/// Volumes and networks, and what must hold between the services.
fn among_services(
    reading: &mut Reading<'_>,
    tree: &Node,
    active: &Active,
    target: TargetKind,
    prefix: &str,
    (services, policies): (&mut BTreeMap<ServiceName, Found>, &mut Policies),
) -> (BTreeMap<String, Volume>, BTreeMap<String, Network>) {
    let (volumes, thought_of) = decode::volumes(tree, prefix);
    let networks = decode::networks(tree, target, services, prefix, &mut reading.problems);
    let mut facts = Facts {
        services,
        inactive: &active.others,
        volumes: &volumes,
        thought_of: &thought_of,
        target,
        loader: reading.loader,
    };
    rules::check(&mut facts, policies, &mut reading.problems);
    (volumes, networks)
}

/// The services, and what mainstay.yaml says of them.
fn operated(
    context: &mut Context<'_, '_>,
    tree: &Node,
    operation: &Node,
    active: &Active,
) -> (BTreeMap<ServiceName, Found>, Policies, Vec<Route>) {
    let mut services = services(context, tree, operation, active);
    let inactive = &active.others;
    let problems = &mut context.reading.problems;
    operation::apply_health(operation, &mut services, inactive, problems);
    let definitions = context.definitions;
    operation::apply_metrics(operation, &mut services, inactive, definitions, problems);
    let policies = operation::deploy(context, operation, &services, inactive);
    let problems = &mut context.reading.problems;
    let routes = operation::routes(operation, &services, inactive, problems);
    (services, policies, routes)
}

/// The files merged into one tree; `None` where there is nothing to go on with.
fn compose_tree(
    reading: &mut Reading<'_>,
    files: &[(PathBuf, Option<At>)],
    sets: &[Set],
    variables: &Variables,
) -> Option<Node> {
    if files.is_empty() {
        return None;
    }
    let mut tree = reading.project(files, variables);
    if reading.is_exhausted() {
        return None;
    }
    sets::apply_to_compose(sets, &mut tree, &mut reading.problems);
    Some(tree)
}

/// What the target makes of the Compose tree, and of an engine that is named.
fn judge(
    reading: &mut Reading<'_>,
    tree: &Node,
    target: TargetKind,
    active: &Active,
    (engine, engine_at): (&Engine, Option<At>),
) {
    match engine_at {
        None if target.runs_containers() => {
            if let Some(problem) = operation::wrong_variable(engine) {
                reading.problems.push(problem);
            }
        }
        Some(at) if !target.runs_containers() => {
            let message = "`engine` is not used by the process target";
            let problem = Problem::warning("mainstay/engine", message).at(at.place());
            let problem = problem.hint("write `target: docker` beside it, or take it out");
            reading.problems.push(problem);
        }
        _ => {}
    }
    let is_active = |name: &str| active.names.contains(name);
    verdict::judge(tree, target, &is_active, &mut reading.problems);
}

/// What keeps the volumes and networks of two environments apart in one engine.
fn prefix(name: Option<&StackName>, environment: &Environment) -> String {
    name.map_or_else(String::new, |name| format!("{name}-{}-", environment.name))
}

/// The services alone. An image that is built here is called after stack and service, where the
/// files do not name it.
fn released(
    services: BTreeMap<ServiceName, Found>,
    stack: &StackName,
) -> BTreeMap<ServiceName, Service> {
    let named = services.into_iter().map(|(name, found)| {
        let mut service = found.service;
        if service.container.build.is_some() && service.image.is_none() {
            service.image = Some(format!("{stack}-{name}"));
        }
        (name, service)
    });
    named.collect()
}

/// `mainstay.yaml`, checked and with its variables, and the environment that is meant.
fn operation_file(
    reading: &mut Reading<'_>,
    request: &Request,
    sets: &[Set],
    variables: &mut Variables,
) -> Option<(Node, Chosen)> {
    let mut tree = operation::read(reading, request.mainstay_file.as_ref());
    // The environments first: they bring variables for the rest.
    let first = environment_tree(reading, &mut tree, sets, variables);
    let chosen = operation::choose(reading, &first, request.environment.as_deref(), variables);
    expand_tree(&mut tree, variables, &mut reading.problems);
    operation::check(reading, &mut tree);
    sets::apply_to_mainstay(
        &only(sets, |section| section != "environments"),
        &mut tree,
        &mut reading.problems,
    );
    Some((tree, chosen?))
}

/// The section `environments` as a tree of its own, taken out of the whole.
fn environment_tree(
    reading: &mut Reading<'_>,
    tree: &mut Node,
    sets: &[Set],
    variables: &Variables,
) -> Node {
    let mut environments = tree.remove("environments");
    if let Some(entry) = &mut environments {
        expand_tree(&mut entry.value, variables, &mut reading.problems);
    }
    let mut first = Node::empty_map(tree.at.clone());
    if let Some(entry) = environments {
        first.insert(entry);
    }
    operation::check(reading, &mut first);
    sets::apply_to_mainstay(
        &only(sets, |section| section == "environments"),
        &mut first,
        &mut reading.problems,
    );
    first
}

fn only(sets: &[Set], wanted: impl Fn(&str) -> bool) -> Vec<Set> {
    let chosen = sets.iter().filter(|set| wanted(set.root()));
    chosen.cloned().collect()
}

/// Which services run.
struct Active {
    names: BTreeSet<String>,
    others: BTreeSet<String>,
    /// Active ones that another waits for to complete.
    one_shot: BTreeSet<String>,
}

impl Active {
    /// A service without profiles always runs; one with profiles when one of them is active.
    fn of(tree: &Node, request: &Request, variables: &Variables) -> Self {
        let named = variables.get("COMPOSE_PROFILES").unwrap_or_default();
        let profiles: BTreeSet<&str> = request
            .profiles
            .iter()
            .map(String::as_str)
            .chain(named.split(','))
            .map(str::trim)
            .filter(|profile| !profile.is_empty())
            .collect();
        let all = tree.get("services").map(Node::entries).unwrap_or_default();
        let runs = |entry: &&Entry| {
            let own = decode::texts(entry.value.get("profiles"));
            own.is_empty()
                || profiles.contains("*")
                || own
                    .iter()
                    .any(|profile| profiles.contains(profile.as_str()))
        };
        let (active, others): (Vec<&Entry>, Vec<&Entry>) = all.iter().partition(runs);
        let names = |entries: &[&Entry]| entries.iter().map(|entry| entry.key.clone()).collect();
        Self {
            names: names(&active),
            others: names(&others),
            one_shot: active
                .iter()
                .filter_map(|entry| entry.value.get("depends_on"))
                .flat_map(Node::entries)
                .filter(|entry| {
                    decode::text(&entry.value, "condition").as_deref()
                        == Some("service_completed_successfully")
                })
                .map(|entry| entry.key.clone())
                .collect(),
        }
    }
}

impl Active {
    /// Where the environment does not say: containers, unless a service says how it runs as a
    /// process or there is no image of any.
    fn target(&self, tree: &Node) -> TargetKind {
        let services = tree.get("services").map(Node::entries).unwrap_or_default();
        let mut images = false;
        for entry in services.iter().filter(|e| self.names.contains(&e.key)) {
            let x = entry.value.get("x-mainstay");
            let says = |key| x.is_some_and(|x| x.get(key).is_some());
            if ["command", "build", "artifacts"].into_iter().any(says) {
                return TargetKind::Process;
            }
            let has = |key| entry.value.get(key).is_some();
            images |= has("image") || has("build");
        }
        if images {
            TargetKind::Docker
        } else {
            TargetKind::Process
        }
    }
}

fn services(
    context: &mut Context<'_, '_>,
    tree: &Node,
    operation: &Node,
    active: &Active,
) -> BTreeMap<ServiceName, Found> {
    let all = tree.get("services").map(Node::entries).unwrap_or_default();
    let health = operation.get("health");
    let services: BTreeMap<ServiceName, Found> = all
        .iter()
        .filter(|entry| active.names.contains(&entry.key))
        .filter_map(|entry| {
            let overridden = health.and_then(|health| health.get(&entry.key)).is_some();
            let found = decode::service(context, entry, overridden)?;
            Some((found.service.name.clone(), found))
        })
        .collect();
    if services.is_empty() && !context.reading.problems.has_errors() {
        let place = tree.entry("services").map_or(&tree.at, |entry| &entry.at);
        let problem = Problem::error("compose/no-service", "no service to run");
        context
            .reading
            .problems
            .push(problem.at(place.place()).hint(if active.others.is_empty() {
                "write one under `services`"
            } else {
                "every service has a profile: activate one with `--profile`"
            }));
    }
    services
}

/// What was asked for, else `COMPOSE_PROJECT_NAME`, else `name`, else the directory's name made fit.
fn stack_name(
    reading: &mut Reading<'_>,
    request: &Request,
    tree: &Node,
    variables: &Variables,
) -> Option<StackName> {
    if let Some(name) = &request.stack {
        return Some(name.clone());
    }
    let (text, at): (&str, Option<&At>) = match variables.get("COMPOSE_PROJECT_NAME") {
        Some(name) if !name.is_empty() => (name, None),
        _ => match tree.get("name") {
            Some(node) => (node.as_text().unwrap_or_default(), Some(&node.at)),
            None => return from_directory(reading, &request.directory),
        },
    };
    match StackName::new(text) {
        Ok(name) => Some(name),
        Err(error) => {
            let problem = Problem::error("compose/name", format!("stack {error}"));
            reading.problems.push(match at {
                Some(at) => problem.at(at.place()),
                None => problem.hint("it comes from the variable COMPOSE_PROJECT_NAME"),
            });
            None
        }
    }
}

fn from_directory(reading: &mut Reading<'_>, directory: &Path) -> Option<StackName> {
    let last = directory.file_name().unwrap_or_default().to_string_lossy();
    let fit: String = last
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    let fit: String = fit
        .trim_start_matches(['-', '_'])
        .chars()
        .take(63)
        .collect();
    let name = StackName::new(fit).ok();
    if name.is_none() {
        let message = format!("directory `{last}` makes no name for the stack");
        let problem = Problem::error("compose/name", message);
        reading
            .problems
            .push(problem.hint("write `name: …` at the top of compose.yaml"));
    }
    name
}
