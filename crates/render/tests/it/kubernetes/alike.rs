//! Kustomize and Helm, built by the tools themselves, are what the manifests are.

use crate::peers::{peer, quiet};
use crate::support::{EXAMPLES, example, write};
use mainstay_render::{Project, Target, render};
use std::path::Path;
use std::process::Command;

/// Compares every `NAME.built` with the folder `NAME`, document by document.
const ALIKE: &str = "
import pathlib, sys
import yaml
def documents(texts):
    found = {}
    for text in texts:
        for document in yaml.safe_load_all(text):
            if document:
                if document['kind'] == 'Namespace' and 'chart' in sys.argv:
                    continue
                template = document.get('spec', {}).get('template', {}).get('metadata', {})
                if 'chart' in sys.argv:
                    assert template.get('annotations', {}).pop('mainstay/configuration', 'there')
                found[document['kind'], document['metadata']['name']] = document
    return found
compared, bad = 0, 0
for built in sorted(pathlib.Path(sys.argv[1]).glob('*.built')):
    ours = documents(path.read_text() for path in built.with_suffix('').glob('*.yaml'))
    theirs = documents([built.read_text()])
    for key in sorted(ours.keys() | theirs.keys()):
        compared += 1
        if ours.get(key) != theirs.get(key):
            bad += 1
            print(built.name, key, ours.get(key), theirs.get(key), sep='\\n')
print(compared, 'documents')
sys.exit(bad > 0 or not compared)
";

/// The manifests of one environment, as the folder `STACK-ENVIRONMENT`.
fn manifests(project: &Project, environment: &str, folder: &Path) {
    for (path, file) in render(Target::Kubernetes, project).files {
        if let Some(name) = path.strip_prefix(&format!("{environment}/"))
            && !name.contains('/')
        {
            std::fs::create_dir_all(folder).expect("a folder");
            std::fs::write(folder.join(name), file.text).expect("a file");
        }
    }
}

fn environments(project: &Project) -> Vec<String> {
    let hosted = project.hosted().into_iter();
    hosted.map(|stack| stack.environment.to_string()).collect()
}

/// Builds every environment of every example and compares it.
fn compare(test: &str, target: Target, build: impl Fn(&Path, &str) -> Command) {
    let Some(validator) = peer("kubernetes-validate", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let projects = EXAMPLES.iter().map(|name| (*name, example(name)));
    for (name, project) in projects.chain([("differing", differing())]) {
        let written = folder.path().join(name).join("written");
        write(&render(target, &project), &written);
        for environment in environments(&project) {
            let both = folder.path().join(format!("{name}-{environment}"));
            manifests(&project, &environment, &both);
            let mut command = build(&written, &environment);
            let said = command.output().expect("it starts");
            let errors = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success(), "{name} {environment}: {errors}");
            std::fs::write(both.with_extension("built"), said.stdout).expect("a file");
        }
    }
    let python = validator.with_file_name("python3");
    let mut command = Command::new(python);
    command.args(["-c", ALIKE]).arg(folder.path());
    // The namespace is made before, and the fingerprint of the configuration is another.
    if target == Target::Helm {
        command.arg("chart");
    }
    quiet(&mut command);
}

/// Environments that have not the same services, hosts, numbers and schedules.
fn differing() -> Project {
    let compose = "
name: shop
services:
  app:
    image: example/app:1
    build: .
    expose: ['80']
    environment: {MODE: \"${MODE:-none}\", TEMPLATE: '{{ .Values.x }}'}
    depends_on: {db: {condition: service_healthy}}
    deploy: {replicas: \"${REPLICAS:-1}\"}
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: \"${DB_PASSWORD:-only-for-this-test}\"}
    volumes: ['data:/var/lib/postgresql/data']
  extra: {image: 'example/extra:1', user: '20000', expose: ['80'], environment: {A: b}, command: ['{{ .x }}']}
volumes: {data: {}}
";
    let mainstay = "
environments:
  staging: {purpose: staging, target: docker}
  production:
    purpose: production
    target: docker
    variables: {MODE: 'yes', REPLICAS: '3', DB_PASSWORD: only-for-this-test}
routes: [{path: /, service: app}]
backups: {schedules: {nightly: '0 2 * * *'}}
";
    let mut project = crate::support::project(compose, mainstay);
    for stack in project.environments.values_mut() {
        if stack.environment.as_str() == "staging" {
            stack.services.remove("extra");
            stack.backups.enabled = false;
            continue;
        }
        stack.render.domain = Some("shop.example".to_owned());
        let scaled = mainstay_stack::Autoscale {
            min: 2,
            max: 5,
            cpu: Some(70),
            memory: None,
        };
        let app = stack.services["app"].name.clone();
        let said = stack.render.services.entry(app).or_default();
        said.autoscale = Some(scaled);
    }
    project
}

#[test]
fn an_overlay_that_kubectl_builds_is_what_the_manifests_are() {
    let test = "an_overlay_that_kubectl_builds_is_what_the_manifests_are";
    // Debian's kubectl builds with a Kustomize from before patches with targets.
    let Some(helm) = peer("helm", test) else {
        return;
    };
    let kubectl = helm.with_file_name("kubectl");
    compare(test, Target::Kustomize, |written, environment| {
        let overlay = written.join("overlays").join(environment);
        let mut command = Command::new(&kubectl);
        command.arg("kustomize").arg(overlay);
        command
    });
}

#[test]
fn a_chart_with_the_values_of_an_environment_is_what_the_manifests_are() {
    let test = "a_chart_with_the_values_of_an_environment_is_what_the_manifests_are";
    let Some(helm) = peer("helm", test) else {
        return;
    };
    let namespaces = |name: &str, environment: &str| match name {
        "differing" => format!("shop-{environment}"),
        name => format!("{name}-{environment}"),
    };
    compare(test, Target::Helm, |written, environment| {
        let stack = written.parent().and_then(Path::file_name).expect("a name");
        let namespace = namespaces(&stack.to_string_lossy(), environment);
        let mut command = Command::new(&helm);
        command
            .args(["template", "it", ".", "--namespace", &namespace])
            .args(["--values", &format!("values-{environment}.yaml")])
            .current_dir(written);
        command
    });
}

#[test]
fn helm_finds_nothing_in_the_charts() {
    let Some(helm) = peer("helm", "helm_finds_nothing_in_the_charts") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(helm);
    command
        .args(["lint", "--strict"])
        .current_dir(folder.path());
    for name in EXAMPLES {
        write(
            &render(Target::Helm, &example(name)),
            &folder.path().join(name),
        );
        command.arg(name);
    }
    quiet(&mut command);
}
