//! What an environment of the stack is made of on AWS.

use super::data::{Cache, Database, cache, database};
use super::service::is_own;
use mainstay_stack::{Compute, MountKind, Purpose, RepositoryAt, Route, Service, Stack, Strategy};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// Of RDS, and of `ElastiCache`.
pub(super) const LIMIT_BACKUP_DAYS: u64 = 35;

pub(super) struct Plan<'a> {
    pub(super) stack: &'a Stack,
    /// `STACK-ENVIRONMENT`.
    pub(super) name: String,
    pub(super) databases: Vec<Database>,
    pub(super) caches: Vec<Cache>,
    /// What runs in containers: everything else that has an image.
    pub(super) services: Vec<&'a Service>,
    /// Those of them that routes lead to, with these routes.
    pub(super) routed: BTreeMap<&'a str, Vec<&'a Route>>,
    /// Volumes that services keep on a disk of their own, by their key in the files.
    pub(super) volumes: BTreeSet<&'a str>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(stack: &'a Stack) -> Self {
        let services = stack.services.values();
        let databases: Vec<_> = services
            .clone()
            .filter_map(|one| database(stack, one))
            .collect();
        let caches: Vec<_> = services
            .clone()
            .filter_map(|one| cache(stack, one))
            .collect();
        let managed = |service: &Service| {
            let name = service.name.as_str();
            databases.iter().any(|one| one.service == name)
                || caches.iter().any(|one| one.service == name)
        };
        let services: Vec<&Service> = services
            .filter(|service| service.image.is_some() && !managed(service))
            .collect();
        let mut routed: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
        for route in ordered(&stack.routes) {
            if services.iter().any(|service| service.name == route.service) {
                routed
                    .entry(route.service.as_str())
                    .or_default()
                    .push(route);
            }
        }
        let mounts = services.iter().flat_map(|service| &service.mounts);
        let volumes = mounts
            .filter(|mount| mount.kind == MountKind::Volume)
            .map(|mount| mount.source.as_str())
            .collect();
        Self {
            name: format!("{}-{}", stack.name, stack.environment),
            stack,
            databases,
            caches,
            services,
            routed,
            volumes,
        }
    }

    pub(super) fn is_ecs(&self) -> bool {
        self.stack.render.cloud.compute == Compute::Ecs
    }

    /// Whether it must survive mistakes, and the loss of a zone.
    pub(super) fn is_production(&self) -> bool {
        matches!(self.stack.purpose, Purpose::Production | Purpose::Recovery)
    }

    /// Where it stands: dr in the standby region, where there is one.
    pub(super) fn region(&self) -> &str {
        let cloud = &self.stack.render.cloud;
        match (&cloud.standby_region, self.stack.purpose) {
            (Some(standby), Purpose::Recovery) => standby,
            _ => &cloud.region,
        }
    }

    /// Where production's backups are copied to.
    pub(super) fn copies_to(&self) -> Option<&str> {
        let standby = self.stack.render.cloud.standby_region.as_deref();
        standby.filter(|region| {
            self.stack.purpose == Purpose::Production
                && self.stack.backups.enabled
                && *region != self.region()
        })
    }

    /// The bucket of the stack's own backups. `None`: they lie elsewhere.
    pub(super) fn backup_bucket(&self) -> Option<&str> {
        match &self.stack.backups.repository.at {
            RepositoryAt::S3(s3) => Some(&s3.bucket),
            _ => None,
        }
    }

    /// Days of the stack's own retention: at least one.
    pub(super) fn keep_days(&self) -> u64 {
        if !self.stack.backups.enabled {
            return 1;
        }
        let longest = self.stack.backups.keep.longest(DAY);
        longest.as_secs().div_ceil(DAY.as_secs()).max(1)
    }

    /// The same as far as RDS goes.
    pub(super) fn backup_days(&self) -> u64 {
        self.keep_days().min(LIMIT_BACKUP_DAYS)
    }

    /// A window of RDS in UTC, an hour at its beginning.
    pub(super) fn maintenance(&self) -> String {
        let window = self.stack.policy.windows.first();
        let Some(window) = window.filter(|window| window.zone == "UTC") else {
            return "sun:04:00-sun:05:00".to_owned();
        };
        let day = window
            .days
            .first()
            .map_or_else(|| "sun".to_owned(), |day| format!("{day:?}").to_lowercase());
        let from = window.from.minutes() % 1440;
        let to = (from + 60) % 1440;
        let last = if to < from {
            next_day(&day)
        } else {
            day.as_str()
        };
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!("{day}:{}-{last}:{}", clock(from), clock(to))
    }

    /// Half an hour in which RDS copies: before the maintenance begins.
    pub(super) fn backup_window(&self) -> String {
        self.before_maintenance(60, 30)
    }

    /// `ElastiCache` asks for an hour.
    pub(super) fn snapshot_window(&self) -> String {
        self.before_maintenance(120, 60)
    }

    fn before_maintenance(&self, minutes: u16, long: u16) -> String {
        let window = self.stack.policy.windows.first();
        let begins = window.filter(|window| window.zone == "UTC");
        let begins = begins.map_or(240, |window| window.from.minutes());
        let from = (begins + 1440 - minutes) % 1440;
        let to = (from + long) % 1440;
        format!(
            "{:02}:{:02}-{:02}:{:02}",
            from / 60,
            from % 60,
            to / 60,
            to % 60
        )
    }

    /// Whether CodeDeploy replaces it: asked for, and behind the load balancer.
    pub(super) fn blue_green(&self, service: &Service) -> Option<&Strategy> {
        let deploy = &self.stack.deploy;
        let policy = deploy.services.get(&service.name);
        let strategy = &policy.unwrap_or(&deploy.default).strategy;
        let fits = matches!(strategy, Strategy::BlueGreen { .. })
            && self.routed.contains_key(service.name.as_str())
            && !service.singleton
            && service.stateful.is_none()
            && self.is_ecs();
        fits.then_some(strategy)
    }

    /// The service that people reach first.
    pub(super) fn front(&self) -> Option<&'a Service> {
        let root = self.stack.routes.iter().find(|route| route.path == "/");
        let route = root.or_else(|| self.stack.routes.first())?;
        let mut services = self.services.iter();
        services
            .find(|service| service.name == route.service)
            .copied()
    }

    /// Secrets that somebody has to give a value: not those that RDS makes.
    pub(super) fn secrets(&self) -> BTreeSet<String> {
        let made: BTreeSet<&String> = self
            .databases
            .iter()
            .flat_map(|one| &one.passwords)
            .collect();
        let of_stack = self
            .stack
            .secrets
            .keys()
            .filter(|name| !made.contains(name));
        let mut names: BTreeSet<String> = of_stack.cloned().collect();
        for service in &self.services {
            let variables = service.environment.iter();
            let secret = variables.filter(|(name, value)| is_own(service, name, value));
            names.extend(secret.map(|(name, _)| format!("{}/{name}", service.name)));
        }
        names
    }

    /// The database whose password a secret of the stack is.
    pub(super) fn password_of(&self, secret: &str) -> Option<&Database> {
        let mut databases = self.databases.iter();
        databases.find(|one| one.passwords.iter().any(|name| name == secret))
    }
}

/// Longest path first, as the proxy has it; with hosts before without.
fn ordered(routes: &[Route]) -> Vec<&Route> {
    let mut ordered: Vec<&Route> = routes.iter().collect();
    ordered.sort_by_key(|route| (route.hosts.is_empty(), std::cmp::Reverse(route.path.len())));
    ordered
}

fn next_day(day: &str) -> &'static str {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = DAYS.iter().position(|one| *one == day).unwrap_or(6);
    DAYS[(at + 1) % 7]
}

/// A name of Terraform: letters, digits and `_`, a letter first.
pub(super) fn label(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let label: String = name.chars().map(fit).collect();
    if label.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{label}")
    } else {
        label
    }
}

/// The beginning of a name that AWS takes only so long.
pub(super) fn short(name: &str, limit: usize) -> String {
    let name = crate::names::dns(name);
    let cut: String = name.chars().take(limit).collect();
    cut.trim_end_matches('-').to_owned()
}
