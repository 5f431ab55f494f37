//! How a service's containers are run, as the rules of the audit look at it, with the place of the
//! service in its Compose file and the waivers that stand there.

use crate::locate::Place;
use mainstay_audit::Finding;
use mainstay_audit::compose::{self, Block};
use mainstay_audit::container::Settings;
use mainstay_stack::{MountKind, NetworkMode, Service};

const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The Compose files as text.
#[derive(Debug, Default)]
pub struct Files(Vec<(String, String)>);

impl Files {
    /// Those that were named, or the default one. What cannot be read was a problem before.
    pub fn read(place: &Place) -> Self {
        let names: Vec<_> = if place.files.is_empty() {
            NAMES.iter().map(Into::into).collect()
        } else {
            place.files.clone()
        };
        let texts = names.into_iter().filter_map(|name| {
            let path = place.directory.join(name);
            let text = std::fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix("./").unwrap_or(&path);
            Some((path.display().to_string(), text))
        });
        Self(texts.collect())
    }

    /// The settings of a service, and the rules that are waived for it. What is wrong with the
    /// waivers goes to `findings`.
    pub fn of(
        &self,
        service: &Service,
        findings: &mut Vec<Finding>,
    ) -> (Settings, Vec<&'static str>) {
        let mut waived = Vec::new();
        let mut place: Option<(String, u32)> = None;
        for (file, text) in &self.0 {
            let Some(block) = Block::find(text, service.name.as_str()) else {
                continue;
            };
            let (rules, wrong) = compose::waivers(file, text, block);
            waived.extend(rules);
            findings.extend(wrong);
            place.get_or_insert_with(|| (file.clone(), block.line));
        }
        let first = self.0.first().map(|(file, _)| (file.clone(), 0));
        let (file, line) = place.or(first).unwrap_or_default();
        (settings(service, file, line), waived)
    }
}

fn settings(service: &Service, file: String, line: u32) -> Settings {
    let container = &service.container;
    let isolation = &container.isolation;
    let mut namespaces: Vec<(String, String)> = [
        ("pid", &isolation.pid),
        ("ipc", &isolation.ipc),
        ("userns_mode", &isolation.userns),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect();
    if container.network.mode == NetworkMode::Host {
        namespaces.push(("network_mode".to_owned(), "host".to_owned()));
    }
    let binds = service
        .mounts
        .iter()
        .filter(|mount| mount.kind == MountKind::Bind);
    Settings {
        service: service.name.to_string(),
        file,
        line,
        image: service.image.clone(),
        built: container.build.is_some(),
        user: service.user.clone(),
        privileged: isolation.privileged,
        read_only: isolation.read_only,
        cap_add: isolation.cap_add.clone(),
        cap_drop: isolation.cap_drop.clone(),
        security_opt: isolation.security_opt.clone(),
        namespaces,
        bind_mounts: binds
            .map(|mount| (mount.source.clone(), mount.read_only))
            .collect(),
        memory_limited: service.limits.memory.is_some(),
        processes_limited: service.limits.processes.is_some(),
        has_health_check: service.health.is_some(),
    }
}
