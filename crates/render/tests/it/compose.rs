//! Compose files, judged by docker-compose 1.29 and by our own reader.

use crate::peers::{peer, quiet};
use crate::rich::rich;
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Project, Rendering, Target, render};
use mainstay_stack::{Loader, MemoryLoader, Request, Stack, resolve};
use serde_json::Value;
use snapbox::{assert_data_eq, file};

use std::collections::BTreeSet;

use std::process::Command;

const PROD: &str = "compose.prod.yaml";

/// Reads each folder's files in all the combinations that are meant, within one process: the program takes half a
/// second to start. What is younger than its schema is taken out first: names of projects, secrets from variables,
/// texts of configs, what a port speaks.
const JUDGE: &str = r#"
import re, sys, os, yaml
from compose.config import config
from compose.config.environment import Environment
overlays = ["monitoring", "logging", "debug", "proxy"]
seen = 0
for folder in sys.argv[1:]:
    names = set()
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        text = open(path).read()
        names.update(re.findall(r"\$\{([A-Za-z0-9_]+):\?", text))
        read = yaml.safe_load(text)
        read.pop("name", None)
        for secret in read.get("secrets", {}).values():
            assert list(secret) == ["environment"], secret
            secret["file"] = "/dev/null"; del secret["environment"]
        for one in read.get("configs", {}).values():
            one["file"] = "/dev/null"; del one["content"]
        for service in read["services"].values():
            for port in service.get("ports", []):
                if isinstance(port, dict):
                    port.pop("app_protocol", None)
                    port["published"] = int(port["published"])
        open(path, "w").write(yaml.safe_dump(read))
    environment = Environment({name: "x" for name in names})
    there = [one for one in overlays if os.path.exists(os.path.join(folder, "compose.%s.yaml" % one))]
    each = [[one] for one in there] if folder.endswith("-production") else []
    for combination in [[]] + each + [there]:
        files = ["compose.prod.yaml"] + ["compose.%s.yaml" % one for one in combination]
        loaded = config.load(config.find(folder, files, environment))
        ports = {}
        for service in loaded.services:
            for port in service.get("ports", []):
                if port.published is None: continue
                key = str(port.published)
                assert key not in ports, "%s: %s and %s on %s" % (folder, ports[key], service["name"], key)
                ports[key] = service["name"]
        seen += 1
print("read", seen)
"#;

fn everywhere() -> Vec<(String, Project, Rendering)> {
    let mut all = Vec::new();
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("an environment");
            let rendering = render(Target::Compose, &seen);
            all.push((format!("{name}-{environment}"), seen, rendering));
        }
    }
    all
}

#[test]
fn docker_compose_reads_every_combination_and_no_port_is_taken_twice() {
    let test = "docker_compose_reads_every_combination_and_no_port_is_taken_twice";
    if peer("docker-compose", test).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    // The library of the program: it lies where Debian's own Python finds it.
    let mut judge = Command::new("/usr/bin/python3");
    judge.args(["-c", JUDGE]);
    let mut combinations = 0;
    for (label, _, rendering) in &everywhere() {
        let directory = folder.path().join(label);
        write(rendering, &directory);
        judge.arg(directory);
        // None of them, all of them, and for production each of them.
        combinations += 2;
        if label.ends_with("-production") {
            combinations += rendering.files.len() - 1;
        }
    }
    let said = quiet(&mut judge);
    assert!(said.contains(&format!("read {combinations}")), "{said}");
}

/// A file in place of the stack's own, and nothing of what mainstay.yaml says beyond where it runs.
fn read_back(stack: &Stack, text: &str) -> Stack {
    let purpose = serde_json::to_value(stack.purpose).expect("a word");
    let mainstay = format!(
        "environments: {{{}: {{purpose: {}, target: {}}}}}",
        stack.environment,
        purpose.as_str().expect("a word"),
        stack.target.word()
    );
    let directory = &stack.directory;
    let mut loader = MemoryLoader::default()
        .with(directory.join("compose.yaml"), text)
        .with(directory.join("mainstay.yaml"), mainstay);
    for name in taken_over(text) {
        loader = loader.with(
            directory.join(".env"),
            format!("{name}=a-value-of-some-length-0"),
        );
    }
    let environment = Some(stack.environment.to_string());
    let request = Request {
        directory: directory.clone(),
        environment,
        variables: taken_over(text)
            .into_iter()
            .map(|name| (name, "a-value-of-some-length-0".to_owned()))
            .collect(),
        ..Request::default()
    };
    let resolution = resolve(&loader as &dyn Loader, &request);
    let problems = resolution.problems;
    let stack = resolution.stack;
    let stack = stack.unwrap_or_else(|| panic!("{problems}\n{text}"));
    // Redacted as the other is.
    let project = Project::new(vec![stack], None).expect("an environment");
    project.main().clone()
}

fn taken_over(text: &str) -> BTreeSet<String> {
    let parts = text.split("${").skip(1);
    let named = parts.filter_map(|part| part.split_once(":?"));
    let named = named.map(|(name, _)| name.to_owned());
    let secrets = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("environment: "));
    named.chain(secrets.map(str::to_owned)).collect()
}

/// What is compared: everything but what is named as lost, and what stands in mainstay.yaml.
fn told(stack: &Stack) -> Value {
    let mut stack = serde_json::to_value(stack).expect("JSON");
    for service in stack["services"]
        .as_object_mut()
        .expect("services")
        .values_mut()
    {
        for path in ["health", "metrics", "secrets"] {
            service.as_object_mut().expect("a service").remove(path);
        }
        service["container"]["build"] = Value::Null;
        service["container"]["pull"] = Value::Null;
    }
    serde_json::json!({
        "services": stack["services"],
        "networks": stack["networks"],
        "volumes": stack["volumes"],
    })
}

#[test]
fn our_own_reader_finds_the_same_stack() {
    for (label, project, rendering) in everywhere() {
        let stack = project.main();
        let mut before = told(stack);
        let after = told(&read_back(stack, &rendering.files[PROD].text));
        publish_alike(&mut before);
        from_registry(stack, &mut before);
        alike(&label, &before, &after);
    }
}

/// Images that are built here come from where they are pushed to.
fn from_registry(stack: &Stack, told: &mut Value) {
    let Some(registry) = &stack.render.registry else {
        return;
    };
    for (name, service) in &stack.services {
        let image = service.image.as_deref().unwrap_or_default();
        let elsewhere = image
            .split('/')
            .next()
            .is_some_and(|host| host.contains('.'));
        if service.container.build.is_some() && !elsewhere {
            told["services"][name.as_str()]["image"] = format!("{registry}/{image}").into();
        }
    }
}

/// On loopback, as Mainstay opens a port of which nothing else is said; not at all for several instances.
fn publish_alike(stack: &mut Value) {
    for service in stack["services"]
        .as_object_mut()
        .expect("services")
        .values_mut()
    {
        let several = service["replicas"] != 1;
        for port in service["ports"].as_array_mut().expect("ports") {
            if several {
                port["published"] = Value::Null;
            } else if !port["published"].is_null() && port["host_ip"].is_null() {
                port["host_ip"] = "127.0.0.1".into();
            }
        }
    }
}

/// The first difference alone: the whole is long.
fn alike(label: &str, before: &Value, after: &Value) {
    let texts = [before, after].map(|value| serde_json::to_string_pretty(value).expect("JSON"));
    let mut lines = texts[0].lines().zip(texts[1].lines()).enumerate();
    let different = lines.find(|(_, (before, after))| before != after);
    assert_eq!(different, None, "{label}");
    assert_eq!(texts[0].len(), texts[1].len(), "{label}");
}

#[test]
fn no_path_of_the_machine_that_renders_is_in_a_file() {
    let mut projects: Vec<Project> = EXAMPLES.map(example).to_vec();
    projects.push(rich());
    for project in projects {
        let directory = project.main().directory.display().to_string();
        for target in [
            Target::Dockerfile,
            Target::Compose,
            Target::Swarm,
            Target::GithubActions,
            Target::Artillery,
            Target::Locust,
        ] {
            for (path, file) in render(target, &project).files {
                assert!(!file.text.contains(&directory), "{target} {path}");
            }
        }
    }
}

#[test]
fn a_release_is_the_tag_of_what_is_built_here_and_of_nothing_else() {
    let mut project = rich();
    project.release = Some("v1.4.2".to_owned());
    for target in [Target::Compose, Target::Swarm] {
        for stack in project.environments.values_mut() {
            let app = stack.services.values_mut().next().expect("app");
            app.container.isolation.privileged = false;
            app.container.devices.clear();
            app.container.device_cgroup_rules.clear();
            app.container.gpus.clear();
        }
        let files = render(target, &project).files;
        let (_, file) = files.last_key_value().expect("a file");
        let file = files.get(PROD).unwrap_or(file);
        for image in [
            "ghcr.io/example/app:v1.4.2",
            "ghcr.io/example/app:v1",
            "postgres:15",
        ] {
            let line = format!("    image: {image}");
            assert!(
                file.text.lines().any(|known| known == line),
                "{image}: {}",
                file.text
            );
        }
    }
}

#[test]
fn an_exporter_reads_its_password_from_the_secret_of_its_server() {
    let compose = "services: {cache: {image: 'redis:7', command: [redis-server, /c.conf], expose: ['6379']}}\n\
                   secrets: {cache_password: {environment: CACHE_PASSWORD}}";
    let operation = "environments: {dev: {purpose: development, target: docker}}\n\
                     metrics: {cache: {exporter: redis, secret: cache_password}}";
    let text =
        &render(Target::Compose, &project(compose, operation)).files["compose.monitoring.yaml"]
            .text;
    for part in [
        "REDIS_PASSWORD=\\\"$$(cat /run/secrets/cache_password)\\\" exec /redis_exporter",
        "cache_password:\n    environment: CACHE_PASSWORD",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn all_that_is_lost_of_a_stack_is_named() {
    let rendering = render(Target::Compose, &rich());
    assert_data_eq!(rendering.problems.to_string(), file!["lost-compose.txt"]);
}

#[test]
fn a_stack_with_everything_in_it_reads_back_the_same() {
    let project = rich();
    let rendering = render(Target::Compose, &project);
    let stack = project.main();
    let mut before = told(stack);
    let after = told(&read_back(stack, &rendering.files[PROD].text));
    publish_alike(&mut before);
    alike("rich", &before, &after);
}

#[test]
fn a_secret_within_a_command_cannot_be_written_and_nothing_is() {
    let compose = "services: {app: {image: 'a:1', command: [run, \"${API_TOKEN}\"]}}\nsecrets: {t: {environment: API_TOKEN}}";
    let mut project = project(
        compose,
        "environments: {dev: {target: docker, purpose: development}}",
    );
    for stack in project.environments.values_mut() {
        for service in stack.services.values_mut() {
            service.container.command = Some(vec![mainstay_stack::HIDDEN.to_owned()]);
        }
    }
    let rendering = render(Target::Compose, &project);
    assert!(rendering.files.is_empty());
    assert!(rendering.problems.has_errors(), "{}", rendering.problems);
}
