//! Kinds that no schema of Kubernetes knows, held to their own documentation: Argo Rollouts
//! (<https://argoproj.github.io/argo-rollouts/features/specification/>) and Istio
//! (<https://istio.io/latest/docs/reference/config/>).

use crate::support::{EXAMPLES, example};
use mainstay_render::{Project, Rendering, Target, render};

/// An example that people reach under a name.
fn named(name: &str) -> Project {
    let mut project = example(name);
    for stack in project.environments.values_mut() {
        stack.render.domain = Some("shop.example".to_owned());
    }
    project
}

fn file<'a>(rendering: &'a Rendering, path: &str) -> &'a str {
    let found = rendering.files.get(path);
    &found.unwrap_or_else(|| panic!("no {path}")).text
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "no {line} in\n{text}");
    }
}

#[test]
fn a_canary_has_the_steps_of_the_stack_and_the_labels_that_its_selector_asks_for() {
    let rendering = render(Target::ArgoRollouts, &named("rag-admin"));
    let rollout = file(&rendering, "production/rollout.yaml");
    has(
        rollout,
        &[
            "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\n",
            "  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: backend\n",
            "canaryService: backend-canary\n      stableService: backend\n",
            "nginx:\n          stableIngresses:\n            - backend-api\n",
            "- setWeight: 10\n        - pause:\n            duration: 600s\n        - setWeight: 30\n",
            "- setWeight: 100\n---",
            "templateName: backend\n        startingStep: 1\n",
        ],
    );
    // One of the two keeps the pods, not both: here all are replaced with weights, or keep state.
    assert!(!rendering.files.contains_key("production/deployment.yaml"));
    has(
        file(&rendering, "production/service.yaml"),
        &["\n  name: backend-canary\n"],
    );
}

#[test]
fn all_at_once_is_blue_green_with_a_preview() {
    let rendering = render(Target::ArgoRollouts, &named("deep-echo"));
    has(
        file(&rendering, "production/rollout.yaml"),
        &[
            "blueGreen:\n      activeService: main-app\n      previewService: main-app-preview\n",
            "autoPromotionEnabled: true\n",
            "postPromotionAnalysis:\n        templates:\n          - templateName: main-app\n",
        ],
    );
}

#[test]
fn what_judges_a_rollout_is_promql_and_no_request_is_no_failure() {
    for name in EXAMPLES {
        let rendering = render(Target::ArgoRollouts, &named(name));
        let Some(analysis) = rendering.files.get("production/analysis-template.yaml") else {
            continue;
        };
        let mut queries = 0;
        for block in analysis.text.split("query: |\n").skip(1) {
            let lines = block
                .lines()
                .take_while(|line| line.starts_with("            "));
            let query: Vec<&str> = lines.map(str::trim).collect();
            let query = query.join(" ");
            mainstay_promql::Query::parse(&query)
                .unwrap_or_else(|error| panic!("{query}: {error:?}"));
            queries += 1;
        }
        assert!(queries > 0, "{}", analysis.text);
        has(
            &analysis.text,
            &["successCondition: \"len(result) == 0 || isNaN(result[0])"],
        );
    }
}

#[test]
fn weights_without_a_host_are_said_to_be_coarse() {
    let mut project = example("rag-admin");
    for stack in project.environments.values_mut() {
        stack.render.domain = None;
    }
    let problems = render(Target::ArgoRollouts, &project).problems.to_string();
    has(&problems, &["`services.backend.deploy.steps` is lost"]);
    assert!(!problems.contains("deploy.strategy"), "{problems}");
}

#[test]
fn a_mesh_ejects_by_todays_field_and_speaks_nothing_in_clear() {
    for name in EXAMPLES {
        let rendering = render(Target::Istio, &named(name));
        for (path, file) in &rendering.files {
            assert!(!file.text.contains("consecutiveErrors"), "{name} {path}");
        }
        let authentication = file(&rendering, "production/peerauthentication.yaml");
        has(
            authentication,
            &[
                "apiVersion: security.istio.io/v1\n",
                "mtls:\n    mode: STRICT\n",
            ],
        );
        has(
            file(&rendering, "production/gateway.yaml"),
            &[
                "httpsRedirect: true",
                "mode: SIMPLE",
                "number: 443",
                "istio: ingressgateway",
            ],
        );
    }
    let rendering = render(Target::Istio, &named("deep-echo"));
    has(
        file(&rendering, "production/destinationrule.yaml"),
        &[
            "consecutive5xxErrors: 5\n",
            "simple: LEAST_REQUEST",
            "mode: ISTIO_MUTUAL",
        ],
    );
}

#[test]
fn only_who_depends_on_a_service_may_speak_to_it() {
    let rendering = render(Target::Istio, &named("rag-admin"));
    let policies = file(&rendering, "production/authorizationpolicy.yaml");
    let nothing = policies.split("---\n").nth(1).expect("the first document");
    has(nothing, &["\n  name: allow-nothing\n", "\nspec: {}\n"]);
    let mut documents = policies.split("---\n");
    let store = documents.find(|text| text.contains("\n  name: vector-store\n"));
    let store = store.expect("the policy of the vector store");
    // By its variable VECTOR_STORE_URL: `depends_on` does not have it.
    has(
        store,
        &[
            "- cluster.local/ns/rag-admin-production/sa/backend\n",
            "- \"8000\"\n",
        ],
    );
    assert!(
        !store.contains("/sa/frontend") && !store.contains("istio-system"),
        "{store}"
    );
}

#[test]
fn the_longest_path_is_asked_first_and_matches_whole_segments() {
    let rendering = render(Target::Istio, &named("whisperengine"));
    let services = file(&rendering, "production/virtualservice.yaml");
    let (discord, bot) = (
        services.find("exact: /discord\n"),
        services.find("prefix: /\n"),
    );
    assert!(discord.expect("/discord") < bot.expect("/"), "{services}");
    has(
        services,
        &[
            "prefix: /discord/\n",
            "rewrite:\n        uri: /\n",
            "timeout: 70s",
            "retryOn: connect-failure,refused-stream",
            "weight: 100",
        ],
    );
}

#[test]
fn alertmanager_loki_and_promtail_are_there_under_the_names_that_people_know() {
    let rendering = render(Target::Kubernetes, &example("whispercache"));
    has(
        file(
            &rendering,
            "production/monitoring/alertmanager-deployment.yaml",
        ),
        &[
            "kind: Deployment",
            "alertmanager.yml: |",
            "secretName: alertmanager-secrets\n            optional: true",
            "app: alertmanager",
        ],
    );
    has(
        file(&rendering, "production/monitoring/loki-deployment.yaml"),
        &["schema_config:", "claimName: loki"],
    );
    has(
        file(&rendering, "production/monitoring/promtail-daemonset.yaml"),
        &[
            "kubernetes_sd_configs:",
            "- whispercache-production",
            "kind: DaemonSet",
            "kind: Role\n",
        ],
    );
    for service in ["alertmanager", "loki"] {
        let path = format!("production/monitoring/{service}-service.yaml");
        has(
            file(&rendering, &path),
            &["kind: Service\n", "kind: NetworkPolicy\n"],
        );
    }
}
