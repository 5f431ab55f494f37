//! One service.

use super::health::Declared;
use super::known::DatabaseEngine;
use super::{Context, command, duration, flag, number, text, texts};
use super::{container, environment, health, known, limits, mounts, network, ports, restart};
use crate::request::Purpose;
use crate::resolved::{
    Dependency, DependencyCondition, Exporter, HealthCheck, MetricsRule, Port, Probe, ProcessRun,
    Service, TargetKind,
};
use crate::secrets;
use crate::source::At;
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, ServiceName};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Instances of one service.
pub(crate) const LIMIT_INSTANCES: u32 = 1000;

/// A service, and where its parts stand: what the rules need for their messages.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) service: Service,
    pub(crate) at: At,
    pub(crate) ports: Vec<At>,
    pub(crate) mounts: Vec<At>,
    pub(crate) depends_on: BTreeMap<ServiceName, At>,
    pub(crate) networks: BTreeMap<String, At>,
    /// What the files say of it holding state, where they do.
    pub(crate) declared_stateful: Option<bool>,
    /// Its image is a known database.
    pub(crate) is_database: bool,
    /// The database that it is, by its image or its program.
    pub(crate) engine: Option<DatabaseEngine>,
    /// How it is asked for figures, by what it runs.
    pub(crate) exporter: Option<Exporter>,
    /// Where the number of instances stands.
    pub(crate) replicas: Option<At>,
    /// `deploy.update_config`, for the deploy policy.
    pub(crate) update: Option<Node>,
}

/// Decodes the service; `None` where it has not even a name that can be used.
pub(crate) fn service(
    context: &mut Context<'_, '_>,
    entry: &Entry,
    health_overridden: bool,
) -> Option<Found> {
    let node = &entry.value;
    let name = match ServiceName::new(&*entry.key) {
        Ok(name) => name,
        Err(error) => {
            let problem = Problem::error("compose/name", format!("service {error}"));
            context.reading.problems.push(problem.at(entry.at.place()));
            return None;
        }
    };
    let one_shot = context.one_shot.contains(name.as_str());
    let is_container = context.target.runs_containers();
    let server = known::server(node).filter(|_| is_container);
    let ports = ports::ports(context, node, server);
    let mounts = mounts::mounts(context, node);
    let (depends_on, dependency_places) = dependencies(context, node);
    let (user, group) = user(node);
    let health = match health::health(context, entry, health_overridden) {
        Declared::Check(check) => Some(check),
        Declared::Times(node) => times_only(context, &node, &ports, health_overridden),
        // Something that is sent requests must at least listen before it gets one.
        Declared::Nothing if !ports.is_empty() => Some(health::check(Probe::Tcp)),
        Declared::Nothing | Declared::Disabled => None,
    };
    let x = node.get("x-mainstay");
    let (replicas, replicas_at) = replicas(context, node);
    let grants = secrets::grants(context, node);
    let log = limits::log(context, node);
    let service = Service {
        image: text(node, "image"),
        process: process(context, entry),
        container: container::container(context, entry, &log),
        environment: environment::environment(context, entry, &grants.variables),
        working_directory: working_directory(context, node),
        user,
        group,
        replicas,
        singleton: x.and_then(|x| flag(x, "singleton")).unwrap_or(false),
        stateful: None,
        limits: limits::limits(context, node),
        ports: ports.iter().map(|(port, _)| port.clone()).collect(),
        depends_on,
        health,
        restart: restart::restart(context, node, one_shot),
        stop_signal: stop_signal(context, node),
        stop_grace: duration(node, "stop_grace_period").unwrap_or_else(|| grace(context.purpose)),
        mounts: mounts.iter().map(|(mount, _)| mount.clone()).collect(),
        log,
        labels: labels(context, node),
        metrics: MetricsRule::default(),
        files: grants.files,
        secrets: grants.variables,
        name,
    };
    Some(Found {
        exporter: exporter(server, &service),
        engine: engine(server, &service),
        service,
        at: entry.at.clone(),
        ports: ports.into_iter().map(|(_, at)| at).collect(),
        mounts: mounts.into_iter().map(|(_, at)| at).collect(),
        depends_on: dependency_places,
        networks: network::places(node),
        declared_stateful: x.and_then(|x| flag(x, "stateful")),
        is_database: server.is_some_and(|server| server.database),
        replicas: replicas_at,
        update: node
            .get("deploy")
            .and_then(|deploy| deploy.get("update_config"))
            .cloned(),
    })
}

/// By the image of a container, or the program of a process; `server` is known of containers only.
fn exporter(server: Option<&known::Known>, service: &Service) -> Option<Exporter> {
    let process = service.process.as_ref().filter(|_| server.is_none());
    let by_command = || known::exporter_of_command(&process?.command);
    server.map_or_else(by_command, known::Known::exporter)
}

/// As for the exporter; an image of one's own by what it is told to run, or by where its volume lies.
fn engine(server: Option<&known::Known>, service: &Service) -> Option<DatabaseEngine> {
    if let Some(server) = server {
        return server.engine();
    }
    let process = service.process.as_ref().map(|process| &process.command);
    let container = &service.container;
    let commands = [
        process,
        container.command.as_ref(),
        container.entrypoint.as_ref(),
    ];
    let mut commands = commands.into_iter().flatten();
    let by_command = commands.find_map(|command| known::engine_of_command(command));
    let mut targets = service.mounts.iter().map(|mount| mount.target.as_str());
    by_command.or_else(|| targets.find_map(known::engine_of_place))
}

/// A `healthcheck` without a `test`: on Docker the image brings one.
fn times_only(
    context: &mut Context<'_, '_>,
    node: &Node,
    ports: &[(Port, At)],
    overridden: bool,
) -> Option<HealthCheck> {
    if !ports.is_empty() {
        return Some(health::timed(health::check(Probe::Tcp), node));
    }
    if !overridden {
        let problem = Problem::warning("compose/healthcheck", "the health check has no `test`");
        context.problem(
            node,
            problem.hint(if context.target.runs_containers() {
                "write one: what an image brings is not known before it runs"
            } else {
                "write one: a process has no image that brings it"
            }),
        );
    }
    None
}

fn grace(purpose: Purpose) -> Duration {
    match purpose {
        Purpose::Development => Duration::from_secs(10),
        _ => Duration::from_secs(30),
    }
}

/// `x-mainstay`, or the problem that there is none.
fn process(context: &mut Context<'_, '_>, entry: &Entry) -> Option<ProcessRun> {
    let node = &entry.value;
    if context.target != TargetKind::Process {
        return None;
    }
    let Some(x) = node.get("x-mainstay") else {
        context.reading.problems.push(not_a_process(entry));
        return None;
    };
    let mut words = Vec::new();
    let parts: Vec<&Node> = match x.get("command") {
        Some(command) => vec![command],
        None => ["entrypoint", "command"]
            .into_iter()
            .filter_map(|key| node.get(key))
            .collect(),
    };
    for part in parts {
        for item in part.items().iter().chain([part]) {
            context.refuse_secret(item, "a command");
        }
        words.extend(command(part, &mut context.reading.problems)?);
    }
    if words.first().is_none_or(String::is_empty) {
        let message = format!("service `{}` has no command to run", entry.key);
        let problem = Problem::error("process/no-command", message);
        context.problem(
            x,
            problem.hint("write `x-mainstay: {command: [\"program\", \"argument\"]}`"),
        );
        return None;
    }
    let build = match x.get("build") {
        Some(build) => Some(command(build, &mut context.reading.problems)?),
        None => None,
    };
    Some(ProcessRun {
        build: build.filter(|build| !build.is_empty()),
        artifacts: texts(x.get("artifacts"))
            .into_iter()
            .map(PathBuf::from)
            .collect(),
        command: words,
    })
}

fn not_a_process(entry: &Entry) -> Problem {
    let name = &entry.key;
    let what = match (text(&entry.value, "image"), entry.value.get("build")) {
        (Some(image), _) => format!("has only an image (`{}`)", crate::check::shown(&image)),
        (None, Some(_)) => "is built as an image".to_owned(),
        (None, None) => "says nothing of how it runs".to_owned(),
    };
    Problem::error(
        "process/only-image",
        format!("service `{name}` {what}: it needs the `docker` target"),
    )
    .at(entry.at.place())
    .hint("say so in mainstay.yaml: `environments: {NAME: {target: docker}}`; to run it as a plain process, add `x-mainstay: {command: [\"program\", \"argument\"]}`; to leave it out, give it a profile: `profiles: [docker]`")
}

fn working_directory(context: &Context<'_, '_>, node: &Node) -> Option<PathBuf> {
    let node = node.get("working_dir")?;
    let text = node.as_text()?;
    Some(if context.target.runs_containers() {
        PathBuf::from(text)
    } else {
        node.at.path(text)
    })
}

fn user(node: &Node) -> (Option<String>, Option<String>) {
    let Some(text) = text(node, "user").filter(|text| !text.is_empty()) else {
        return (None, None);
    };
    match text.split_once(':') {
        Some((user, group)) => (Some(user.to_owned()), Some(group.to_owned())),
        None => (Some(text), None),
    }
}

/// How many instances, and where that stands.
fn replicas(context: &mut Context<'_, '_>, node: &Node) -> (u32, Option<At>) {
    let deploy = node.get("deploy").and_then(|deploy| deploy.get("replicas"));
    let scale = node.get("scale");
    let count = |node: &Node| node.as_text().and_then(|text| text.parse::<u32>().ok());
    if let (Some(deploy), Some(scale)) = (deploy, scale)
        && count(deploy) != count(scale)
    {
        let message = "`scale` and `deploy.replicas` say different numbers";
        context.problem(
            scale,
            Problem::error("compose/value", message).hint("take one out"),
        );
    }
    let Some(node) = deploy.or(scale) else {
        return (1, None);
    };
    let wanted = count(node).unwrap_or(u32::MAX);
    if wanted > LIMIT_INSTANCES {
        let message = format!("more than {LIMIT_INSTANCES} instances of one service");
        context.problem(node, Problem::error("compose/value", message));
    }
    (wanted.min(LIMIT_INSTANCES), Some(node.at.clone()))
}

fn stop_signal(context: &mut Context<'_, '_>, node: &Node) -> String {
    let Some(node) = node.get("stop_signal") else {
        return "SIGTERM".to_owned();
    };
    let text = node.as_text().unwrap_or_default();
    if let Some(number) = mainstay_wire::process::signal_number(text) {
        return mainstay_wire::process::signal_name(number);
    }
    let found = node.scalar().map(crate::check::found).unwrap_or_default();
    let problem = Problem::error("compose/value", format!("{found} is not a signal"));
    context.problem(node, problem.hint("such as `SIGTERM` or `SIGINT`"));
    "SIGTERM".to_owned()
}

fn labels(context: &mut Context<'_, '_>, node: &Node) -> BTreeMap<String, String> {
    let deploy = node.get("deploy").and_then(|deploy| deploy.get("labels"));
    let own = node.get("labels");
    let mut labels = BTreeMap::new();
    for entry in [deploy, own].into_iter().flatten().flat_map(Node::entries) {
        context.refuse_secret(&entry.value, "a label");
        let text = entry.value.as_text().unwrap_or_default();
        labels.insert(entry.key.clone(), text.to_owned());
    }
    labels
}

type Dependencies = (BTreeMap<ServiceName, Dependency>, BTreeMap<ServiceName, At>);

fn dependencies(context: &mut Context<'_, '_>, node: &Node) -> Dependencies {
    let mut all = Dependencies::default();
    for entry in node
        .get("depends_on")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let Ok(name) = ServiceName::new(&*entry.key) else {
            let message = format!(
                "`{}` is not the name of a service",
                crate::check::shown(&entry.key)
            );
            let problem = Problem::error("compose/name", message);
            context.reading.problems.push(problem.at(entry.at.place()));
            continue;
        };
        let condition = match text(&entry.value, "condition").as_deref() {
            Some("service_healthy") => DependencyCondition::ServiceHealthy,
            Some("service_completed_successfully") => {
                DependencyCondition::ServiceCompletedSuccessfully
            }
            _ => DependencyCondition::ServiceStarted,
        };
        let dependency = Dependency {
            condition,
            restart: flag(&entry.value, "restart").unwrap_or(false),
            required: flag(&entry.value, "required").unwrap_or(true),
        };
        all.0.insert(name.clone(), dependency);
        all.1.insert(name, entry.at.clone());
    }
    all
}

/// The numbers that decide the deploy policy, where Compose gives them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Update {
    pub(crate) parallelism: Option<u32>,
    pub(crate) stop_first: Option<bool>,
    /// Where `order` stands.
    pub(crate) order_at: Option<At>,
    pub(crate) monitor: Option<Duration>,
}

impl Found {
    /// What `deploy.update_config` says; warns of what is done otherwise.
    pub(crate) fn update(&self, context: &mut Context<'_, '_>) -> Update {
        let Some(node) = &self.update else {
            return Update::default();
        };
        if let Some(action) = node.get("failure_action")
            && action.as_text() != Some("rollback")
        {
            context.problem(
                action,
                Problem::warning("compose/not-used", "a failed deploy is always rolled back")
                    .hint("write `failure_action: rollback`"),
            );
        }
        Update {
            parallelism: number(node, "parallelism"),
            stop_first: text(node, "order").map(|order| order == "stop-first"),
            order_at: node.get("order").map(|order| order.at.clone()),
            monitor: duration(node, "monitor"),
        }
    }
}
