//! What a container engine needs of a service: everything that a plain process has not.

use super::volumes::pairs;
use super::{
    Context, build, command, flag, health, isolation, logging, network, resources, text, texts,
};
use crate::resolved::{Container, Device, DeviceRequest, Log, PullPolicy};
use crate::tree::{Entry, Node};
use mainstay_model::{Problem, did_you_mean};
use std::collections::BTreeMap;

/// The container side of the service; plain defaults on a target that has no containers.
pub(super) fn container(context: &mut Context<'_, '_>, entry: &Entry, log: &Log) -> Container {
    let node = &entry.value;
    if !context.target.runs_containers() {
        return Container::default();
    }
    if text(node, "image").is_none_or(|image| image.is_empty()) && node.get("build").is_none() {
        context.reading.problems.push(no_image(entry));
    }
    Container {
        build: node.get("build").map(|node| build::build(context, node)),
        entrypoint: words(context, node, "entrypoint"),
        command: words(context, node, "command"),
        pull: pull(context, node),
        ignore_image_health: health::is_disabled(node),
        platform: text(node, "platform"),
        runtime: text(node, "runtime"),
        init: flag(node, "init").unwrap_or(false),
        tty: flag(node, "tty").unwrap_or(false),
        stdin_open: flag(node, "stdin_open").unwrap_or(false),
        network: network::network(context, node),
        isolation: isolation::isolation(context, node),
        resources: resources::resources(context, node),
        logging: logging::logging(context, node, log),
        tmpfs: tmpfs(node),
        devices: devices(context, node),
        device_cgroup_rules: texts(node.get("device_cgroup_rules")),
        gpus: gpus(context, node),
        annotations: pairs(node.get("annotations")),
        storage_options: pairs(node.get("storage_opt")),
    }
}

fn no_image(entry: &Entry) -> Problem {
    let message = format!("service `{}` has neither `image` nor `build`", entry.key);
    let problem = Problem::error("docker/no-image", message).at(entry.at.place());
    problem.hint(if entry.value.get("x-mainstay").is_some() {
        "its `x-mainstay` is for the process target; a container needs an image"
    } else {
        "write `image: NAME:TAG`, or `x-mainstay: {command: […]}` to run it as a plain process"
    })
}

/// `entrypoint` or `command`; an empty one is one that takes the image's away.
fn words(context: &mut Context<'_, '_>, service: &Node, key: &str) -> Option<Vec<String>> {
    let node = service.get(key)?;
    for item in node.items().iter().chain([node]) {
        context.refuse_secret(item, "a command");
    }
    command(node, &mut context.reading.problems)
}

fn pull(context: &mut Context<'_, '_>, service: &Node) -> PullPolicy {
    let Some(node) = service.get("pull_policy") else {
        return PullPolicy::Missing;
    };
    match node.as_text().unwrap_or_default() {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "missing" | "if_not_present" => PullPolicy::Missing,
        "build" => PullPolicy::Build,
        word if matches!(word, "daily" | "weekly") || word.starts_with("every_") => {
            let message =
                format!("`pull_policy: {word}` asks at each deploy, however old the image is");
            let problem = Problem::warning("compose/not-used", message);
            context.problem(node, problem.hint("write `always`, which says the same"));
            PullPolicy::Always
        }
        word => {
            let found = node.scalar().map(crate::check::found).unwrap_or_default();
            let problem = Problem::error("compose/value", format!("{found} is no pull policy"));
            let known = ["always", "never", "missing", "build"];
            context.problem(
                node,
                problem.hint(match did_you_mean(word, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`missing`, `always`, `never` or `build`".to_owned(),
                }),
            );
            PullPolicy::Missing
        }
    }
}

/// `PATH[:OPTIONS]`
fn tmpfs(service: &Node) -> BTreeMap<String, String> {
    texts(service.get("tmpfs"))
        .into_iter()
        .map(|text| match text.split_once(':') {
            Some((path, options)) => (path.to_owned(), options.to_owned()),
            None => (text, String::new()),
        })
        .collect()
}

fn devices(context: &mut Context<'_, '_>, service: &Node) -> Vec<Device> {
    let items = service.get("devices").map(Node::items).unwrap_or_default();
    let mut devices = Vec::new();
    for node in items {
        let Some(source) = text(node, "source") else {
            let problem = Problem::error("compose/value", "a device needs a `source`");
            context.problem(node, problem);
            continue;
        };
        if !source.starts_with('/') {
            let message = format!(
                "device `{}` is no path of the host",
                crate::check::shown(&source)
            );
            let problem = Problem::error("compose/refused", message);
            context.problem(node, problem.hint("ask for GPUs and the like with `gpus`"));
            continue;
        }
        devices.push(Device {
            target: text(node, "target").unwrap_or_else(|| source.clone()),
            permissions: text(node, "permissions").unwrap_or_else(|| "rwm".to_owned()),
            source,
        });
    }
    devices
}

/// `gpus`, and `deploy.resources.reservations.devices`.
fn gpus(context: &mut Context<'_, '_>, service: &Node) -> Vec<DeviceRequest> {
    let mut all = Vec::new();
    if let Some(node) = service.get("gpus") {
        if node.as_text().is_some_and(|text| text != "all") {
            let found = node.scalar().map(crate::check::found).unwrap_or_default();
            let message = format!("`gpus` must be `all` or a list, found {found}");
            context.problem(node, Problem::error("compose/value", message));
        } else if node.scalar().is_some() {
            all.push(gpu(DeviceRequest::default()));
        }
        let items = node.items().iter();
        all.extend(items.map(|node| gpu(request(context, node))));
    }
    let reserved = service
        .get("deploy")
        .and_then(|deploy| deploy.get("resources")?.get("reservations")?.get("devices"));
    for node in reserved.map(Node::items).unwrap_or_default() {
        if node.get("capabilities").is_none() {
            let problem = Problem::error("compose/value", "a reserved device needs `capabilities`");
            context.problem(node, problem.hint("such as `[gpu]`"));
        }
        all.push(request(context, node));
    }
    all
}

fn gpu(mut request: DeviceRequest) -> DeviceRequest {
    if !request.capabilities.iter().any(|word| word == "gpu") {
        request.capabilities.push("gpu".to_owned());
    }
    request
}

fn request(context: &mut Context<'_, '_>, node: &Node) -> DeviceRequest {
    let device_ids = texts(node.get("device_ids"));
    let all = text(node, "count").as_deref() == Some("all");
    let count = if all {
        None
    } else {
        context.parsed(node, "count", "`all` or a whole number")
    };
    if node.get("count").is_some() && !device_ids.is_empty() {
        let message = "`count` and `device_ids` cannot both say which devices";
        context.problem(
            node,
            Problem::error("compose/value", message).hint("take one out"),
        );
    }
    DeviceRequest {
        driver: text(node, "driver").unwrap_or_default(),
        count,
        device_ids,
        capabilities: texts(node.get("capabilities")),
        options: pairs(node.get("options")),
    }
}
