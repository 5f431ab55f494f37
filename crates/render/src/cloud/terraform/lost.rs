//! What of a stack the files do not say, and what becomes of it.

use super::plan::{LIMIT_BACKUP_DAYS, Plan};
use super::service::{as_variable, shifts_exactly, size};
use crate::output::Rendering;
use mainstay_stack::{
    Container, FileKind, MountKind, NetworkMode, PortProtocol, Probe, RestartCondition, Route,
    Service, TargetKind,
};

pub(super) fn say(plan: &Plan<'_>, out: &mut Rendering) {
    let stack = plan.stack;
    if stack.render.domain.is_none() && !plan.routed.is_empty() {
        out.lost(
            "render.domain",
            "the files do not say under which name people reach the stack",
            "say it there, or give `domain` and `zone_name` to Terraform",
        );
    }
    backups(plan, out);
    if stack.target == TargetKind::Process {
        let no_image = stack.services.values().filter(|one| one.image.is_none());
        for service in no_image {
            out.lost(
                &format!("services.{}", service.name),
                "it has no image, and runs as a process only",
                "give it an `image` (and a `build`)",
            );
        }
    }
    for (name, volume) in &stack.volumes {
        let key = format!("volumes.{name}");
        if volume.external {
            out.lost(
                &key,
                "somebody else's volume is not on AWS",
                "it is made anew, and empty",
            );
        }
        if !volume.driver.name.is_empty() || !volume.driver.options.is_empty() {
            out.lost(
                &format!("{key}.driver"),
                "AWS has disks of its own",
                "it becomes EFS or EBS",
            );
        }
    }
    if !plan.is_ecs() {
        // What is said of services is written by the targets for Kubernetes.
        return;
    }
    if plan.services.is_empty() {
        out.refused(
            &format!("environments.{}", stack.environment),
            "ECS runs images, and no service has one",
            "give a service an `image`, or say `render: {cloud: {compute: eks}}`",
        );
    }
    networks(plan, out);
    deploys(plan, out);
    for route in &stack.routes {
        self::route(route, out);
    }
    for service in &plan.services {
        self::service(plan, service, out);
    }
}

fn backups(plan: &Plan<'_>, out: &mut Rendering) {
    let backups = &plan.stack.backups;
    if !backups.enabled {
        return;
    }
    if plan.keep_days() > LIMIT_BACKUP_DAYS && !plan.databases.is_empty() {
        out.lost(
            "backups.keep",
            "RDS and ElastiCache keep 35 days at most",
            "they keep 35; Mainstay's own restore points are kept as long as is said",
        );
    }
    if backups.drill.is_some() {
        out.lost(
            "backups.drill",
            "AWS restores nothing to see whether it can be restored",
            "Mainstay's server does: `mainstay backup drill`",
        );
    }
    if !backups.copies.is_empty() && plan.copies_to().is_none() {
        out.lost(
            "backups.copies",
            "buckets are copied to another region only, and none is said",
            "say `render.cloud.standby_region`; Mainstay's server makes its copies all the same",
        );
    }
}

fn networks(plan: &Plan<'_>, out: &mut Rendering) {
    let networks = &plan.stack.networks;
    if networks.len() > 1 {
        out.lost(
            "networks",
            "what runs is in one security group",
            "services reach each other on every port; databases only let them in",
        );
    }
    for (name, network) in networks {
        if !network.ipam.pools.is_empty() {
            let key = format!("networks.{name}.ipam");
            out.lost(
                &key,
                "addresses are those of the VPC",
                "see `cidr` in terraform.tfvars",
            );
        }
    }
}

fn deploys(plan: &Plan<'_>, out: &mut Rendering) {
    let deploy = &plan.stack.deploy;
    if !deploy.hooks.before.is_empty() || !deploy.hooks.after.is_empty() {
        out.lost(
            "deploy.hooks",
            "ECS runs no commands around a deploy",
            "run them in CI",
        );
    }
    if deploy.migrations.is_some() {
        let instead = "run them as a task before the deploy: `aws ecs run-task`";
        out.lost("deploy.migrations", "ECS runs no migrations", instead);
    }
    for service in &plan.services {
        let Some(strategy) = plan.blue_green(service) else {
            continue;
        };
        if !shifts_exactly(strategy) {
            out.lost(
                &format!("deploy.services.{}.steps", service.name),
                "CodeDeploy moves traffic in two steps or in equal ones",
                "the first weight is repeated until all of it is moved",
            );
        }
        let asks = |one: &&&Service| one.depends_on.contains_key(&service.name);
        if let Some(asking) = plan.services.iter().find(asks) {
            out.lost(
                &format!("services.{}", service.name),
                "what CodeDeploy replaces is found by the load balancer, not by its name",
                &format!(
                    "`{}` asks it under `domain`, or it is deployed rolling",
                    asking.name
                ),
            );
        }
    }
}

fn route(route: &Route, out: &mut Rendering) {
    let key = format!("routes.{}", route.path);
    if route.strip_prefix {
        out.lost(
            &format!("{key}.strip_prefix"),
            "the load balancer passes paths as they are",
            "let the service answer below the prefix",
        );
    }
    out.lost(
        "routes.max_body",
        "the load balancer has no limit for what is sent",
        "let services refuse what is too large",
    );
    out.lost(
        "routes.timeout",
        "the load balancer ends connections that are silent, all after the same time",
        "the longest of the routes is that time",
    );
}

fn service(plan: &Plan<'_>, service: &Service, out: &mut Rendering) {
    let key = |what: &str| format!("services.{}.{what}", service.name);
    if !service.depends_on.is_empty() {
        let why = "ECS starts services in no order";
        out.lost(
            &key("depends_on"),
            why,
            "let the service try again until what it needs is there",
        );
    }
    files(service, &key, out);
    for mount in &service.mounts {
        if mount.kind == MountKind::Bind {
            let name = format!("{}.{}", key("volumes"), mount.target);
            out.lost(
                &name,
                "there is no host to take it from",
                "put it into the image, or use a volume",
            );
        }
    }
    if service
        .ports
        .iter()
        .any(|port| port.protocol == PortProtocol::Tcp && port.published.is_some())
    {
        let why = "the load balancer takes HTTP only";
        out.lost(
            &key("ports"),
            why,
            "it is reached from within the network only",
        );
    }
    if let Some(health) = &service.health
        && !matches!(health.probe, Probe::Command { .. })
        && !plan.routed.contains_key(service.name.as_str())
    {
        let why = "only the load balancer asks over HTTP, and no route leads there";
        out.lost(
            &key("health"),
            why,
            "give it a `healthcheck` with a command",
        );
    }
    if matches!(
        service.restart.condition,
        RestartCondition::No | RestartCondition::OnFailure
    ) {
        out.lost(
            &key("restart"),
            "ECS always starts what ended",
            "run it as a task: `aws ecs run-task`",
        );
    }
    limits(service, &key, out);
    if service.stop_signal != "SIGTERM" {
        let why = "Fargate sends the signal that the image names, or SIGTERM";
        out.lost(
            &key("stop_signal"),
            why,
            "say it in the Dockerfile: `STOPSIGNAL`",
        );
    }
    if !service.labels.is_empty() {
        out.lost(
            &key("labels"),
            "nobody reads them on ECS",
            "tags say stack and environment",
        );
    }
    self::container(&service.container, &key, out);
}

fn files(service: &Service, key: &dyn Fn(&str) -> String, out: &mut Rendering) {
    for file in &service.files {
        let name = format!(
            "{}.{}",
            key(if file.kind == FileKind::Secret {
                "secrets"
            } else {
                "configs"
            }),
            file.name
        );
        let given = service.environment.iter().find_map(|(variable, value)| {
            let found = as_variable(service, variable, value.text.expose());
            found.filter(|(_, secret)| *secret == file.name)
        });
        match (file.kind, given) {
            (FileKind::Secret, Some((variable, _))) => {
                let instead = format!("its value is given as `{variable}`");
                out.lost(&name, "ECS gives no files", &instead);
            }
            (FileKind::Secret, None) => {
                let why = "ECS gives no files, and no variable ends in _FILE";
                out.lost(
                    &name,
                    why,
                    "let the service read a variable: `x-mainstay.secrets`",
                );
            }
            (FileKind::Config, _) => {
                out.lost(&name, "ECS gives no files", "put it into the image");
            }
        }
    }
}

fn limits(service: &Service, key: &dyn Fn(&str) -> String, out: &mut Rendering) {
    let memory = service.limits.memory.map(|bytes| bytes.0.div_ceil(1 << 20));
    let (cpu, most) = size(service.limits.cpus, memory);
    if service
        .limits
        .cpus
        .is_some_and(|cpus| cpus * 1024.0 > f64::from(cpu))
        || memory.is_some_and(|memory| memory > most)
    {
        let why = "a task has 4 processors and 30 GiB at most here";
        out.lost(&key("limits"), why, "it gets as much as there is");
    }
    if service.limits.processes.is_some() || service.limits.open_files.is_some() {
        out.lost(
            &key("limits"),
            "Fargate has limits of its own",
            "processes and open files are as there",
        );
    }
}

fn container(container: &Container, key: &dyn Fn(&str) -> String, out: &mut Rendering) {
    let isolation = &container.isolation;
    let resources = &container.resources;
    let network = &container.network;
    let none = Container::default();
    let fargate = "Fargate does not have it";
    let checks = [
        ("privileged", isolation.privileged),
        ("cap_add", !isolation.cap_add.is_empty()),
        ("security_opt", !isolation.security_opt.is_empty()),
        ("group_add", !isolation.group_add.is_empty()),
        ("sysctls", !isolation.sysctls.is_empty()),
        ("ipc", isolation.ipc.is_some()),
        ("pid", isolation.pid.is_some()),
        ("uts", isolation.uts.is_some()),
        ("userns", isolation.userns.is_some()),
        (
            "cgroup",
            isolation.cgroup.is_some() || isolation.cgroup_parent.is_some(),
        ),
        ("mem_reservation", resources.memory_reservation.is_some()),
        ("memswap_limit", resources.memory_swap.is_some()),
        ("mem_swappiness", resources.memory_swappiness.is_some()),
        ("shm_size", resources.shm_size.is_some()),
        ("cpu_shares", resources.cpu_shares.is_some()),
        ("cpuset", resources.cpuset.is_some()),
        (
            "cpu_quota",
            resources.cpu_quota_us.is_some() || resources.cpu_period_us.is_some(),
        ),
        ("oom_kill_disable", resources.oom_kill_disable),
        ("oom_score_adj", resources.oom_score_adj.is_some()),
        ("ulimits", !resources.ulimits.is_empty()),
        ("devices", !container.devices.is_empty()),
        (
            "device_cgroup_rules",
            !container.device_cgroup_rules.is_empty(),
        ),
        ("gpus", !container.gpus.is_empty()),
        ("storage_opt", !container.storage_options.is_empty()),
        ("annotations", !container.annotations.is_empty()),
        ("runtime", container.runtime.is_some()),
        ("tty", container.tty),
        ("stdin_open", container.stdin_open),
        ("network_mode", network.mode != NetworkMode::Networks),
        (
            "hostname",
            network.hostname.is_some() || network.domainname.is_some(),
        ),
        ("extra_hosts", !network.extra_hosts.is_empty()),
        (
            "dns",
            !network.dns.is_empty()
                || !network.dns_options.is_empty()
                || !network.dns_search.is_empty(),
        ),
    ];
    for (what, there) in checks {
        if there {
            out.lost(&key(what), fargate, "left out");
        }
    }
    if container.logging.driver != none.logging.driver {
        out.lost(
            &key("logging"),
            "what it prints goes to CloudWatch",
            "kept there for a year",
        );
    }
}
