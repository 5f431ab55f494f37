//! The tools of the field look at all examples in all environments, in one run each.

use crate::peers::{peer, quiet};
use crate::support::{EXAMPLES, example, write};
use mainstay_render::{Target, render};
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
seen, bad = set(), 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob('*.yaml')):
    for document in yaml.safe_load_all(path.read_text()):
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

fn all(target: Target, folder: &Path) {
    for name in EXAMPLES {
        write(&render(target, &example(name)), &folder.join(name));
    }
}

#[test]
fn every_document_is_valid_after_the_schemas_of_kubernetes() {
    let test = "every_document_is_valid_after_the_schemas_of_kubernetes";
    let Some(program) = peer("kubernetes-validate", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    all(Target::Kubernetes, folder.path());
    let python = program.with_file_name("python3");
    let mut command = Command::new(python);
    command.args(["-c", SCHEMAS]).arg(folder.path()).arg("1.35");
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
    all(Target::Kubernetes, folder.path());
    let configuration = folder.path().join("deep-echo/.checkov.yaml");
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

#[test]
fn a_cluster_takes_the_manifests() {
    let configured = std::env::var_os("KUBECONFIG").is_some();
    let test = "a_cluster_takes_the_manifests";
    if !configured {
        eprintln!("skipped for want of KUBECONFIG: {test}");
        return;
    }
    let Some(kubectl) = peer("kubectl", test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    write(
        &render(Target::Kubernetes, &example("whispercache")),
        folder.path(),
    );
    let staging = folder.path().join("staging");
    let apply = |arguments: &[&str]| {
        let mut command = Command::new(&kubectl);
        command.arg("apply").args(arguments).arg("-f").arg(&staging);
        quiet(&mut command);
    };
    // Nothing of a namespace can be tried without it.
    let mut command = Command::new(&kubectl);
    command
        .args(["apply", "-f"])
        .arg(staging.join("namespace.yaml"));
    quiet(&mut command);
    apply(&["--dry-run=server"]);
}
