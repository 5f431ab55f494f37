//! What sets up a machine and keeps a stack running on it: units for systemd-analyze, a playbook for ansible-lint.

use crate::peers::{peer, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Rendering, Target, render};
use mainstay_stack::TargetKind;
use snapbox::{assert_data_eq, file};
use std::path::Path;
use std::process::Command;

/// Of every example, seen from each of its environments.
fn units() -> Vec<(String, Rendering)> {
    let mut all = Vec::new();
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("an environment");
            all.push((
                format!("{name}-{environment}"),
                render(Target::Systemd, &seen),
            ));
        }
    }
    all
}

/// The same units with a program that is there: that Mainstay is installed is not what is asked.
fn installed(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths = Vec::new();
    for (label, rendering) in units() {
        write(&rendering, &folder.join(&label));
        for path in rendering
            .files
            .keys()
            .filter(|path| Path::new(path).extension() != Some("conf".as_ref()))
        {
            let path = folder.join(&label).join(path);
            let text = std::fs::read_to_string(&path).expect("a unit");
            let lines = text
                .lines()
                .map(|line| match line.strip_prefix("ExecStart=") {
                    Some(command) => {
                        let (_, arguments) = command.split_once(' ').unwrap_or((command, ""));
                        format!("ExecStart=/bin/true {arguments}")
                    }
                    None => line.to_owned(),
                });
            let lines: Vec<String> = lines.collect();
            std::fs::write(&path, lines.join("\n") + "\n").expect("a unit");
            paths.push(path);
        }
    }
    paths
}

#[test]
fn systemd_takes_every_unit() {
    let Some(analyze) = peer("systemd-analyze", "systemd_takes_every_unit") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let paths = installed(folder.path());
    assert!(paths.len() >= 40, "{paths:?}");
    for (label, _) in units() {
        let folder = folder.path().join(label);
        let of_it = paths.iter().filter(|path| path.starts_with(&folder));
        let mut command = Command::new(&analyze);
        command
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .args(of_it);
        let said = quiet(command.env("SYSTEMD_UNIT_PATH", format!("{}:", folder.display())));
        // Words of these files only: the machine's own units have their own.
        let ours: Vec<&str> = said
            .lines()
            .filter(|line| line.contains(&*folder.to_string_lossy()))
            .collect();
        assert!(ours.is_empty(), "{ours:#?}");
    }
}

#[test]
fn every_unit_is_closed_as_far_as_it_can_be() {
    let Some(analyze) = peer(
        "systemd-analyze",
        "every_unit_is_closed_as_far_as_it_can_be",
    ) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let paths = installed(folder.path());
    let services = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "service"));
    for path in services {
        // The server speaks to Docker and starts what it is told; the rest needs next to nothing.
        let server = path.ends_with("mainstay.service");
        let threshold = if server { 35 } else { 20 };
        let mut command = Command::new(&analyze);
        command.args(["security", "--offline=yes", "--no-pager"]);
        quiet(command.arg(format!("--threshold={threshold}")).arg(path));
    }
}

const SHOP: &str = r#"
services:
  app:
    x-mainstay: {command: [bin/app, "--name", "a b", "100%"], build: make, secrets: {TOKEN: token}}
    image: shop/app:1
    ports: ["80:8000", "81:8001"]
    environment: {KEY_FILE: /run/secrets/key, GREETING: "hello $$USER", PATH_TO: "a\\b"}
    secrets: [key]
    configs: [{source: conf, target: /etc/conf}]
    healthcheck: {test: [CMD, "true"]}
    depends_on: {db: {condition: service_healthy}}
    volumes: ["data:/data"]
    deploy: {replicas: 2, resources: {limits: {memory: 256M, cpus: "0.5", pids: 50}}}
    ulimits: {nofile: 1000}
    restart: on-failure
    stop_signal: SIGINT
  db:
    x-mainstay: {command: [postgres, -D, data]}
    image: postgres:16
volumes: {data: {x-mainstay: {shared: true}}}
secrets:
  key: {environment: KEY}
  token: {file: ./token}
configs: {conf: {content: x}}
"#;

const OPERATED: &str = r#"
environments: {production: {purpose: production, target: process}}
routes: [{path: /, service: app}]
health: {db: {tcp: true}}
deploy: {hooks: {before: [["true"]]}, migrations: {service: app, command: [migrate], revision: [show]}}
backups: {schedules: {daily: "0 2 * * *"}}
"#;

#[test]
fn a_process_is_a_unit_and_what_is_lost_is_named() {
    let rendering = render(Target::Systemd, &project(SHOP, OPERATED));
    assert_data_eq!(
        &rendering.files["shop-app.service"].text,
        file!["machine/app.service"]
    );
    assert_data_eq!(rendering.problems.to_string(), file!["machine/lost.txt"]);
}

#[test]
fn what_is_no_machine_has_no_units_and_no_playbook() {
    let compose = "services: {app: {image: 'a:1', ports: ['80:80']}}";
    let mainstay = "environments: {production: {purpose: production, target: docker}}";
    let mut project = project(compose, mainstay);
    for stack in project.environments.values_mut() {
        stack.target = TargetKind::Kubernetes;
    }
    for (target, file) in [
        (Target::Systemd, file!["machine/no-machine-systemd.txt"]),
        (Target::Ansible, file!["machine/no-machine-ansible.txt"]),
    ] {
        let rendering = render(target, &project);
        assert!(rendering.files.is_empty());
        assert_data_eq!(rendering.problems.to_string(), file);
    }
}

#[test]
fn a_playbook_names_what_the_machine_does_not_get() {
    let rendering = render(Target::Ansible, &project(SHOP, OPERATED));
    assert_data_eq!(
        &rendering.files["group_vars/production.yml"].text,
        file!["machine/production.yml"]
    );
    assert_data_eq!(
        &rendering.files["group_vars/all.yml"].text,
        file!["machine/all.yml"]
    );
    assert_data_eq!(
        rendering.problems.to_string(),
        file!["machine/lost-ansible.txt"]
    );
}

/// One run for all: ansible-lint takes seconds to start.
#[test]
fn ansible_lint_is_quiet() {
    let Some(lint) = peer("ansible-lint", "ansible_lint_is_quiet") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for name in EXAMPLES {
        write(
            &render(Target::Ansible, &example(name)),
            &folder.path().join(name),
        );
    }
    let mut command = Command::new(&lint);
    command
        .current_dir(folder.path())
        .args([
            "--offline",
            "--profile",
            "production",
            "--strict",
            "--nocolor",
        ])
        .env("PATH", with_folder_of(&lint))
        .env("HOME", folder.path())
        .env("ANSIBLE_LINT_NODEPS", "1");
    let said = quiet(&mut command);
    assert!(said.contains("0 failure(s), 0 warning(s)"), "{said}");
    for name in EXAMPLES {
        let mut check = Command::new(lint.with_file_name("ansible-playbook"));
        check
            .current_dir(folder.path().join(name))
            .env("HOME", folder.path());
        quiet(check.args(["-i", "inventory.example.yml", "--syntax-check", "site.yml"]));
    }
}

/// It starts programs that lie beside it.
fn with_folder_of(program: &Path) -> String {
    let folder = program.parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", folder.display())
}
