//! What people do that files cannot: make the Secret, and apply the rest.

use super::pod;
use super::site::Site;
use super::storage::key;
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::FileKind;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Keys that the stack's Secret must have.
pub(super) fn keys(site: &Site<'_>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for service in site.stack.services.values() {
        let variables = service
            .environment
            .iter()
            .filter(|(_, value)| pod::is_secret(value));
        keys.extend(variables.map(|(name, _)| key(&pod::variable_key(service, name))));
        let files = service
            .files
            .iter()
            .filter(|file| file.kind == FileKind::Secret);
        keys.extend(files.map(|file| key(&file.name)));
    }
    keys
}

/// How the Secret is made: by hand, once, and never by these files.
pub(super) fn write(folder: &str, site: &Site<'_>, apply: &str, out: &mut Rendering) {
    let namespace = site.namespace.clone().unwrap_or_default();
    let mut text = format!("# {} in {namespace}\n\n", site.stack.name);
    let secret = site.secret();
    let keys = keys(site);
    if keys.is_empty() {
        text.push_str("No Secret is needed.\n");
    } else {
        text.push_str("These files hold no Secret: applying them again cannot put another value in place of yours.\n");
        text.push_str(
            "Make it before the first start, from a folder with one file for each key:\n\n",
        );
        for key in &keys {
            let _ = writeln!(text, "- `{key}`");
        }
        text.push_str("\n```sh\n");
        text.push_str("kubectl apply -f namespace.yaml\n");
        let _ = writeln!(
            text,
            "kubectl -n {namespace} create secret generic {secret} --from-file=FOLDER"
        );
        text.push_str("```\n\n`create` refuses where there is one. To change it, and then to restart who reads it:\n\n```sh\n");
        let _ = writeln!(
            text,
            "kubectl -n {namespace} create secret generic {secret} --from-file=FOLDER --dry-run=client -o yaml | kubectl apply -f -"
        );
        let _ = writeln!(text, "kubectl -n {namespace} rollout restart deployment");
        text.push_str("```\n");
    }
    let _ = write!(text, "\nEverything else:\n\n```sh\n{apply}\n```\n");
    out.text(
        format!("{folder}/README.md"),
        "[//]: #",
        &format!("\n{text}"),
    );
}

/// How the mesh is laid over the manifests.
pub(super) fn mesh(project: &Project, out: &mut Rendering) {
    let mut text = format!("# {} in a mesh\n\n", project.name);
    text.push_str("Over what `mainstay render kubernetes` writes. Istio is there with its CNI plug-in, since pods may not set up\nnetworks themselves, and with native sidecars (the default from 1.27 on): init containers and Jobs need them.\n\n```sh\n");
    for stack in project.hosted() {
        let (namespace, environment) = (super::site::namespace(stack), &stack.environment);
        let _ = writeln!(
            text,
            "kubectl label namespace {namespace} istio-injection=enabled"
        );
        let _ = writeln!(text, "kubectl apply -f {environment}");
        let _ = writeln!(
            text,
            "kubectl -n {namespace} rollout restart deployment,statefulset"
        );
    }
    text.push_str("istioctl analyze --all-namespaces\n```\n\nMetrics are asked for on port 15020, where the sidecar has them in clear.\n");
    let header = out.header("-");
    out.raw("README.md", format!("<!--\n{header}-->\n{text}"));
}

/// What checkov is told of all files: each with its reason.
pub(super) fn judges(out: &mut Rendering) {
    let rules = [
        (
            "CKV_K8S_15",
            "A tag is never moved, and a pod starts without its registry.",
        ),
        (
            "CKV_K8S_43",
            "A digest is known once an image is pushed: deploy by digest with Mainstay.",
        ),
        (
            "CKV_K8S_35",
            "Some programs read a secret from a variable only.",
        ),
    ];
    let mut text = String::from("skip-check:\n");
    for (rule, why) in rules {
        let _ = write!(text, "  # {why}\n  - {rule}\n");
    }
    out.text(".checkov.yaml", "#", &text);
}
