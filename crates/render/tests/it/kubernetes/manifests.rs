//! What stands in the manifests.

use crate::support::{EXAMPLES, example, project};
use mainstay_render::{Rendering, Target, render};
use mainstay_stack::HIDDEN;

const MAINSTAY: &str = "
environments:
  production: {purpose: production, target: docker}
";

fn of(compose: &str, mainstay: &str) -> Rendering {
    let rendering = render(Target::Kubernetes, &project(compose, mainstay));
    assert!(!rendering.problems.has_errors(), "{}", rendering.problems);
    rendering
}

fn file<'a>(rendering: &'a Rendering, path: &str) -> &'a str {
    let found = rendering.files.get(path);
    &found.unwrap_or_else(|| panic!("no {path}")).text
}

/// The document of this kind and name.
fn document<'a>(text: &'a str, kind: &str, name: &str) -> &'a str {
    let mut documents = text.split("---\n");
    let (kind, name) = (format!("kind: {kind}\n"), format!("\n  name: {name}\n"));
    let found = documents.find(|text| text.contains(&kind) && text.contains(&name));
    found.unwrap_or_else(|| panic!("no {kind} {name} in\n{text}"))
}

#[test]
fn applying_the_files_never_touches_a_secret_and_no_value_of_one_stands_in_them() {
    for name in EXAMPLES {
        for target in [
            Target::Kubernetes,
            Target::Kustomize,
            Target::Helm,
            Target::ArgoRollouts,
        ] {
            for (path, file) in render(target, &example(name)).files {
                assert!(!file.text.contains("kind: Secret\n"), "{name} {path}");
                assert!(!file.text.contains(HIDDEN), "{name} {path}");
            }
        }
    }
}

#[test]
fn the_pods_of_the_examples_are_restricted() {
    for name in EXAMPLES {
        let rendering = render(Target::Kubernetes, &example(name));
        for environment in ["staging", "production", "dr"] {
            let namespace = file(&rendering, &format!("{environment}/namespace.yaml"));
            assert!(
                namespace.contains("pod-security.kubernetes.io/enforce: restricted"),
                "{namespace}"
            );
        }
    }
}

#[test]
fn what_stands_in_the_way_of_the_restricted_level_is_said() {
    let compose = "
name: shop
services:
  app: {image: 'example/app:1', user: '1000', expose: ['80'], cap_add: [NET_RAW]}
  other: {image: 'example/other:1', expose: ['80']}
";
    let rendering = of(compose, MAINSTAY);
    let namespace = file(&rendering, "production/namespace.yaml");
    assert!(namespace.contains("enforce: privileged"), "{namespace}");
    assert!(namespace.contains("# Not `restricted`, since of `app`: it has NET_RAW"));
}

#[test]
fn a_singleton_is_never_there_twice_and_a_database_keeps_its_claim() {
    let rendering = render(Target::Kubernetes, &example("whisperengine"));
    let deployments = file(&rendering, "production/deployment.yaml");
    let bot = document(deployments, "Deployment", "whisperengine-bot");
    assert!(
        bot.contains("replicas: 1\n") && bot.contains("type: Recreate"),
        "{bot}"
    );
    let sets = file(&rendering, "production/statefulset.yaml");
    let postgres = document(sets, "StatefulSet", "postgres");
    assert!(postgres.contains("volumeClaimTemplates:") && postgres.contains("runAsUser: 999"));
    let maps = file(&rendering, "production/configmap.yaml");
    let map = document(maps, "ConfigMap", "postgres-environment");
    assert!(
        map.contains("PGDATA: /var/lib/postgresql/data/pgdata"),
        "{map}"
    );
    assert!(
        map.contains("POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password"),
        "{map}"
    );
}

#[test]
fn one_that_ends_is_a_job_and_others_wait_for_it_with_the_right_to_ask_and_no_other() {
    let compose = "
name: shop
services:
  seed: {image: 'example/seed:1', user: '1000', command: [seed, '$$(HOME)', 'a$$$$b']}
  app:
    image: 'example/app:1'
    user: '1000'
    expose: ['80']
    depends_on: {seed: {condition: service_completed_successfully}}
";
    let rendering = of(compose, MAINSTAY);
    let job = file(&rendering, "production/job.yaml");
    let name = job
        .lines()
        .find_map(|line| line.strip_prefix("  name: seed-"));
    let name = format!("job/seed-{}", name.expect("the Job's name"));
    // Kubernetes puts variables in place of `$(HOME)` unless it is told not to.
    assert!(job.contains("$$(HOME)") && job.contains("a$$$b"), "{job}");
    let app = file(&rendering, "production/deployment.yaml");
    assert!(
        app.contains(&name) && app.contains("automountServiceAccountToken: true"),
        "{app}"
    );
    let roles = file(&rendering, "production/rbac.yaml");
    let role = document(roles, "Role", "app");
    assert!(
        role.contains("- jobs\n") && !role.contains("create"),
        "{role}"
    );
}

#[test]
fn only_members_of_a_network_reach_one_another() {
    let rendering = render(Target::Kubernetes, &example("whispercache"));
    let policies = file(&rendering, "production/networkpolicy.yaml");
    let deny = document(policies, "NetworkPolicy", "default-deny");
    assert!(
        deny.contains("podSelector: {}") && !deny.contains("ingress:"),
        "{deny}"
    );
    // Nothing leads out of an internal network.
    assert!(!policies.contains("\n  name: postgres\n"), "{policies}");
    let sets = file(&rendering, "production/statefulset.yaml");
    assert!(sets.contains("network/backend: member") && !sets.contains("network/frontend"));
}

#[test]
fn an_autoscaled_service_leaves_its_number_to_the_autoscaler() {
    let mainstay = format!(
        "{MAINSTAY}\nrender: {{services: {{app: {{autoscale: {{min: 2, max: 10, cpu: 70, memory: 80}}}}}}}}"
    );
    let compose = "services: {app: {image: 'example/app:1', user: '1000', expose: ['80']}}";
    let rendering = of(compose, &mainstay);
    let deployment = file(&rendering, "production/deployment.yaml");
    assert!(!deployment.contains("\n  replicas:"), "{deployment}");
    let scaler = file(&rendering, "production/hpa.yaml");
    assert!(scaler.contains("averageUtilization: 70") && scaler.contains("maxReplicas: 10"));
    assert!(file(&rendering, "production/pdb.yaml").contains("maxUnavailable: 1"));
}

#[test]
fn a_path_that_is_stripped_and_a_host_with_its_certificate() {
    let mainstay = format!(
        "{MAINSTAY}
routes:
  - {{path: /api, service: app, strip_prefix: true, timeout: 70s, max_body: 40M, balance: client-ip}}
render: {{domain: shop.example, kubernetes: {{issuer: ours}}}}
"
    );
    let compose = "services: {app: {image: 'example/app:1', user: '1000', expose: ['80']}}";
    let rendering = of(compose, &mainstay);
    let ingress = file(&rendering, "production/ingress.yaml");
    for line in [
        "cert-manager.io/cluster-issuer: ours",
        "nginx.ingress.kubernetes.io/proxy-read-timeout: \"70\"",
        "nginx.ingress.kubernetes.io/proxy-body-size: \"41943040\"",
        "nginx.ingress.kubernetes.io/rewrite-target: \"/$2\"",
        "path: \"/api(/|$)(.*)\"",
        "secretName: shop-example-tls",
    ] {
        assert!(ingress.contains(line), "{line}\n{ingress}");
    }
}

#[test]
fn a_release_tags_what_is_built_here_and_nothing_else() {
    let mut project = example("rag-admin");
    project.release = Some("v1.4.2".to_owned());
    let rendering = render(Target::Kubernetes, &project);
    let deployments = file(&rendering, "production/deployment.yaml");
    for service in ["backend", "vector-store"] {
        let backend = document(deployments, "Deployment", service);
        assert!(backend.contains("techcorp/rag-admin:v1.4.2\n"), "{backend}");
        assert!(backend.contains("app.kubernetes.io/version: v1.4.2\n"));
    }
    let sets = file(&rendering, "production/statefulset.yaml");
    assert!(document(sets, "StatefulSet", "postgres").contains("image: postgres:15\n"));
}
