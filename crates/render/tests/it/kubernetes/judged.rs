//! The tools of the field look at all examples in all environments, in one run each.

use crate::peers::{peer, quiet};
use crate::support::{EXAMPLES, example, project, write};
use mainstay_render::{Target, render};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Every document below a folder, after the schema of a version of Kubernetes. Strict: a field that the
/// schema does not know is an error. Kinds that it does not know are left to assertions of our own.
const SCHEMAS: &str = "
import functools, pathlib, sys
import kubernetes_validate, yaml
from kubernetes_validate import utils
utils.schema_contents = functools.cache(utils.schema_contents)
utils.all_versions = functools.cache(utils.all_versions)
loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
seen, bad = set(), 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.yaml')):
    for document in yaml.load_all(path.read_text(), loader):
        if not isinstance(document, dict) or 'kind' not in document:
            continue
        if document['apiVersion'].split('/')[0] in sys.argv[3:] or str(document) in seen:
            continue
        seen.add(str(document))
        try:
            kubernetes_validate.validate(document, sys.argv[2], strict=True)
        except kubernetes_validate.ValidationError as error:
            bad += 1
            print(path, document['kind'], error.message)
print(len(seen), 'documents')
sys.exit(bad > 0 or not seen)
";

/// All examples for all that a cluster runs. Most of it reads alike for several targets, but for the first line,
/// which names the target: that is written once, as reading it is what takes the judges' time.
fn all(folder: &Path) {
    let mut seen = BTreeSet::new();
    for target in [Target::Kubernetes, Target::ArgoRollouts, Target::Istio] {
        for name in EXAMPLES {
            let mut rendering = render(target, &example(name));
            let rest = |text: &str| text.split_once('\n').map(|(_, rest)| rest.to_owned());
            rendering
                .files
                .retain(|_, file| seen.insert(rest(&file.text)));
            write(&rendering, &folder.join(target.word()).join(name));
        }
    }
}

#[test]
fn every_document_is_valid_after_the_schemas_of_kubernetes() {
    let test = "every_document_is_valid_after_the_schemas_of_kubernetes";
    let Some(program) = peer("kubernetes-validate", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    all(folder.path());
    let python = program.with_file_name("python3");
    let mut command = Command::new(python);
    command.args(["-c", SCHEMAS]).arg(folder.path()).arg("1.35");
    // Kinds that others bring: see `custom.rs`.
    command.args(["argoproj.io", "networking.istio.io", "security.istio.io"]);
    quiet(&mut command);
}

#[test]
fn checkov_finds_nothing_that_is_not_waived_with_a_reason() {
    let test = "checkov_finds_nothing_that_is_not_waived_with_a_reason";
    let Some(program) = peer("checkov", test) else {
        return;
    };
    // Hidden folders, as temporary ones usually are, are not looked into.
    let folder = tempfile::Builder::new().prefix("rendered").tempdir();
    let folder = folder.expect("a folder");
    all(folder.path());
    let configuration = folder.path().join("kubernetes/deep-echo/.checkov.yaml");
    let mut command = Command::new(program);
    command
        .args(["--framework", "kubernetes", "--quiet", "--skip-download"])
        .args(["--output", "json", "--config-file"])
        .arg(configuration)
        .arg("--directory")
        .arg(folder.path());
    let said = quiet(&mut command);
    for line in ["\"failed\": 0", "\"parsing_errors\": 0"] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("\"passed\": 0"), "{said}");
}

/// Something that runs anywhere and needs nothing.
const PAUSE: &str = "
name: mainstay-test
services:
  app: {image: 'registry.k8s.io/pause:3.10', user: '65535:65535', read_only: true}
";
const PRODUCTION: &str = "environments: {production: {purpose: production, target: docker}}";

#[test]
fn a_cluster_takes_the_manifests_and_runs_what_they_say() {
    let test = "a_cluster_takes_the_manifests_and_runs_what_they_say";
    if std::env::var_os("KUBECONFIG").is_none() {
        eprintln!("skipped for want of KUBECONFIG: {test}");
        return;
    }
    let Some(kubectl) = peer("kubectl", test) else {
        return;
    };
    let run = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new(&kubectl);
        quiet(command.args(arguments).current_dir(folder));
    };
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &render(Target::Kubernetes, &example("whispercache")),
        folder.path(),
    );
    let staging = folder.path().join("staging");
    // Nothing of a namespace can be tried without it.
    run(&staging, &["apply", "-f", "namespace.yaml"]);
    run(&staging, &["apply", "--dry-run=server", "-f", "."]);
    run(&staging, &["delete", "-f", "namespace.yaml"]);

    write(
        &render(Target::Kubernetes, &project(PAUSE, PRODUCTION)),
        folder.path(),
    );
    let production = folder.path().join("production");
    run(&production, &["apply", "-f", "namespace.yaml"]);
    run(&production, &["apply", "-f", "."]);
    let namespace = "--namespace=mainstay-test-production";
    run(
        &production,
        &[
            "rollout",
            "status",
            namespace,
            "deployment/app",
            "--timeout=2m",
        ],
    );
    run(&production, &["delete", "-f", "namespace.yaml"]);
}
