//! Files for Docker Compose. `compose.prod.yaml` is the whole stack as it is resolved for one environment; the
//! others are laid over it: `docker compose -f compose.prod.yaml -f compose.monitoring.yaml up --detach`.
//!
//! Published ports are on loopback unless the stack says otherwise, and no two of all the files are the same.
//!
//! Source: the Compose specification.

mod debug;
mod extra;
mod logging;
mod monitoring;
mod ports;
mod proxy;
mod service;

use crate::containers::losses::Losses;
use crate::containers::parts;
use crate::containers::words::{pairs, text};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Driver, HIDDEN, Ipam, Network, Stack, Volume};
use mainstay_yaml::write::{Doc, Map};
use ports::Ports;

pub(crate) const PROD: &str = "compose.prod.yaml";

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let stack = project.main();
    let mut losses = Losses::default();
    let file = whole(project, stack, &mut losses, out);
    losses.tell(out);
    for service in stack
        .services
        .values()
        .filter(|service| service.image.is_none())
    {
        out.refused(
            &format!("services.{}.image", service.name),
            "an engine runs images, and it has none",
            "name one in `image:`, and how it is built in `build:`",
        );
    }
    elsewhere(stack, out);
    out.yaml(PROD, &[file.into()]);
    let mut ports = Ports::of(stack);
    proxy::write(project, &mut ports, out);
    monitoring::write(project, &mut ports, out);
    logging::write(project, &mut ports, out);
    debug::write(project, &mut ports, out);
    hidden(out);
}

/// The self-contained file.
fn whole(project: &Project, stack: &Stack, losses: &mut Losses, out: &mut Rendering) -> Map {
    let services: Map = stack
        .services
        .values()
        .map(|service| {
            let map = service::service(project, stack, service, losses);
            (service.name.as_str(), map)
        })
        .collect();
    let networks = stack.networks.iter();
    let networks = networks.map(|(key, it)| (key.clone(), network(it)));
    let volumes = stack.volumes.iter();
    let volumes = volumes.map(|(key, it)| (key.clone(), volume(it)));
    Map::new()
        .set("name", project.name.as_str())
        .set("services", services)
        .some("networks", networks.collect::<Map>())
        .some("volumes", volumes.collect::<Map>())
        .some("secrets", secrets(stack, out))
        .some("configs", configs(stack))
}

pub(crate) fn volume(volume: &Volume) -> Map {
    let own = Map::new().maybe("shared", volume.shared.then_some(true));
    driver(Map::new().set("name", text(&volume.name)), &volume.driver)
        .maybe("external", volume.external.then_some(true))
        .some("labels", pairs(&volume.labels))
        .some("x-mainstay", own)
}

fn network(network: &Network) -> Map {
    let yes = |on: bool| on.then_some(true);
    driver(Map::new().set("name", text(&network.name)), &network.driver)
        .maybe("external", yes(network.external))
        .maybe("internal", yes(network.internal))
        .maybe("attachable", yes(network.attachable))
        .maybe("enable_ipv6", yes(network.enable_ipv6))
        .some("ipam", ipam(&network.ipam))
        .some("labels", pairs(&network.labels))
}

fn driver(map: Map, driver: &Driver) -> Map {
    let name = Some(&driver.name).filter(|name| !name.is_empty());
    map.maybe("driver", name.map(|name| text(name)))
        .some("driver_opts", pairs(&driver.options))
}

pub(crate) fn ipam(ipam: &Ipam) -> Map {
    let pools = ipam.pools.iter().map(|pool| {
        let map = Map::new()
            .maybe("subnet", pool.subnet.as_ref())
            .maybe("ip_range", pool.ip_range.as_ref())
            .maybe("gateway", pool.gateway.as_ref())
            .some("aux_addresses", pairs(&pool.aux_addresses));
        Doc::from(map)
    });
    let name = Some(&ipam.driver.name).filter(|name| !name.is_empty());
    Map::new()
        .maybe("driver", name)
        .some("config", pools.collect::<Vec<_>>())
        .some("options", pairs(&ipam.driver.options))
}

/// By the variable that holds each; one from elsewhere is put there by whoever starts the stack.
fn secrets(stack: &Stack, out: &mut Rendering) -> Map {
    let names = parts::secrets(stack);
    names
        .into_iter()
        .map(|name| {
            let source = stack.secrets.get(name).map_or("", |secret| &secret.source);
            let variable = parts::source_variable(stack, name);
            if !source.starts_with("variable ") {
                out.lost(
                    &format!("secrets.{name}"),
                    &format!("Docker Compose cannot fetch it ({source})"),
                    &format!("put it into the variable {variable} before `docker compose up`"),
                );
            }
            (name, Map::new().set("environment", variable))
        })
        .collect()
}

fn configs(stack: &Stack) -> Map {
    let configs = parts::configs(stack).into_iter();
    configs
        .map(|(name, content)| {
            (
                name,
                Map::new().set("content", text(content.unwrap_or_default())),
            )
        })
        .collect()
}

/// Sections that are no part of a Compose file, and where else they are written.
fn elsewhere(stack: &Stack, out: &mut Rendering) {
    for (there, section, why, instead) in [
        (
            !stack.routes.is_empty(),
            "routes",
            "Docker Compose has no proxy that knows hosts and paths",
            "lay compose.proxy.yaml over it: nginx, with the files of `mainstay render nginx`",
        ),
        (
            true,
            "deploy",
            "Docker Compose replaces containers one by one, ends each before the next, and never goes back",
            "deploy with `mainstay deploy`, or render `swarm` or `kubernetes`",
        ),
        (
            !stack.backups.sources.is_empty(),
            "backups",
            "Docker Compose makes none",
            "let a server of Mainstay make them",
        ),
        (
            !stack.probes.is_empty(),
            "probes",
            "nothing in a Compose file looks from outside",
            "`mainstay render prometheus` writes them for the blackbox exporter",
        ),
        (
            !stack.alerts.is_empty(),
            "alerts",
            "rules are no part of a Compose file",
            "`mainstay render prometheus` writes them for compose.monitoring.yaml",
        ),
    ] {
        if there {
            out.lost(section, why, instead);
        }
    }
}

/// A secret that interpolation put into a command or a config cannot be referred to.
fn hidden(out: &mut Rendering) {
    if out.files.values().any(|file| file.text.contains(HIDDEN)) {
        out.refused(
            "services",
            "a secret stands within a command, a label or a config, where there can be no reference to it",
            "give it to the service as a file (`secrets:`) or as a variable of its own",
        );
    }
}
