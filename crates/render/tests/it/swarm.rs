//! Swarm stacks: their schema by docker-compose, their words by a Swarm of one machine.

use crate::engine::{Engine, wait};
use crate::peers::{peer, quiet};
use crate::rich::rich;
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Rendering, Target, render};
use snapbox::{assert_data_eq, file};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The schema of version 3.9, which docker-compose and `docker stack deploy` share; in one process.
const JUDGE: &str = r#"
import re, sys, os, yaml
from compose.config import config
from compose.config.environment import Environment
seen = 0
for folder in sys.argv[1:]:
    path = os.path.join(folder, "stack.yaml")
    text = open(path).read()
    read = yaml.safe_load(text)
    for service in read["services"].values():
        # Its copy of the schema is older than limits of processes; `docker stack` has them.
        service["deploy"].get("resources", {}).get("limits", {}).pop("pids", None)
    open(path, "w").write(yaml.safe_dump(read))
    names = set(re.findall(r"\$\{([A-Za-z0-9_]+):\?", text))
    environment = Environment({name: "x" for name in names})
    config.load(config.find(folder, ["stack.yaml"], environment))
    seen += 1
print("read", seen)
"#;

#[test]
fn every_stack_fits_the_schema() {
    if peer("docker-compose", "every_stack_fits_the_schema").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut judge = Command::new("/usr/bin/python3");
    judge.args(["-c", JUDGE]);
    let mut count = 0;
    let mut add = |label: &str, rendering: &Rendering| {
        let directory = folder.path().join(label);
        write(rendering, &directory);
        judge.arg(directory);
        count += 1;
    };
    for name in EXAMPLES {
        let project = example(name);
        for environment in project.environments.keys() {
            let seen = project.seen_from(environment).expect("an environment");
            add(
                &format!("{name}-{environment}"),
                &render(Target::Swarm, &seen),
            );
        }
    }
    add("rich", &render(Target::Swarm, &rich_without_refusals()));
    let said = quiet(&mut judge);
    assert!(said.contains(&format!("read {count}")), "{said}");
}

#[test]
fn docker_stack_reads_the_one_with_everything_in_it() {
    let test = "docker_stack_reads_the_one_with_everything_in_it";
    let Some(docker) = peer("docker", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &render(Target::Swarm, &rich_without_refusals()),
        folder.path(),
    );
    let mut config = Command::new(docker);
    config.args(["stack", "config", "--compose-file", "stack.yaml"]);
    let known = Command::new(config.get_program())
        .args(["stack", "config", "--help"])
        .output();
    if !known
        .is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("docker stack config"))
    {
        eprintln!("skipped for want of a Docker that knows `stack config`: {test}");
        return;
    }
    config.current_dir(folder.path());
    config.envs(["API_TOKEN", "TOKEN_OF_STORE", "STORED"].map(|name| (name, "x")));
    let said = quiet(&mut config);
    assert!(
        said.contains("pids: 100") && !said.contains("Ignoring"),
        "{said}"
    );
}

fn rich_without_refusals() -> mainstay_render::Project {
    let mut project = rich();
    for stack in project.environments.values_mut() {
        for service in stack.services.values_mut() {
            let container = &mut service.container;
            container.isolation.privileged = false;
            container.devices.clear();
            container.device_cgroup_rules.clear();
            container.gpus.clear();
        }
    }
    project
}

#[test]
fn what_cannot_run_in_a_swarm_is_said_all_at_once_and_nothing_is_written() {
    let rendering = render(Target::Swarm, &rich());
    assert!(rendering.files.is_empty());
    let problems = rendering.problems.to_string();
    for field in ["privileged", "devices", "gpus"] {
        let line = format!("error: `services.app.{field}` cannot be expressed");
        assert!(problems.contains(&line), "{problems}");
    }
}

#[test]
fn all_that_a_swarm_loses_is_named() {
    let rendering = render(Target::Swarm, &rich_without_refusals());
    assert_data_eq!(rendering.problems.to_string(), file!["lost-swarm.txt"]);
}

const SMALL: &str = r#"
name: small
services:
  web:
    image: 127.0.0.1:1/small:v1
    command: [/bin/sh, -c, "test -s /run/secrets/key && test -s /settings && exec sleep 600"]
    secrets: [key]
    configs: [settings]
    user: "10001"
    read_only: true
    cap_drop: [ALL]
    expose: ["80"]
    healthcheck: {test: [CMD, /bin/sh, -c, "exit 0"], interval: 1s, timeout: 5s, retries: 3}
    networks: [front]
    depends_on: {store: {condition: service_healthy}}
    stop_grace_period: 1s
    deploy: {replicas: 2, resources: {limits: {memory: 64m}}}
  store:
    image: 127.0.0.1:1/small:v1
    command: [/bin/sh, -c, "echo kept > /data/file && exec sleep 600"]
    healthcheck: {test: [CMD, /bin/sh, -c, "exit 0"], interval: 1s, timeout: 5s, retries: 3}
    volumes: ["data:/data"]
    networks: [front]
    stop_grace_period: 1s
    deploy: {update_config: {order: stop-first}}
networks: {front: {}}
volumes: {data: {}}
secrets: {key: {environment: KEY}}
configs: {settings: {content: "a = 1\n"}}
"#;

const SMALL_OPERATION: &str = "environments: {production: {purpose: production, target: docker}}\ndeploy: {pipeline: none, minimum_healthy_time: 2s, services: {store: {strategy: stop-first}}}\nroutes: []\nsecrets: {key: {from: environment}}\n";

/// A shell and `sleep` with what they are linked with.
fn root_of_an_image(folder: &Path) -> PathBuf {
    let root = folder.join("root");
    for directory in ["bin", "data", "run", "tmp"] {
        std::fs::create_dir_all(root.join(directory)).expect("a folder");
    }
    let linked = quiet(Command::new("ldd").args(["/bin/sh", "/bin/sleep"]));
    let libraries = linked
        .split_whitespace()
        .map(|word| word.trim_end_matches(':'));
    let files = libraries.filter(|word| word.starts_with('/'));
    for file in files.chain(["/bin/sh", "/bin/sleep"]) {
        let place = root.join(file.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
        std::fs::copy(file, &place).expect("a file of this system");
    }
    root
}

#[test]
fn a_swarm_of_one_machine_runs_it() {
    let test = "a_swarm_of_one_machine_runs_it";
    let here = ["docker", "dockerd", "ip"].map(|program| peer(program, test));
    if here.iter().any(Option::is_none) {
        return;
    }
    let engine = Engine::start();
    one_machine(&engine);
    let files = engine.folder().join("files");
    write(
        &render(Target::Swarm, &project(SMALL, SMALL_OPERATION)),
        &files,
    );
    runs(&engine, &files.join("stack.yaml").display().to_string());
}

/// A Swarm with the image, the secret and the label that the stack asks for.
fn one_machine(engine: &Engine) {
    let folder = engine.folder();
    let root = root_of_an_image(folder);
    let archive = folder.join("image.tar");
    let tar = archive.display().to_string();
    quiet(
        Command::new("tar")
            .args(["-cf", &tar, "-C"])
            .arg(&root)
            .arg("."),
    );
    engine.said(&[
        "import",
        "-c",
        "ENV PATH=/bin",
        &tar,
        "127.0.0.1:1/small:v1",
    ]);
    engine.said(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
    let key = folder.join("key");
    std::fs::write(&key, "value").expect("a file");
    engine.said(&[
        "secret",
        "create",
        "small-production_key_1",
        &key.display().to_string(),
    ]);
    let node = engine.said(&["node", "ls", "--quiet"]);
    engine.said(&[
        "node",
        "update",
        "--label-add",
        "small-production.store=true",
        &node,
    ]);
}

/// An update whose tasks end at once is taken back by the Swarm itself.
fn goes_back(engine: &Engine, file: &str) {
    let text = std::fs::read_to_string(file).expect("the file");
    let worse = text.replacen(
        "test -s /run/secrets/key && test -s /settings && exec sleep 600",
        "exit 7",
        1,
    );
    assert_ne!(worse, text);
    std::fs::write(file, worse).expect("the file");
    let deploy = ["stack", "deploy", "--resolve-image", "never"];
    let mut words = deploy.to_vec();
    words.extend(["--compose-file", file, "small"]);
    engine.said(&words);
    let state = "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}";
    wait("the way back", || {
        engine.said(&["service", "inspect", "--format", state, "small_web"]) == "rollback_completed"
    });
    let replicas = engine.said(&["service", "ls", "--format", "{{.Name}} {{.Replicas}}"]);
    assert!(replicas.contains("small_web 2/2"), "{replicas}");
}

fn runs(engine: &Engine, file: &str) {
    let deploy = [
        "stack",
        "deploy",
        "--prune",
        "--resolve-image",
        "never",
        "--compose-file",
        file,
        "small",
    ];
    engine.said(&deploy);
    let replicas = || engine.said(&["service", "ls", "--format", "{{.Name}} {{.Replicas}}"]);
    wait("every task", || {
        let said = replicas();
        said.contains("small_store 1/1") && said.contains("small_web 2/2")
    });
    let format = "{{.Spec.UpdateConfig.Order}} {{.Spec.UpdateConfig.FailureAction}}";
    let order = |name| engine.said(&["service", "inspect", "--format", format, name]);
    assert_eq!(order("small_web"), "start-first rollback");
    assert_eq!(order("small_store"), "stop-first rollback");
    // The same file again changes nothing.
    let version = |name| engine.said(&["service", "inspect", "--format", "{{json .Spec}}", name]);
    let before = version("small_web");
    engine.said(&deploy);
    assert_eq!(version("small_web"), before);
    goes_back(engine, file);
    engine.said(&["stack", "rm", "small"]);
    wait("the end of every task", || {
        engine.said(&["ps", "--quiet"]).is_empty()
    });
}
