//! A service as a task of ECS.

use super::hcl::{Body, Expr, escaped};
use super::plan::{Plan, label};
use super::traffic::port;
use mainstay_stack::{FileKind, HealthCheck, MountKind, Probe, Service, Strategy, Value};
use std::collections::BTreeMap;

/// Sizes that Fargate has: processor in 1024ths, memory in MiB from, to, and by which step.
const SIZES: [(u32, u64, u64, u64); 5] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
];

/// The smallest size that has what the service may use.
pub(super) fn size(cpus: Option<f64>, memory_mib: Option<u64>) -> (u32, u64) {
    let cpu = cpus.unwrap_or(0.25) * 1024.0;
    let memory = memory_mib.unwrap_or(512);
    for (units, least, most, step) in SIZES {
        if f64::from(units) >= cpu && memory <= most {
            let memory = memory.max(least).div_ceil(step) * step;
            // The smallest has 512, 1024 and 2048, and nothing between.
            let memory = if units == 256 && memory > 1024 {
                2048
            } else {
                memory
            };
            return (units, memory);
        }
    }
    (4096, 30720)
}

/// The module that runs it.
pub(super) fn module(service: &Service) -> String {
    format!("service_{}", label(service.name.as_str()))
}

pub(super) fn block(plan: &Plan<'_>, service: &Service) -> Body {
    let container = &service.container;
    let memory = service.limits.memory.map(|bytes| bytes.0.div_ceil(1 << 20));
    let (cpu, memory) = size(service.limits.cpus, memory);
    let image = crate::names::image(plan.stack, service).unwrap_or_default();
    let mut body = Body::new()
        .of("name", "local.name")
        .set("service", service.name.as_str())
        .of("cluster_arn", "module.cluster.cluster_arn")
        .of("cluster_name", "module.cluster.cluster_name")
        .of("namespace_id", "module.cluster.namespace_id")
        .blank()
        .set("image", versioned(service, &image))
        .maybe("entrypoint", container.entrypoint.as_ref().map(Expr::texts))
        .maybe("command", container.command.as_ref().map(Expr::texts));
    if let Some(directory) = &service.working_directory {
        body = body.set("working_directory", directory.display().to_string());
    }
    body = body.maybe("user", user(service));
    if container.isolation.read_only {
        body = body.set("read_only", true);
    }
    if !container.isolation.cap_drop.is_empty() {
        body = body.set("cap_drop", Expr::texts(&container.isolation.cap_drop));
    }
    if container
        .platform
        .as_deref()
        .is_some_and(|platform| platform.contains("arm64"))
    {
        body = body.set("architecture", "ARM64");
    }
    body = body.set("cpu", cpu).set("memory_mb", memory);
    let ports: Vec<Expr> = service
        .ports
        .iter()
        .map(|port| port.target.into())
        .collect();
    if !ports.is_empty() {
        body = body.set("ports", Expr::List(ports));
    } else if plan.routed.contains_key(service.name.as_str()) {
        body = body.set("ports", Expr::List(vec![port(service).into()]));
    }
    let body = running(plan, service, inside(plan, service, body));
    body.blank()
        .of("subnet_ids", "module.vpc.private_subnet_ids")
        .of("security_group_id", "module.vpc.app_security_group_id")
        .of("kms_key_arn", "module.kms.key_arn")
}

/// An image that is built here has the tag of the release that is applied.
fn versioned(service: &Service, image: &str) -> Expr {
    if service.container.build.is_none() {
        return image.into();
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = match last.split_once(':') {
        Some((_, tag)) => image
            .strip_suffix(tag)
            .unwrap_or(image)
            .trim_end_matches(':'),
        None => image,
    };
    Expr::Template(format!("{}:${{var.release}}", escaped(name)))
}

fn user(service: &Service) -> Option<String> {
    let user = service.user.as_ref()?;
    Some(match &service.group {
        Some(group) => format!("{user}:{group}"),
        None => user.clone(),
    })
}

/// Variables, secrets, disks.
fn inside(plan: &Plan<'_>, service: &Service, mut body: Body) -> Body {
    let (environment, secrets) = variables(plan, service);
    if !environment.is_empty() {
        body = body.blank().set("environment", Expr::map(environment));
    }
    if !secrets.is_empty() {
        let arns = secret_arns(plan, service)
            .into_iter()
            .map(Expr::raw)
            .collect();
        body = body
            .blank()
            .set("secrets", Expr::map(secrets))
            .set("secret_arns", Expr::List(arns));
    }
    let volumes = service
        .mounts
        .iter()
        .filter(|mount| mount.kind == MountKind::Volume);
    let mounts: Vec<Expr> = volumes
        .map(|mount| {
            let mut entries = vec![
                ("volume", Expr::from(mount.source.as_str())),
                ("path", mount.target.as_str().into()),
            ];
            if mount.read_only {
                entries.push(("read_only", true.into()));
            }
            Expr::map(entries)
        })
        .collect();
    if !mounts.is_empty() {
        body = body
            .blank()
            .set("mounts", Expr::List(mounts))
            .of("file_system_id", "module.disk.file_system_id")
            .of("access_points", "module.disk.access_points");
    }
    let temporary = service
        .mounts
        .iter()
        .filter(|mount| mount.kind == MountKind::Tmpfs);
    let temporary = temporary.map(|mount| mount.target.as_str());
    let scratch: Vec<&str> = service
        .container
        .tmpfs
        .keys()
        .map(String::as_str)
        .chain(temporary)
        .collect();
    if !scratch.is_empty() {
        body = body.set("scratch_paths", Expr::texts(scratch));
    }
    body
}

/// How many, how they are replaced, and when they are healthy.
fn running(plan: &Plan<'_>, service: &Service, body: Body) -> Body {
    let mut body = body.blank().set("desired_count", service.replicas);
    if service.singleton || service.stateful.is_some() {
        body = body.set("singleton", true);
    }
    body = body.set("stop_seconds", service.stop_grace.as_secs().clamp(2, 120));
    if let Some(health) = &service.health {
        body = body.set("start_seconds", health.start_period.as_secs().max(30));
        body = body.maybe("health_check", command(health));
    }
    let render = plan.stack.render.services.get(&service.name);
    if let Some(autoscale) = render.and_then(|render| render.autoscale.as_ref()) {
        let mut entries = vec![
            ("min", Expr::from(autoscale.min)),
            ("max", autoscale.max.into()),
        ];
        entries.extend(autoscale.cpu.map(|cpu| ("cpu_percent", cpu.into())));
        entries.extend(
            autoscale
                .memory
                .map(|memory| ("memory_percent", memory.into())),
        );
        body = body.set("autoscale", Expr::map(entries));
    }
    if !plan.routed.contains_key(service.name.as_str()) {
        return body;
    }
    let group = |suffix: &str, what: &str| {
        Expr::raw(format!(
            "module.alb.target_groups[\"{}{suffix}\"].{what}",
            service.name
        ))
    };
    body = body.blank().set("target_group_arn", group("", "arn"));
    if let Some(strategy) = plan.blue_green(service) {
        let mut entries = shift(strategy);
        let watch = plan
            .stack
            .deploy
            .watch
            .as_secs()
            .div_ceil(60)
            .clamp(1, 2880);
        entries.push(("watch_minutes", watch.into()));
        entries.push(("load_balancer", Expr::raw("module.alb.arn_suffix")));
        entries.push(("listener_arn", Expr::raw("module.alb.https_listener_arn")));
        entries.push(("blue_group", group("", "name")));
        entries.push(("green_group", group("-green", "name")));
        body = body.set("blue_green", Expr::map(entries));
    }
    body
}

/// The weights of the stack as CodeDeploy has them: at once, in two steps, or in equal ones.
fn shift(strategy: &Strategy) -> Vec<(&'static str, Expr)> {
    let Strategy::BlueGreen { steps, pause } = strategy else {
        return Vec::new();
    };
    let minutes = pause.as_secs().div_ceil(60).clamp(1, 2880);
    match steps.first() {
        Some(first) if *first < 100 => {
            let linear = steps.len() > 2;
            let routing = if linear {
                "TimeBasedLinear"
            } else {
                "TimeBasedCanary"
            };
            vec![
                ("routing", routing.into()),
                ("percent", Expr::from(*first)),
                ("minutes", minutes.into()),
            ]
        }
        _ => vec![("routing", "AllAtOnce".into())],
    }
}

/// Whether CodeDeploy has these steps as they are.
pub(super) fn shifts_exactly(strategy: &Strategy) -> bool {
    let Strategy::BlueGreen { steps, .. } = strategy else {
        return true;
    };
    let mut weights = vec![0];
    weights.extend(steps);
    if weights.last() != Some(&100) {
        weights.push(100);
    }
    let risen: Vec<u8> = weights
        .windows(2)
        .map(|two| two[1].saturating_sub(two[0]))
        .collect();
    risen.len() <= 2 || risen.iter().all(|one| *one == risen[0])
}

fn command(health: &HealthCheck) -> Option<Expr> {
    let Probe::Command { command } = &health.probe else {
        return None;
    };
    let mut words = vec!["CMD".to_owned()];
    words.extend(command.iter().cloned());
    let seconds = |duration: std::time::Duration, least, most| {
        Expr::from(duration.as_secs().clamp(least, most))
    };
    Some(Expr::map([
        ("command", Expr::texts(words)),
        ("interval", seconds(health.interval, 5, 300)),
        ("timeout", seconds(health.timeout, 2, 60)),
        ("retries", Expr::from(health.retries.clamp(1, 10))),
        ("startPeriod", seconds(health.start_period, 0, 300)),
    ]))
}

type Variables = (BTreeMap<String, Expr>, BTreeMap<String, Expr>);

/// What the task is given as it is, and what from Secrets Manager.
fn variables(plan: &Plan<'_>, service: &Service) -> Variables {
    let mut environment = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for (name, value) in &service.environment {
        let text = value.text.expose();
        if let Some((variable, secret)) = as_variable(service, name, text) {
            secrets.insert(variable, Expr::raw(reference(plan, secret)));
        } else if let Some(secret) = service.secrets.get(name) {
            secrets.insert(name.clone(), Expr::raw(reference(plan, secret)));
        } else if value.secret {
            let own = format!("module.secrets.arns[\"{}/{name}\"]", service.name);
            secrets.insert(name.clone(), Expr::raw(own));
        } else {
            environment.insert(name.clone(), hosts(plan, text));
        }
    }
    for (name, secret) in &service.secrets {
        secrets.insert(name.clone(), Expr::raw(reference(plan, secret)));
    }
    (environment, secrets)
}

/// A secret of which the stack knows no more than that a variable of this service is one.
pub(super) fn is_own(service: &Service, name: &str, value: &Value) -> bool {
    value.secret
        && !service.secrets.contains_key(name)
        && as_variable(service, name, value.text.expose()).is_none()
}

/// `X_FILE=/run/secrets/x`: ECS gives no files, so the secret is given as `X`.
pub(super) fn as_variable<'a>(
    service: &'a Service,
    name: &str,
    text: &str,
) -> Option<(String, &'a str)> {
    let variable = name.strip_suffix("_FILE")?;
    // A path may be hidden because of the variable's name: then the secret of that name is meant.
    let meant = |file: &&mainstay_stack::GrantedFile| {
        file.target == text
            || (text == mainstay_stack::HIDDEN && file.name.eq_ignore_ascii_case(variable))
    };
    let mut files = service.files.iter();
    let file = files.find(|file| file.kind == FileKind::Secret && meant(file))?;
    Some((variable.to_owned(), &file.name))
}

/// What a task definition calls the value of a secret of the stack.
fn reference(plan: &Plan<'_>, secret: &str) -> String {
    match plan.password_of(secret) {
        Some(database) => {
            let module = label(&database.service);
            format!("\"${{module.{module}.secret_arn}}:password::\"")
        }
        None => format!("module.secrets.arns[\"{secret}\"]"),
    }
}

/// References to the secrets that a service may read.
pub(super) fn secret_arns(plan: &Plan<'_>, service: &Service) -> Vec<String> {
    let files = service
        .files
        .iter()
        .filter(|file| file.kind == FileKind::Secret);
    let mut arns: Vec<String> = files
        .map(|file| file.name.as_str())
        .chain(service.secrets.values().map(String::as_str))
        .map(|secret| match plan.password_of(secret) {
            Some(database) => format!("module.{}.secret_arn", label(&database.service)),
            None => format!("module.secrets.arns[\"{secret}\"]"),
        })
        .collect();
    let own = service
        .environment
        .iter()
        .filter(|(name, value)| is_own(service, name, value));
    arns.extend(own.map(|(name, _)| format!("module.secrets.arns[\"{}/{name}\"]", service.name)));
    arns.sort();
    arns.dedup();
    arns
}

/// A value in which the names of other services are where they are found on AWS.
fn hosts(plan: &Plan<'_>, text: &str) -> Expr {
    let mut out = String::new();
    let mut rest = text;
    let mut changed = false;
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    while !rest.is_empty() {
        let end = rest.find(|c| !is_host(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let begins = out.is_empty() || out.ends_with("//") || out.ends_with(['@', ',']);
        let ends = after.is_empty() || after.starts_with([':', '/', ',', '?']);
        // A scheme is no host.
        let found = (begins && ends && !after.starts_with("://"))
            .then(|| address(plan, word))
            .flatten();
        match found {
            Some(address) => {
                changed = true;
                // The cache speaks TLS only.
                if plan.caches.iter().any(|cache| cache.service == word)
                    && let Some(before) = out.strip_suffix("redis://")
                {
                    out = format!("{before}rediss://");
                }
                out.push_str(&address);
            }
            None => out.push_str(word),
        }
        // Together with what follows, which decides whether a `$` begins a template.
        let step = after.chars().next().map_or(0, char::len_utf8);
        let step = if after.starts_with("${") || after.starts_with("%{") {
            2
        } else {
            step
        };
        out.push_str(&escaped(&after[..step]));
        rest = &after[step..];
    }
    if changed {
        Expr::Template(out)
    } else {
        text.into()
    }
}

/// Where a service of the stack is found, as a part of a template.
fn address(plan: &Plan<'_>, name: &str) -> Option<String> {
    let databases = plan.databases.iter().map(|one| &one.service);
    let mut managed = databases.chain(plan.caches.iter().map(|one| &one.service));
    if managed.any(|service| service == name) {
        return Some(format!("${{module.{}.address}}", label(name)));
    }
    let mut services = plan.services.iter();
    let service = services.find(|service| service.name.as_str() == name)?;
    // One of CodeDeploy's is found by its load balancer only.
    let registered = plan.blue_green(service).is_none();
    registered.then(|| format!("{name}.${{module.cluster.namespace}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_at_least_what_the_service_may_use() {
        for (cpus, memory, size) in [
            (None, None, (256, 512)),
            (Some(0.25), Some(1500), (256, 2048)),
            (Some(0.5), Some(128), (512, 1024)),
            (Some(1.0), Some(512), (1024, 2048)),
            (Some(1.0), Some(9000), (2048, 9216)),
            (Some(16.0), Some(99_999), (4096, 30720)),
        ] {
            assert_eq!(super::size(cpus, memory), size);
        }
    }

    #[test]
    fn steps_are_exact_where_there_are_two_or_equal_ones() {
        let steps = |steps: &[u8]| Strategy::BlueGreen {
            steps: steps.to_vec(),
            pause: std::time::Duration::from_mins(1),
        };
        for (weights, exact) in [
            (&[100][..], true),
            (&[10, 100], true),
            (&[20, 40, 60, 80, 100], true),
            (&[10, 50, 100], false),
        ] {
            assert_eq!(shifts_exactly(&steps(weights)), exact, "{weights:?}");
        }
    }
}
