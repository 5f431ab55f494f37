//! What is lost of the stack beside its services.

use crate::kubernetes::backup;
use crate::kubernetes::known;
use crate::kubernetes::network::{self, NGINX};
use crate::kubernetes::site::Site;
use crate::output::Rendering;
use mainstay_stack::{BackupSource, Balance, RepositoryAt, SourceKind};

pub(super) fn say(site: &Site<'_>, out: &mut Rendering) {
    volumes(site, out);
    networks(site, out);
    routes(site, out);
    deploy(site, out);
    backups(site, out);
}

fn volumes(site: &Site<'_>, out: &mut Rendering) {
    for (key, volume) in &site.stack.volumes {
        let path = format!("volumes.{key}");
        if !matches!(volume.driver.name.as_str(), "" | "local") || !volume.driver.options.is_empty()
        {
            out.lost(
                &format!("{path}.driver"),
                "a storage class decides where it lies",
                "name one in `render.kubernetes.storage_class`",
            );
        }
        if !volume.labels.is_empty() {
            out.lost(
                &format!("{path}.labels"),
                "a claim has the labels of its service",
                "nothing is to be done",
            );
        }
    }
}

fn networks(site: &Site<'_>, out: &mut Rendering) {
    for (key, network) in &site.stack.networks {
        let path = format!("networks.{key}");
        if network.external {
            let why = "what is on it beyond the stack is not known here";
            out.lost(&path, why, "allow it with a NetworkPolicy of your own");
        }
        let plain = network.driver.name.is_empty()
            || network.driver.name == "bridge"
            || network.driver.name == "overlay";
        let plain = plain
            && network.driver.options.is_empty()
            && network.ipam.pools.is_empty()
            && network.ipam.driver.name.is_empty();
        if !plain || network.enable_ipv6 {
            out.lost(
                &format!("{path}.driver"),
                "all pods are on the cluster's own network",
                "its plug-in decides on addresses",
            );
        }
        if !network.labels.is_empty() || network.attachable {
            out.lost(
                &format!("{path}.labels"),
                "a NetworkPolicy stands in for a network",
                "nothing is to be done",
            );
        }
    }
}

fn routes(site: &Site<'_>, out: &mut Rendering) {
    let nginx = site.stack.render.kubernetes.ingress_class == NGINX;
    for route in &site.stack.routes {
        let path = format!("routes.{}", route.path);
        if route.balance == Balance::LeastConnections
            || route.balance == Balance::ClientIp && !nginx
        {
            out.lost(
                &format!("{path}.balance"),
                "an Ingress has no word for it",
                "its controller balances as it is set up; istio can",
            );
        }
        if !nginx {
            let what = if route.strip_prefix {
                "timeout, max_body, strip_prefix"
            } else {
                "timeout, max_body"
            };
            out.lost(
                &format!("{path} ({what})"),
                "annotations are written for the class `nginx`",
                "set them as your controller wants them",
            );
        }
        if network::hosts(site, route).is_empty() {
            out.lost(
                &format!("{path} (TLS)"),
                "no host is known, and a certificate is for one",
                "say `render.domain` or `hosts` of the route",
            );
        }
        let listens = site.stack.services.get(&route.service);
        if listens.is_some_and(|service| known::first_port(service).is_none()) {
            out.refused(
                &path,
                "its service has no port",
                "say `expose` of the service",
            );
        }
    }
    if !site.stack.probes.is_empty() {
        out.lost(
            "probes",
            "nothing in a cluster asks them",
            "render prometheus, for a blackbox exporter",
        );
    }
}

fn deploy(site: &Site<'_>, out: &mut Rendering) {
    let deploy = &site.stack.deploy;
    if !deploy.hooks.before.is_empty() || !deploy.hooks.after.is_empty() {
        out.lost(
            "deploy.hooks",
            "they run in the stack's directory",
            "render github-actions, or deploy with Mainstay",
        );
    }
    if let Some(migrations) = &deploy.migrations
        && (migrations.downgrade.is_some() || migrations.revision.is_some())
    {
        out.lost(
            "deploy.migrations.downgrade",
            "a Job goes one way",
            "take a change back with a Job of your own",
        );
    }
    if deploy.steps.values().any(|step| !step.commands.is_empty()) {
        out.lost(
            "deploy.pipeline",
            "`kubectl apply` has no steps",
            "render github-actions, or deploy with Mainstay",
        );
    }
    if !site.stack.alerts.is_empty() {
        out.lost(
            "alerts",
            "rules are Prometheus's",
            "render prometheus and alertmanager",
        );
    }
}

fn backups(site: &Site<'_>, out: &mut Rendering) {
    let backups = &site.stack.backups;
    if !backups.enabled {
        return;
    }
    for (name, schedule) in &backups.schedules {
        if backup::cron(schedule).is_none() {
            let why = format!(
                "`{}` is more than the five fields that a CronJob takes",
                schedule.when.cron()
            );
            out.lost(
                &format!("backups.schedules.{name}"),
                &why,
                "say it in five fields",
            );
        }
        if !schedule.when.jitter().is_zero() {
            out.lost(
                &format!("backups.schedules.{name}.jitter"),
                "a CronJob starts on the minute",
                "nothing is to be done",
            );
        }
    }
    for (name, source) in backups.active() {
        source_lost(site, name, source, out);
    }
    let keep = &backups.keep;
    if keep.weekly + keep.monthly + keep.yearly + keep.hourly + keep.last > 0 {
        let days = backup::days(site);
        out.lost(
            "backups.keep",
            "a CronJob keeps every dump for a number of days",
            &format!("each is kept for {days} days"),
        );
    }
    if backups.drill.is_some() {
        out.lost(
            "backups.drill",
            "nothing in a cluster restores a dump to prove it",
            "drill with Mainstay",
        );
    }
    if !backups.copies.is_empty() || !matches!(backups.repository.at, RepositoryAt::Server) {
        out.lost(
            "backups.repository",
            "dumps lie on a claim of the namespace, unencrypted",
            "copy them elsewhere, or back up with Mainstay",
        );
    }
}

fn source_lost(site: &Site<'_>, name: &str, source: &BackupSource, out: &mut Rendering) {
    let path = format!("backups.sources.{name}");
    if backup::dump(site, source).is_none() {
        let why = match &source.kind {
            SourceKind::Volume(_) | SourceKind::Directory(_) | SourceKind::Sqlite(_) => {
                "files that somebody writes to are not whole when they are copied from outside"
            }
            _ => "it needs a program that its image is not known to have",
        };
        out.lost(
            &path,
            why,
            "take snapshots of the volume, or back up with Mainstay",
        );
    }
    if let SourceKind::Postgresql(from) = &source.kind
        && from.wal.is_some()
    {
        out.lost(
            &format!("{path}.wal"),
            "a CronJob has what was there when it ran, and no log",
            "an operator for PostgreSQL, or back up with Mainstay",
        );
    }
}
