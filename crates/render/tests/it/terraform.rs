//! Terraform: as `fmt` writes it, valid for the provider, planned against a mock of it, and quiet for checkov.

use crate::peers::{find, peer, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_model::Bytes;
use mainstay_render::{Project, Rendering, Target, render};
use mainstay_stack::Compute;
use snapbox::{assert_data_eq, file};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The project, its services on this.
fn on(compute: Compute, mut project: Project) -> Project {
    for stack in project.environments.values_mut() {
        stack.render.cloud.compute = compute;
        stack.render.domain = Some("shop.example.org".to_owned());
        stack.render.cloud.standby_region = Some("eu-west-1".to_owned());
        stack.render.cloud.database_replicas = 2;
        stack.render.cloud.database_storage = Bytes(200 << 30);
    }
    project
}

/// Every example on both kinds of compute, each in a folder of its own.
fn written(folder: &Path) -> Vec<(String, Rendering)> {
    let mut all = Vec::new();
    for name in EXAMPLES {
        for compute in [Compute::Eks, Compute::Ecs] {
            let label = format!("{name}-{}", Compute::WORDS[compute as usize]);
            let rendering = render(Target::Terraform, &on(compute, example(name)));
            write(&rendering, &folder.join(&label));
            all.push((label, rendering));
        }
    }
    all
}

/// Terraform and a folder of providers; no registry is asked. `None` says so.
fn terraform(test: &str) -> Option<(PathBuf, PathBuf)> {
    let program = find("terraform").or_else(|| find("tofu"));
    let aws = "registry.terraform.io/hashicorp/aws";
    let named = std::env::var_os("TERRAFORM_PLUGINS").map(PathBuf::from);
    let usual = [
        "/usr/local/share/terraform/plugins",
        "/usr/share/terraform/plugins",
    ];
    let optional = std::fs::read_dir("/opt").into_iter().flatten().flatten();
    let mut folders = named
        .into_iter()
        .chain(usual.map(PathBuf::from))
        .chain(optional.map(|entry| entry.path()));
    let providers = folders.find(|folder| folder.join(aws).is_dir());
    let found = program.zip(providers);
    if found.is_none() {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!("skipped for want of terraform and its provider of AWS: {test}\n").as_bytes(),
        );
    }
    found
}

fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env_remove("TF_CLI_CONFIG_FILE")
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_IN_AUTOMATION", "1");
    command
}

fn init(program: &Path, providers: &Path, folder: &Path) {
    let mut init = command(program, folder);
    init.args(["init", "-backend=false", "-input=false", "-no-color"]);
    quiet(init.arg(format!("-plugin-dir={}", providers.display())));
}

#[test]
fn it_is_as_fmt_writes_it() {
    let Some(program) = find("terraform").or_else(|| find("tofu")) else {
        let _ = terraform("it_is_as_fmt_writes_it");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path());
    let said =
        quiet(command(&program, folder.path()).args(["fmt", "-check", "-diff", "-recursive"]));
    assert_eq!(said, "");
}

/// One call for all: each environment is a module of a root of its own.
#[test]
fn every_environment_is_valid_for_the_provider() {
    let Some((program, providers)) = terraform("every_environment_is_valid_for_the_provider")
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut root = "provider \"aws\" {}\n".to_owned();
    let mut seen = BTreeSet::new();
    for (label, rendering) in written(folder.path()) {
        let environments = environments_of(&rendering);
        assert!(environments.len() >= 4, "{label}: {environments:?}");
        for environment in environments {
            // Those that read alike but for their values are looked at once, on EKS those of one example: it
            // is the provider's time that this takes.
            let main = &rendering.files[&format!("environments/{environment}/main.tf")].text;
            let shape = main.replace(environment, "").replace(name_of(&label), "");
            let looked_at = label.ends_with("ecs") && matches!(environment, "dev" | "production");
            if !(looked_at || label.starts_with("deep-echo")) || !seen.insert(shape) {
                continue;
            }
            let file = &rendering.files[&format!("environments/{environment}/terraform.tfvars")];
            let release = if label.ends_with("ecs") {
                "release = \"v1\"\n"
            } else {
                ""
            };
            let place = format!("{label}/environments/{environment}/main.tf");
            with_one_provider(&folder.path().join(place));
            let values = indented(&file.text);
            let _ = writeln!(
                root,
                "module \"{label}-{environment}\" {{\n  source = \"./{label}/environments/{environment}\"\n  providers = {{ aws = aws }}\n{release}{values}}}"
            );
        }
    }
    std::fs::write(folder.path().join("main.tf"), root).expect("a root");
    init(&program, &providers, folder.path());
    let said = quiet(command(&program, folder.path()).args(["validate", "-no-color"]));
    assert!(said.contains("Success!"), "{said}");
}

fn environments_of(rendering: &Rendering) -> Vec<&str> {
    let paths = rendering.files.keys();
    paths
        .filter_map(|path| path.strip_prefix("environments/")?.strip_suffix("/main.tf"))
        .collect()
}

/// The environment with the root's provider: one of its own would be a process of its own. Whether those are
/// right is seen where production is planned.
fn with_one_provider(path: &Path) {
    let text = std::fs::read_to_string(path).expect("an environment");
    let mut kept = String::new();
    let mut within = false;
    for line in text.lines() {
        within |= line.starts_with("provider \"aws\"");
        if !within {
            kept.push_str(&line.replace("aws.standby", "aws"));
            kept.push('\n');
        }
        within &= line != "}";
    }
    std::fs::write(path, kept).expect("an environment");
}

/// Of the example, without what it runs on.
fn name_of(label: &str) -> &str {
    label.rsplit_once('-').map_or(label, |(name, _)| name)
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n") + "\n"
}

/// What AWS would answer, as far as the plan needs it.
const MOCK: &str = r#"
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["a", "b", "c", "d", "e", "f"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

mock_provider "aws" {
  alias = "standby"
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

run "plan" {
  command = plan
}
"#;

/// What validation does not see: counts and keys that are not known before something is there.
#[test]
fn production_can_be_planned_from_nothing() {
    let Some((program, providers)) = terraform("production_can_be_planned_from_nothing") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for compute in [Compute::Eks, Compute::Ecs] {
        let mut project = on(compute, example("deep-echo"));
        project.release = Some("v1.4.2".to_owned());
        let label = Compute::WORDS[compute as usize];
        write(
            &render(Target::Terraform, &project),
            &folder.path().join(label),
        );
        let environment = folder.path().join(label).join("environments/production");
        std::fs::write(environment.join("plan.tftest.hcl"), MOCK).expect("a test");
        init(&program, &providers, &environment);
        let said = quiet(command(&program, &environment).args(["test", "-no-color"]));
        assert!(said.contains("1 passed, 0 failed"), "{said}");
    }
}

#[test]
fn checkov_is_quiet() {
    let Some(checkov) = peer("checkov", "checkov_is_quiet") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for (label, rendering) in written(folder.path()) {
        // Environments differ in the values of the same modules: all of one example are looked at, of the others
        // what is most, production. It is checkov's time that this takes.
        let environments = folder.path().join(&label).join("environments");
        for environment in environments_of(&rendering) {
            if environment != "production" && name_of(&label) != "deep-echo" {
                std::fs::remove_dir_all(environments.join(environment)).expect("a folder");
            }
        }
    }
    let said = quiet(
        Command::new(checkov)
            .current_dir(folder.path())
            .args(["--directory", ".", "--framework", "terraform"])
            .args(["--output", "json", "--quiet", "--skip-download"]),
    );
    for line in ["\"failed\": 0", "\"parsing_errors\": 0"] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("\"passed\": 0"), "{said}");
}

const ALL: &str = r#"
services:
  app:
    image: registry.example.org/shop/app:1
    ports: ["80:8000"]
    environment: {DB: "postgres://db:5432/shop", CACHE: "redis://cache:6379/0", KEY_FILE: /run/secrets/key, A: "$${B} 5%", PEERS: "http://worker:9000/,tcp:5"}
    secrets: [key, other]
    configs: [{source: conf, target: /etc/conf}]
    privileged: true
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    group_add: ["5"]
    sysctls: {net.core.somaxconn: "1"}
    ipc: host
    pid: host
    uts: host
    userns_mode: host
    cgroup: host
    mem_reservation: 10m
    memswap_limit: 2g
    mem_swappiness: 1
    shm_size: 1m
    cpu_shares: 5
    cpuset: "0"
    cpu_quota: 1000
    oom_kill_disable: true
    oom_score_adj: 5
    ulimits: {nofile: 10}
    devices: ["/dev/null:/dev/null"]
    device_cgroup_rules: ["c 1:3 mr"]
    gpus: all
    storage_opt: {size: 1G}
    stop_signal: SIGINT
    annotations: {a: b}
    runtime: runc
    tty: true
    stdin_open: true
    hostname: a
    extra_hosts: ["a:1.2.3.4"]
    dns: [1.1.1.1]
    logging: {driver: journald}
    labels: {a: b}
    restart: "no"
    mem_limit: 40g
    pids_limit: 5
    volumes: [".:/src:ro", "data:/data"]
    tmpfs: [/tmp]
    depends_on: [db]
    networks: [front, back]
  worker:
    image: w:1
    network_mode: host
  tcp:
    image: t:1
    ports: [{target: 5, published: "5", app_protocol: tcp}]
    healthcheck: {disable: true}
  cache:
    image: redis:7
    command: [redis-server, --maxmemory-policy, allkeys-lru]
    networks: [back]
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/dbpass, POSTGRES_USER: u, POSTGRES_DB: d}
    secrets: [dbpass]
    networks: [back]
networks:
  front: {ipam: {config: [{subnet: 10.9.0.0/24}]}}
  back: {}
volumes:
  data: {driver: nfs, driver_opts: {a: b}, x-mainstay: {shared: true}}
  out: {external: true}
secrets:
  key: {environment: KEY}
  other: {environment: OTHER}
  dbpass: {environment: DBPASS}
configs:
  conf: {content: "x"}
"#;

const OPERATED: &str = r#"
environments:
  production:
    purpose: production
    target: docker
routes:
  - {path: /api, service: app, strip_prefix: true, host: shop.example.org}
health:
  worker: {http: /health}
deploy:
  strategy: blue-green
  hooks: {before: [[true]]}
  migrations: {service: app, command: [migrate]}
backups:
  schedules: {daily: "0 2 * * *"}
  keep: {within: 90d}
  copies: {second: {repository: /backups/second}}
  drill: {cron: "0 4 * * sun"}
render:
  cloud: {compute: ecs}
"#;

#[test]
fn what_is_lost_is_named_in_one_list() {
    let rendering = render(Target::Terraform, &project(ALL, OPERATED));
    assert_data_eq!(rendering.problems.to_string(), file!["terraform/lost.txt"]);
}

#[test]
fn services_are_told_where_things_are_and_no_secret() {
    let rendering = render(Target::Terraform, &project(ALL, OPERATED));
    let main = &rendering.files["environments/production/main.tf"].text;
    let from = main.find("module \"service_app\"").expect("the service");
    assert_data_eq!(&main[from..], file!["terraform/services.txt"]);
}
