//! A playbook that sets up a machine: Docker, a firewall, Mainstay's server, and the stack on it.
//!
//! The role is the same for every stack and lies in `role` as it is written; what a stack says of itself stands
//! in `group_vars`, a group of machines for each environment. Modules of `ansible.builtin` only.
//!
//! **Invariant:** values of secrets come from the environment of whoever runs Ansible, and are in no file.

use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{PortProtocol, Probe, Stack, TargetKind};
use mainstay_yaml::write::{Doc, Map};
use std::collections::BTreeSet;

macro_rules! role {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("role/", $path)))),+]
    };
}

const ROLE: &[(&str, &str)] = role![
    "defaults/main.yml",
    "handlers/main.yml",
    "meta/main.yml",
    "tasks/firewall.yml",
    "tasks/main.yml",
    "tasks/packages.yml",
    "tasks/server.yml",
    "tasks/stack.yml",
    "templates/mainstay.service.j2",
    "templates/nftables.conf.j2",
];

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let machines = machines(project, out);
    if machines.is_empty() {
        let why = "no environment runs on machines of its own";
        return out.refused(
            "environments",
            why,
            "give one the target `docker` or `process`",
        );
    }
    for (path, text) in ROLE {
        out.text(format!("roles/mainstay/{path}"), "#", text);
    }
    out.text("ansible.cfg", "#", CONFIGURATION);
    let name = project.name.as_str();
    let play = Map::new()
        .set("name", format!("Set up the machines of {name}"))
        .set("hosts", groups(&machines).join(":"))
        .set("become", true)
        .set("roles", vec![Doc::from(Map::new().set("role", "mainstay"))]);
    out.yaml("site.yml", &[Doc::List(vec![play.into()])]);
    out.yaml("inventory.example.yml", &[inventory(&machines)]);
    let all = Map::new()
        .set("mainstay_stack", name)
        .comment("From the environment of whoever runs Ansible; never written down.")
        .some("mainstay_secrets", secrets(&machines));
    out.yaml("group_vars/all.yml", &[all.into()]);
    for stack in machines {
        lost(stack, out);
        let path = format!("group_vars/{}.yml", group(stack));
        out.yaml(path, &[of_environment(stack).into()]);
    }
}

const CONFIGURATION: &str = "\
[defaults]
# Yours: made of inventory.example.yml.
inventory = inventory.yml
roles_path = roles
host_key_checking = True
interpreter_python = auto_silent
";

/// Environments that run on machines which somebody sets up.
fn machines<'a>(project: &'a Project, out: &mut Rendering) -> Vec<&'a Stack> {
    let mut machines = Vec::new();
    for stack in project.hosted() {
        if matches!(stack.target, TargetKind::Docker | TargetKind::Process) {
            machines.push(stack);
        } else {
            out.lost(
                &format!("environments.{}", stack.environment),
                &format!("`{}` is no machine", stack.target.word()),
                "no group is written for it",
            );
        }
    }
    machines
}

/// A group's name has no `-`.
fn group(stack: &Stack) -> String {
    stack.environment.as_str().replace(['-', '.'], "_")
}

fn groups(stacks: &[&Stack]) -> Vec<String> {
    stacks.iter().map(|stack| group(stack)).collect()
}

fn inventory(stacks: &[&Stack]) -> Doc {
    let children: Map = stacks
        .iter()
        .map(|stack| {
            let host = format!("{}.example.org", stack.environment);
            let hosts = Map::new().set(host, Map::new());
            (group(stack), Map::new().set("hosts", hosts))
        })
        .collect();
    let all = Map::new().set("children", children);
    Map::new()
        .comment("Copy it to inventory.yml, and name your machines.")
        .set("all", all)
        .into()
}

/// Variables from which the stack takes its secrets.
fn secrets(stacks: &[&Stack]) -> Map {
    let sources = stacks.iter().flat_map(|stack| stack.secrets.values());
    let variables: BTreeSet<&str> = sources
        .filter_map(|secret| secret.source.strip_prefix("variable "))
        .collect();
    let lookups = variables.into_iter().map(|variable| {
        let lookup = format!("{{{{ lookup('ansible.builtin.env', '{variable}') }}}}");
        (variable, lookup)
    });
    lookups.collect()
}

fn of_environment(stack: &Stack) -> Map {
    let mut ports = BTreeSet::from([80_u16, 443]);
    let services = stack.services.values();
    let published = services.flat_map(|service| &service.ports);
    // What the proxy takes comes in by 80 and 443; the rest by its own port.
    let published = published.filter(|port| port.protocol == PortProtocol::Tcp);
    ports.extend(published.filter_map(|port| port.published));
    let ports: Vec<u16> = ports.into_iter().collect();
    Map::new()
        .set("mainstay_environment", stack.environment.as_str())
        .set("mainstay_docker", stack.target == TargetKind::Docker)
        .set("mainstay_open_ports", ports)
        .some("mainstay_health_urls", health(stack))
}

/// What is asked after a deploy: the health of what routes without a host lead to, through the proxy.
fn health(stack: &Stack) -> Vec<String> {
    let routes = stack.routes.iter().filter(|route| route.hosts.is_empty());
    let urls = routes.filter_map(|route| {
        let service = stack.services.get(&route.service)?;
        let Probe::Http { path } = &service.health.as_ref()?.probe else {
            return None;
        };
        let base = route.path.trim_end_matches('/');
        let path = if route.strip_prefix || base.is_empty() || path.starts_with(base) {
            let before = if route.strip_prefix { base } else { "" };
            format!("{before}{path}")
        } else {
            return None;
        };
        Some(format!("http://127.0.0.1:8080{path}"))
    });
    urls.collect()
}

fn lost(stack: &Stack, out: &mut Rendering) {
    for (name, secret) in &stack.secrets {
        if !secret.source.starts_with("variable ") {
            out.lost(
                &format!("secrets.{name}"),
                "only variables are handed on to the machine",
                &format!(
                    "see that the machine reaches its store itself ({})",
                    secret.source
                ),
            );
        }
    }
    for service in stack.services.values() {
        let builds = service.container.build.is_some() && stack.target == TargetKind::Docker;
        if builds {
            out.lost(
                &format!("services.{}.build", service.name),
                "the machine has not what it is built from",
                "push the image to a registry that the machine reaches",
            );
        }
        let process = service.process.as_ref();
        if stack.target == TargetKind::Process && process.is_some_and(|run| run.build.is_some()) {
            out.lost(
                &format!("services.{}.x-mainstay.build", service.name),
                "the machine has not what it is built from",
                "name what is built in `mainstay_files`",
            );
        }
    }
}
