//! Where manifests are for: a stack in one environment, with the names and labels that everything of it has.

use crate::names;
use crate::project::Project;
use mainstay_stack::{Build, DeployPolicy, NetworkMode, Service, Stack};
use mainstay_yaml::write::{Doc, Map};

/// The stack in one environment, as a cluster has it.
pub(super) struct Site<'a> {
    pub(super) stack: &'a Stack,
    pub(super) project: &'a Project,
    /// `None`: whoever applies the files says where.
    pub(super) namespace: Option<String>,
}

/// The project, with every service whose image another one builds marked as built here too.
pub(super) fn prepared(project: &Project) -> Project {
    let mut project = project.clone();
    for stack in project.environments.values_mut() {
        let built: Vec<(Option<String>, Option<Build>)> = stack
            .services
            .values()
            .filter(|service| service.container.build.is_some())
            .map(|service| (service.image.clone(), service.container.build.clone()))
            .collect();
        for service in stack.services.values_mut() {
            let same = built.iter().find(|(image, _)| *image == service.image);
            if let Some((_, build)) = same {
                service.container.build.clone_from(build);
            }
        }
    }
    project
}

/// One object, and the file that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) file: &'static str,
    pub(super) map: Map,
}

impl Object {
    pub(super) fn new(file: &'static str, map: Map) -> Self {
        Self { file, map }
    }

    pub(super) fn kind(&self) -> &str {
        text(self.map.get("kind"))
    }

    pub(super) fn name(&self) -> &str {
        match self.map.get("metadata") {
            Some(Doc::Map(metadata)) => text(metadata.get("name")),
            _ => "",
        }
    }
}

fn text(doc: Option<&Doc>) -> &str {
    match doc {
        Some(Doc::Text(text)) => text,
        _ => "",
    }
}

impl<'a> Site<'a> {
    pub(super) fn new(project: &'a Project, stack: &'a Stack) -> Self {
        Self {
            stack,
            project,
            namespace: Some(namespace(stack)),
        }
    }

    /// The same, with no namespace in it.
    pub(super) fn anywhere(project: &'a Project, stack: &'a Stack) -> Self {
        Self {
            namespace: None,
            ..Self::new(project, stack)
        }
    }

    /// The one Secret of the stack. It is made by people, never by these files.
    pub(super) fn secret(&self) -> String {
        format!("{}-secrets", names::dns(self.project.name.as_str()))
    }

    /// Reference of a service's image: that of the release where it is built here.
    pub(super) fn image(&self, service: &Service) -> Option<String> {
        let image = names::image(self.stack, service)?;
        let built = service.container.build.is_some();
        let Some(release) = self.project.release.as_ref().filter(|_| built) else {
            return Some(image);
        };
        let name = image.split('@').next().unwrap_or_default();
        let at = name.rfind('/').map_or(0, |slash| slash + 1);
        let bare = name[at..].split(':').next().unwrap_or_default();
        Some(format!("{}{bare}:{release}", &name[..at]))
    }

    /// What finds the pods of `name`, and never changes.
    pub(super) fn selector(&self, name: &str) -> Map {
        Map::new()
            .set("app.kubernetes.io/name", name)
            .set("app.kubernetes.io/instance", self.project.name.as_str())
    }

    /// What every object of `name` says: see the recommended labels of Kubernetes' documentation. `app` is
    /// what people type, and what a mesh reads.
    pub(super) fn labels(&self, name: &str) -> Map {
        self.selector(name)
            .set("app", name)
            .set("app.kubernetes.io/component", name)
            .set("app.kubernetes.io/part-of", self.project.name.as_str())
            .set("app.kubernetes.io/managed-by", "mainstay")
            .maybe(
                "app.kubernetes.io/version",
                self.project.release.as_ref().map(|release| label(release)),
            )
    }

    /// The beginning of an object of `component`.
    pub(super) fn object(&self, api: &str, kind: &str, name: &str, component: &str) -> Map {
        self.annotated(api, kind, name, component, Map::new())
    }

    /// The same with annotations.
    pub(super) fn annotated(
        &self,
        api: &str,
        kind: &str,
        name: &str,
        component: &str,
        annotations: Map,
    ) -> Map {
        let metadata = Map::new()
            .set("name", name)
            .maybe("namespace", self.namespace.as_ref())
            .set("labels", self.labels(component))
            .some("annotations", annotations);
        Map::new()
            .set("apiVersion", api)
            .set("kind", kind)
            .set("metadata", metadata)
    }

    /// How releases of a service replace one another.
    pub(super) fn policy(&self, service: &Service) -> &'a DeployPolicy {
        let deploy = &self.stack.deploy;
        deploy
            .services
            .get(&service.name)
            .unwrap_or(&deploy.default)
    }

    /// Networks that a service is on, by their key. One that runs as a plain process is on one with all the
    /// others.
    pub(super) fn networks(&self, service: &Service) -> Vec<&'a str> {
        let network = &service.container.network;
        let all = self.stack.networks.keys().map(String::as_str);
        let joined: Vec<&str> = all
            .filter(|key| network.networks.contains_key(*key))
            .collect();
        if joined.is_empty() && network.mode == NetworkMode::Networks {
            return vec!["default"];
        }
        joined
    }
}

/// What a service is called in a cluster.
pub(super) fn name(service: &Service) -> String {
    names::dns(service.name.as_str())
}

/// `STACK-ENVIRONMENT`, where mainstay.yaml names no other.
pub(super) fn namespace(stack: &Stack) -> String {
    match &stack.render.kubernetes.namespace {
        Some(namespace) => names::dns(namespace),
        None => names::dns(&format!("{}-{}", stack.name, stack.environment)),
    }
}

/// The label that says that a pod is on a network of the stack.
pub(super) fn network_label(key: &str) -> String {
    format!("network/{}", names::dns(key))
}

/// Fit for the value of a label: 63 characters of letters, digits, `-`, `_` and `.`.
pub(super) fn label(text: &str) -> String {
    let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let cleaned: String = text
        .chars()
        .map(|c| if fit(c) { c } else { '-' })
        .take(63)
        .collect();
    cleaned
        .trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .to_owned()
}

/// Tells one content from another: FNV-1a of 64 bits.
pub(super) fn fingerprint(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}
