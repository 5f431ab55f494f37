//! Parts of a service that Compose and Swarm write alike.

use super::losses::Losses;
use super::probe;
use super::words::{duration, mode, pairs, size, taken_over, text, texts};
use crate::project::Project;
use mainstay_stack::{
    FileKind, GrantedFile, HealthCheck, Language, Mount, MountKind, Probe, Service, Stack,
};
use mainstay_yaml::write::{Doc, Map};

/// The image, with the release's tag where it is built here.
pub(super) fn image(project: &Project, stack: &Stack, service: &Service) -> Option<String> {
    let image = crate::names::image(stack, service)?;
    let built = service.container.build.is_some();
    Some(match project.release.as_ref().filter(|_| built) {
        Some(release) => format!("{}:{release}", untagged(&image)),
        None => image,
    })
}

/// Without tag and digest: a colon before the last slash is that of a registry's port.
fn untagged(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rfind(':') {
        Some(colon) if !image[colon..].contains('/') => &image[..colon],
        _ => image,
    }
}

/// Variables; those that are secret are taken over from whoever starts the stack.
pub(super) fn environment(stack: &Stack, service: &Service) -> Map {
    let variables = service.environment.iter();
    variables
        .map(|(name, value)| {
            let granted = service.secrets.get(name);
            let value = match granted.map(|secret| source_variable(stack, secret)) {
                Some(variable) => taken_over(&variable),
                None if value.secret => taken_over(name),
                None => text(value.text.expose()),
            };
            (name.clone(), value)
        })
        .collect()
}

/// Where the value of a secret is expected.
pub(super) fn source_variable(stack: &Stack, secret: &str) -> String {
    let source = stack
        .secrets
        .get(secret)
        .map(|secret| secret.source.as_str());
    let variable = source.and_then(|source| source.strip_prefix("variable "));
    let variable = variable.and_then(|rest| rest.split(',').next());
    variable.map_or_else(|| super::words::variable(secret), str::to_owned)
}

/// The engine's own check of health. A probe from outside is asked from within where the language can do it; else
/// the image's own check counts, at the times that are said here.
pub(super) fn healthcheck(stack: &Stack, service: &Service, losses: &mut Losses) -> Doc {
    let Some(health) = &service.health else {
        if service.container.ignore_image_health {
            return Map::new().set("disable", true).into();
        }
        return Doc::Null;
    };
    let said = stack.render.services.get(&service.name);
    // Python and Node are in the image whoever built it. Of Rust nothing is: there the image's own check is asked.
    let language = said.and_then(|said| said.language);
    let language = language.filter(|language| *language != Language::Rust);
    let port = service.ports.first().map(|port| port.target);
    let words = probe::words(health, port, language);
    if words.is_none() {
        let why = match health.probe {
            Probe::Http { .. } => "an engine asks within the container, not over HTTP",
            _ => "an engine asks within the container, not by connecting",
        };
        losses.add(
            service.name.as_str(),
            "health.probe",
            why,
            "the HEALTHCHECK of the image counts, at the times said here: see that it has one",
        );
    }
    times(health, words).into()
}

fn times(health: &HealthCheck, words: Option<Vec<String>>) -> Map {
    let test = words.map(|words| {
        let marked = std::iter::once("CMD".to_owned()).chain(words);
        texts(&marked.collect::<Vec<_>>())
    });
    let mut map = Map::new()
        .maybe("test", test)
        .set("interval", duration(health.interval))
        .set("timeout", duration(health.timeout))
        .set("retries", health.retries);
    if !health.start_period.is_zero() {
        map.insert("start_period", duration(health.start_period));
    }
    map
}

pub(super) fn logging(service: &Service) -> Map {
    let logging = &service.container.logging;
    Map::new()
        .set("driver", text(&logging.driver))
        .some("options", pairs(&logging.options))
}

/// Long form, for all mounts and for the file systems in memory.
pub(super) fn mounts(stack: &Stack, service: &Service) -> Vec<Doc> {
    let mounts = service.mounts.iter();
    mounts.map(|mount| one_mount(stack, mount)).collect()
}

/// Beside the file where it is below the stack's directory: that is elsewhere on every machine.
fn source(stack: &Stack, mount: &Mount) -> String {
    let below = std::path::Path::new(&mount.source).strip_prefix(&stack.directory);
    match below {
        Ok(rest) if mount.kind == MountKind::Bind => format!("./{}", rest.display()),
        _ => mount.source.clone(),
    }
}

fn one_mount(stack: &Stack, mount: &Mount) -> Doc {
    let options = &mount.options;
    let mut map = Map::new();
    let kind = match mount.kind {
        MountKind::Bind => "bind",
        MountKind::Volume => "volume",
        MountKind::Tmpfs => "tmpfs",
    };
    map.insert("type", kind);
    if mount.kind != MountKind::Tmpfs {
        map.insert("source", text(&source(stack, mount)));
    }
    map.insert("target", text(&mount.target));
    if mount.read_only {
        map.insert("read_only", true);
    }
    let inner = match mount.kind {
        MountKind::Bind => Map::new()
            .maybe("propagation", options.propagation.as_ref())
            .maybe("selinux", options.selinux.as_ref())
            .maybe(
                "create_host_path",
                Some(options.create_host_path).filter(|make| !make),
            ),
        MountKind::Volume => Map::new()
            .maybe("nocopy", Some(true).filter(|_| options.no_copy))
            .maybe("subpath", options.subpath.as_ref()),
        MountKind::Tmpfs => Map::new()
            .maybe("size", options.tmpfs_size.map(|bytes| bytes.0))
            .maybe("mode", options.tmpfs_mode.map(mode)),
    };
    map.some(kind, inner).into()
}

/// Files of one kind, short where nothing is said of them.
pub(super) fn granted(service: &Service, kind: FileKind, mode: impl Fn(u32) -> Doc) -> Vec<Doc> {
    let files = service.files.iter().filter(|file| file.kind == kind);
    files.map(|file| grant(file, &mode)).collect()
}

fn grant(file: &GrantedFile, mode: &impl Fn(u32) -> Doc) -> Doc {
    let usual = match file.kind {
        FileKind::Secret => format!("/run/secrets/{}", file.name),
        FileKind::Config => format!("/{}", file.name),
    };
    let plain = file.uid.is_none() && file.gid.is_none() && file.mode == 0o444;
    if plain && file.target == usual {
        return text(&file.name);
    }
    let mut map = Map::new().set("source", text(&file.name));
    if file.target != usual {
        map.insert("target", text(&file.target));
    }
    map = map
        .maybe("uid", file.uid.as_ref())
        .maybe("gid", file.gid.as_ref());
    if file.mode != 0o444 {
        map.insert("mode", mode(file.mode));
    }
    map.into()
}

/// `deploy.resources` of what a service may have.
pub(super) fn limits(service: &Service) -> Map {
    let limits = &service.limits;
    Map::new()
        .maybe("cpus", limits.cpus.map(|cpus| format!("{cpus}")))
        .maybe("memory", limits.memory.map(size))
        .maybe("pids", limits.processes)
}

/// Those that the stack says of the kernel's, and how many files may be open.
pub(super) fn ulimits(service: &Service) -> Map {
    let limits = service.container.resources.ulimits.iter();
    let mut map: Map = limits
        .map(|(name, limit)| {
            let both = Map::new().set("soft", limit.soft).set("hard", limit.hard);
            (name.clone(), both)
        })
        .collect();
    if let Some(files) = service.limits.open_files
        && map.get("nofile").is_none()
    {
        map.insert("nofile", Map::new().set("soft", files).set("hard", files));
    }
    map
}

pub(super) fn extra_hosts(service: &Service) -> Doc {
    let hosts = service.container.network.extra_hosts.iter();
    let hosts = hosts.map(|entry| format!("{}:{}", entry.host, entry.address));
    texts(&hosts.collect::<Vec<_>>())
}

pub(super) fn user(service: &Service) -> Option<Doc> {
    let user = service.user.as_ref()?;
    Some(match &service.group {
        Some(group) => text(&format!("{user}:{group}")),
        None => text(user),
    })
}

/// Texts of configs, by name.
pub(super) fn configs(stack: &Stack) -> std::collections::BTreeMap<&str, Option<&str>> {
    let files = stack.services.values().flat_map(|service| &service.files);
    let files = files.filter(|file| file.kind == FileKind::Config);
    files
        .map(|file| {
            let content = file.content.as_ref();
            (
                file.name.as_str(),
                content.and_then(|content| content.expose().text()),
            )
        })
        .collect()
}

/// Names of the secrets that services get as files.
pub(super) fn secrets(stack: &Stack) -> std::collections::BTreeSet<&str> {
    let files = stack.services.values().flat_map(|service| &service.files);
    let files = files.filter(|file| file.kind == FileKind::Secret);
    files.map(|file| file.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::untagged;

    #[test]
    fn a_tag_is_told_from_a_port() {
        for (image, name) in [
            ("app:1", "app"),
            ("host:5000/app", "host:5000/app"),
            ("host:5000/app:1@sha256:00", "host:5000/app"),
        ] {
            assert_eq!(untagged(image), name);
        }
    }
}
