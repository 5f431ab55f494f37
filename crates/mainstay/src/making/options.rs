//! From the stack's files to what the engine is asked to build.

use super::Making;
use crate::build_context::BuildContext;
use crate::failure::{Failure, Outcome};
use crate::repository::provenance;
use mainstay_audit::ImageName;
use mainstay_audit::dockerfile::{Base, Dockerfile, Keyword};
use mainstay_server::api::types::BuildOptions;
use mainstay_stack::{Build, Purpose, Service, Stack};
use std::collections::{BTreeMap, BTreeSet};

/// Longest tag of a registry (distribution/reference).
const MAX_TAG: usize = 128;

/// Label of an image: which service of the stack it is for.
const SERVICE_LABEL: &str = "io.mainstay.service";

/// The version of what is built now.
pub async fn version(stack: &Stack, said: Option<&str>) -> Option<String> {
    match said {
        Some(version) => Some(version.to_owned()),
        None => provenance(&stack.directory).await.version,
    }
}

/// The names that a built image gets; the first one has its version. Empty for a service that is
/// not built.
pub fn names(stack: &Stack, service: &Service, version: Option<&str>) -> Vec<String> {
    let Some(build) = &service.container.build else {
        return Vec::new();
    };
    let named = service.image.clone();
    let repository = match &named {
        Some(image) => ImageName::parse(image).name,
        None => format!("{}-{}", stack.name, service.name),
    };
    let versioned = version.map(|version| format!("{repository}:{}", tag(version)));
    let plain = versioned.is_none().then(|| format!("{repository}:latest"));
    let mut names: Vec<String> = Vec::new();
    for name in versioned
        .into_iter()
        .chain(named)
        .chain(plain)
        .chain(build.tags.iter().cloned())
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a registry takes as a tag; `v1.2+build` is a version and no tag.
fn tag(version: &str) -> String {
    let mut tag: String = version
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "_.-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(MAX_TAG)
        .collect();
    if tag.starts_with(['.', '-']) {
        tag.replace_range(..1, "_");
    }
    tag
}

/// A push needs a name that leads to a registry; the one that a service gets by itself
/// (`STACK-SERVICE`) has no slash.
pub(super) fn can_be_pushed(service: &Service) -> Outcome {
    let named = service.image.as_deref();
    if named.is_some_and(|image| image.contains('/')) {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{} has no `image` that says where to push it",
        service.name
    ))
    .hint(format!(
        "name it: `image: ghcr.io/ORGANISATION/{}`",
        service.name
    )))
}

pub(super) fn of(
    making: &Making<'_>,
    service: &Service,
    build: &Build,
    context: &BuildContext,
    file: &Dockerfile,
    platforms: &[String],
) -> Outcome<BuildOptions> {
    let options = making.options;
    Ok(BuildOptions {
        names: names(making.stack, service, making.version.as_deref()),
        dockerfile: context.dockerfile.clone(),
        target: build.target.clone(),
        args: arguments(making, service, build)?,
        labels: labels(making, service, build),
        cache_from: build.cache_from.clone(),
        platform: platform(service, build, platforms)?,
        network: build.network.clone(),
        pull: build.pull || options.pull,
        no_cache: build.no_cache || options.no_cache,
        shm_size: build.shm_size.map(|size| size.0),
        extra_hosts: build
            .extra_hosts
            .iter()
            .map(|entry| format!("{}:{}", entry.host, entry.address))
            .collect(),
        registries: registries(file),
    })
}

/// Build arguments stay in the image's history: outside of development a secret is refused there.
fn arguments(
    making: &Making<'_>,
    service: &Service,
    build: &Build,
) -> Outcome<BTreeMap<String, String>> {
    let mut arguments = BTreeMap::new();
    for (name, value) in &build.args {
        let text = value.text.expose();
        if value.secret && !text.is_empty() {
            if making.stack.purpose != Purpose::Development {
                return Err(Failure::input(format!(
                    "build argument `{name}` of {} holds a secret, and everyone who can pull the image could read it",
                    service.name
                ))
                .hint("take it out of `build: args`; fetch what needs it in a step before, or give it to the container when it runs"));
            }
            making.progress.line(&format!(
                "warning: build argument `{name}` of {} holds a secret: it stays in the image's history (refused outside of development)",
                service.name
            ));
        }
        arguments.insert(name.clone(), text.clone());
    }
    Ok(arguments)
}

/// Those of the files win over ours. The time is that of the commit, so that two builds of one
/// commit are one image.
fn labels(making: &Making<'_>, service: &Service, build: &Build) -> BTreeMap<String, String> {
    let provenance = &making.provenance;
    let ours = [
        ("version", making.version.clone()),
        ("revision", provenance.revision.clone()),
        ("created", provenance.created.clone()),
        ("source", provenance.source.clone()),
    ];
    let mut labels: BTreeMap<String, String> = ours
        .into_iter()
        .filter_map(|(name, value)| Some((format!("org.opencontainers.image.{name}"), value?)))
        .collect();
    labels.extend(build.labels.clone());
    labels.insert(SERVICE_LABEL.to_owned(), service.name.to_string());
    labels
}

/// One: the engine's builder makes one at a time.
fn platform(service: &Service, build: &Build, said: &[String]) -> Outcome<Option<String>> {
    let wanted = if said.is_empty() {
        &build.platforms
    } else {
        said
    };
    match wanted {
        [] => Ok(service.container.platform.clone()),
        [one] => Ok(Some(one.clone())),
        several => Err(Failure::input(format!(
            "{} is to be built for {}: this engine's builder makes an image for one platform at a time",
            service.name,
            several.join(", ")
        ))
        .hint("build for one with `--platform`; for several use `docker buildx build --platform … --push`, and name the result in `image:`")),
    }
}

/// Where the base images come from.
fn registries(file: &Dockerfile) -> Vec<String> {
    let mut registries = BTreeSet::new();
    for stage in &file.stages {
        if let Base::Image(word) = &stage.base {
            registries.insert(ImageName::parse(&word.text).registry().to_owned());
        }
        for copy in stage.all(Keyword::Copy) {
            if let Some(from) = copy.flag("from").filter(|from| file.stage(from).is_none()) {
                registries.insert(ImageName::parse(from).registry().to_owned());
            }
        }
    }
    registries.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_stack::{MemoryLoader, Request, resolve};

    fn stack(compose: &str) -> Stack {
        let files = MemoryLoader::default().with("/shop/compose.yaml", compose);
        let request = Request {
            directory: "/shop".into(),
            environment: Some("dev".to_owned()),
            ..Request::default()
        };
        let resolution = resolve(&files, &request);
        resolution
            .stack
            .unwrap_or_else(|| panic!("{}", resolution.problems))
    }

    fn of_first(compose: &str, version: Option<&str>) -> Vec<String> {
        let stack = stack(compose);
        let service = stack.services.values().next().unwrap();
        names(&stack, service, version)
    }

    #[test]
    fn an_image_is_named_by_its_version_first() {
        let build = "name: shop\nservices: {app: {build: {context: .}}}";
        assert_eq!(
            of_first(build, Some("v1.2+3")),
            ["shop-app:v1.2-3", "shop-app"]
        );
        assert_eq!(of_first(build, None), ["shop-app", "shop-app:latest"]);
        let named = "name: shop\nservices: {app: {image: 'reg:5000/app:stable', build: {context: ., tags: ['other:1']}}}";
        assert_eq!(
            of_first(named, Some("v1")),
            ["reg:5000/app:v1", "reg:5000/app:stable", "other:1"]
        );
        let pulled = "name: shop\nservices: {app: {image: 'redis:7'}}";
        assert_eq!(of_first(pulled, Some("v1")), [""; 0]);
    }
}
