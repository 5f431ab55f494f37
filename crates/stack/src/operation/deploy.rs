//! `deploy`: the policy of each service, from mainstay.yaml, Compose and the defaults.

use super::health::unknown;
use super::pipeline;
use crate::decode::{Context, Found, LIMIT_INSTANCES, Update, command, duration, number, text};
use crate::request::Purpose;
use crate::resolved::{Deploy, DeployPolicy, Hooks, Strategy};
use crate::source::At;
use crate::tree::Node;
use mainstay_model::{Problem, Problems, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The policies, and for which services a strategy was asked for by name.
pub(crate) struct Policies {
    pub(crate) deploy: Deploy,
    /// A strategy for the whole stack is not one for this service in particular.
    pub(crate) asked: BTreeSet<ServiceName>,
}

/// Everything of the section, with a policy for each service.
pub(crate) fn deploy(
    context: &mut Context<'_, '_>,
    tree: &Node,
    services: &BTreeMap<ServiceName, Found>,
    inactive: &BTreeSet<String>,
) -> Policies {
    let nothing = Node::empty_map(tree.at.clone());
    let section = tree.get("deploy").unwrap_or(&nothing);
    let own = section.get("services").unwrap_or(&nothing);
    for entry in own.entries() {
        if !services.contains_key(entry.key.as_str()) && !inactive.contains(&entry.key) {
            let names = services.keys().map(ServiceName::as_str);
            let problem = unknown(&entry.key, names).at(entry.at.place());
            context.reading.problems.push(problem);
        }
    }
    let purpose = context.purpose;
    let mut policies = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for (name, found) in services {
        let update = found.update(context);
        let layers = [own.get(name.as_str()).unwrap_or(&nothing), section];
        let problems = &mut context.reading.problems;
        let mut policy = policy(layers, &update, purpose, problems);
        if found.service.singleton {
            let asked = layers[0].get("strategy").map(|node| &node.at);
            let asked = asked.or(update.order_at.as_ref());
            if let Some(at) = asked.filter(|_| policy.strategy != Strategy::StopFirst) {
                problems.push(start_first_singleton(name, at));
            }
            policy.strategy = Strategy::StopFirst;
        }
        if layers[0].get("strategy").is_some() || update.stop_first.is_some() {
            asked.insert(name.clone());
        }
        policies.insert(name.clone(), policy);
    }
    let problems = &mut context.reading.problems;
    let default = policy([&nothing, section], &Update::default(), purpose, problems);
    let dev = purpose == Purpose::Development;
    let deploy = Deploy {
        default,
        services: policies,
        progress_deadline: duration(section, "progress_deadline")
            .unwrap_or(Duration::from_mins(if dev { 2 } else { 10 })),
        watch: duration(section, "watch").unwrap_or(match purpose {
            Purpose::Development => Duration::from_secs(5),
            Purpose::Staging => Duration::from_mins(10),
            Purpose::Production | Purpose::Recovery => Duration::from_mins(15),
        }),
        keep_releases: number(section, "keep_releases").unwrap_or(5).max(1),
        hooks: hooks(section.get("hooks").unwrap_or(&nothing), problems),
        pipeline: pipeline::mode(section, purpose),
        steps: pipeline::steps(section, purpose, problems),
        migrations: pipeline::migrations(section, services, problems),
    };
    Policies { deploy, asked }
}

fn start_first_singleton(name: &ServiceName, at: &At) -> Problem {
    let message = format!("singleton `{name}` can only be deployed stop-first");
    let problem = Problem::error("process/singleton", message).at(at.place());
    problem.hint("any other strategy would have it twice: take the strategy or `singleton` out")
}

/// One policy; the first layer that has a value wins, then Compose, then the default.
fn policy(
    layers: [&Node; 2],
    update: &Update,
    purpose: Purpose,
    problems: &mut Problems,
) -> DeployPolicy {
    let dev = purpose == Purpose::Development;
    let time = |key: &str| layers.iter().find_map(|node| duration(node, key));
    let seconds = |short: u64, long: u64| Duration::from_secs(if dev { short } else { long });
    DeployPolicy {
        strategy: strategy(layers, update, dev, problems),
        healthy_deadline: time("healthy_deadline").unwrap_or_else(|| seconds(60, 300)),
        minimum_healthy_time: time("minimum_healthy_time")
            .or(update.monitor)
            .unwrap_or_else(|| seconds(1, 10)),
        drain: time("drain").unwrap_or_else(|| seconds(10, 30)),
    }
}

fn strategy(layers: [&Node; 2], update: &Update, dev: bool, problems: &mut Problems) -> Strategy {
    let count = |key: &str| layers.iter().find_map(|node| number::<u32>(node, key));
    let word = layers.iter().find_map(|node| text(node, "strategy"));
    match word.as_deref() {
        Some("stop-first") => Strategy::StopFirst,
        Some("blue-green") => Strategy::BlueGreen {
            steps: steps(layers, problems),
            pause: layers
                .iter()
                .find_map(|node| duration(node, "pause"))
                .unwrap_or(Duration::from_secs(if dev { 1 } else { 30 })),
        },
        None if update.stop_first == Some(true) => Strategy::StopFirst,
        _ => {
            let parallelism = count("parallelism").or(update.parallelism).unwrap_or(1);
            // Zero is Compose's word for "all at once"; there are never more than this.
            let parallelism = if parallelism == 0 {
                LIMIT_INSTANCES
            } else {
                parallelism
            };
            let surge = count("surge").unwrap_or(1);
            if surge == 0 {
                surge_of_zero(layers, problems);
            }
            Strategy::Rolling {
                surge: surge.clamp(1, LIMIT_INSTANCES),
                parallelism: parallelism.min(LIMIT_INSTANCES),
            }
        }
    }
}

fn surge_of_zero(layers: [&Node; 2], problems: &mut Problems) {
    if let Some(node) = layers.iter().find_map(|node| node.get("surge")) {
        problems.push(
            Problem::error("mainstay/value", "`surge` must be above zero")
                .at(node.at.place())
                .hint("a new instance comes before the old one goes; `strategy: stop-first` is the other way round"),
        );
    }
}

fn steps(layers: [&Node; 2], problems: &mut Problems) -> Vec<u8> {
    let Some(node) = layers.iter().find_map(|node| node.get("steps")) else {
        return vec![100];
    };
    let steps: Vec<u8> = node
        .items()
        .iter()
        .filter_map(|item| item.as_text()?.parse().ok())
        .collect();
    let good = steps.len() == node.items().len()
        && steps.last() == Some(&100)
        && steps.first().is_some_and(|first| *first > 0)
        && steps.is_sorted_by(|a, b| a < b);
    if good {
        return steps;
    }
    problems.push(
        Problem::error("mainstay/value", "`steps` must rise from above 0 to 100")
            .at(node.at.place())
            .hint("such as `[10, 50, 100]`"),
    );
    vec![100]
}

fn hooks(node: &Node, problems: &mut Problems) -> Hooks {
    let mut commands = |key: &str| {
        let items = node.get(key).map(Node::items).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| command(item, problems))
            .filter(|words| !words.is_empty())
            .collect()
    };
    Hooks {
        before: commands("before"),
        after: commands("after"),
        timeout: duration(node, "timeout").unwrap_or(Duration::from_mins(5)),
    }
}
