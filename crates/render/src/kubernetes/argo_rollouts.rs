//! Canary and blue-green rollouts with their analysis, for Argo Rollouts.
//!
//! What is written is a whole environment: the manifests, with a Rollout in place of the Deployment of each service
//! that is replaced blue-green. Fields are those of <https://argoproj.github.io/argo-rollouts/features/specification/>.

use super::network::{self, NGINX};
use super::site::{self, Object, Site};
use super::workload::{self, Kind};
use super::{access, lost, manifests, monitoring, readme};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::{Service, Strategy};
use mainstay_yaml::write::{Doc, Map};
use std::time::Duration;

const API: &str = "argoproj.io/v1alpha1";
/// Where Prometheus usually is in a cluster.
const PROMETHEUS: &str = "http://prometheus.monitoring.svc:9090";
/// Parts of requests that may fail: above it goes back.
const ERRORS: f64 = 0.05;

pub(crate) fn write(project: &Project, out: &mut Rendering) {
    let project = &site::prepared(project);
    manifests::none_hosted(project, out);
    for stack in project.hosted() {
        let site = Site::new(project, stack);
        lost::beside_weights(&site, out);
        if rolled(&site).is_empty() {
            out.lost(
                "deploy.strategy",
                "no service is replaced blue-green, and there is no Rollout",
                "say `deploy: {strategy: blue-green, steps: [10, 50, 100], pause: 10m}`",
            );
        }
        let folder = stack.environment.as_str();
        manifests::into_files(folder, &objects(&site, out), out);
        monitoring::write(folder, &site, out);
        readme::write(
            folder,
            &site,
            "kubectl apply -f .\nkubectl apply -f monitoring",
            out,
        );
    }
    readme::judges(out);
}

/// A service that is replaced with weights: their steps, and the pause between.
type Rolled<'a> = (&'a Service, &'a [u8], Duration);

fn rolled<'a>(site: &Site<'a>) -> Vec<Rolled<'a>> {
    let services = site.stack.services.values();
    let services = services.filter(|service| workload::kind(site, service) == Kind::Deployment);
    services
        .filter_map(|service| match &site.policy(service).strategy {
            Strategy::BlueGreen { steps, pause }
                if !service.singleton && service.stateful.is_none() =>
            {
                Some((service, steps.as_slice(), *pause))
            }
            _ => None,
        })
        .collect()
}

fn objects(site: &Site<'_>, out: &mut Rendering) -> Vec<Object> {
    let rolled = rolled(site);
    let named = |name: &str| {
        rolled
            .iter()
            .any(|(service, ..)| site::name(service) == name)
    };
    let mut all: Vec<Object> = Vec::new();
    for mut object in manifests::objects(site) {
        let name = object.name().to_owned();
        match object.kind() {
            "Deployment" if named(&name) => continue,
            "HorizontalPodAutoscaler" if named(&name) => retarget(&mut object.map, &name),
            _ => {}
        }
        all.push(object);
    }
    for (service, steps, pause) in rolled {
        let weighted = weighted(site, service);
        if !weighted && steps.len() > 1 {
            let path = format!("services.{}.deploy.steps", service.name);
            out.lost(&path, "no Ingress of the class `nginx` with a host leads to it, and weights are those of pods", "with few pods they are coarse: have more of them");
        }
        all.push(Object::new(
            "rollout.yaml",
            rollout(site, service, steps, pause),
        ));
        all.push(Object::new(
            "service.yaml",
            network::one_service(site, service, &second(service, steps), false),
        ));
        if weighted {
            all.push(Object::new(
                "analysis-template.yaml",
                analysis(site, service),
            ));
        }
    }
    all.extend(access::rollouts(site));
    all
}

/// An autoscaler asks the Rollout in place of the Deployment.
fn retarget(map: &mut Map, name: &str) {
    if let Some(Doc::Map(spec)) = map.get("spec") {
        let target = Map::new()
            .set("apiVersion", API)
            .set("kind", "Rollout")
            .set("name", name);
        let spec = spec.clone().set("scaleTargetRef", target);
        map.insert("spec", spec);
    }
}

/// The Service of those that are new.
fn second(service: &Service, steps: &[u8]) -> String {
    let word = if gradual(steps) { "canary" } else { "preview" };
    format!("{}-{word}", site::name(service))
}

/// Whether the traffic goes over in more than one step.
fn gradual(steps: &[u8]) -> bool {
    steps.iter().any(|step| *step < 100)
}

/// Ingresses of the class whose weights Argo Rollouts sets.
fn ingresses(site: &Site<'_>, service: &Service) -> Vec<String> {
    if site.stack.render.kubernetes.ingress_class != NGINX {
        return Vec::new();
    }
    // One without a host cannot be split.
    let routes = site
        .stack
        .routes
        .iter()
        .filter(|route| route.service == service.name);
    let routes = routes.filter(|route| !network::hosts(site, route).is_empty());
    routes.map(network::ingress_name).collect()
}

fn weighted(site: &Site<'_>, service: &Service) -> bool {
    !ingresses(site, service).is_empty()
}

fn rollout(site: &Site<'_>, service: &Service, steps: &[u8], pause: Duration) -> Map {
    let deployment = workload::deployment(site, service);
    let mut spec = Map::new();
    if let Some(Doc::Map(of)) = deployment.get("spec") {
        // A Rollout has the fields of a Deployment, but for how it replaces.
        for (key, value) in of.iter().filter(|(key, _)| *key != "strategy") {
            spec.insert(key, value.clone());
        }
    }
    let strategy = if gradual(steps) {
        Map::new().set("canary", canary(site, service, steps, pause))
    } else {
        Map::new().set("blueGreen", blue_green(site, service, steps))
    };
    let spec = spec
        .comment("Nothing half done stays there for long.")
        .set("progressDeadlineAbort", true)
        .set(
            "rollbackWindow",
            Map::new().set("revisions", site.stack.deploy.keep_releases),
        )
        .set("strategy", strategy);
    let mut map = Map::new().set("apiVersion", API).set("kind", "Rollout");
    if let Some(metadata) = deployment.get("metadata") {
        map.insert("metadata", metadata.clone());
    }
    map.set("spec", spec)
}

fn canary(site: &Site<'_>, service: &Service, steps: &[u8], pause: Duration) -> Map {
    let wait = Map::new().set("duration", format!("{}s", pause.as_secs().max(1)));
    let mut all: Vec<Map> = Vec::new();
    for weight in steps {
        all.push(Map::new().set("setWeight", *weight));
        if *weight < 100 {
            all.push(Map::new().set("pause", wait.clone()));
        }
    }
    let name = site::name(service);
    let map = Map::new()
        .set("maxSurge", 1)
        .set("maxUnavailable", 0)
        .set("canaryService", second(service, steps))
        .set("stableService", &name);
    let ingresses = ingresses(site, service);
    if ingresses.is_empty() {
        return map.set("steps", all);
    }
    let nginx = Map::new().set("stableIngresses", ingresses);
    map.set("trafficRouting", Map::new().set("nginx", nginx))
        .comment("Looked at while the weight grows; one bad judgement more than allowed sends all traffic back.")
        .set("analysis", judged(&name).set("startingStep", 1))
        .set("steps", all)
}

fn blue_green(site: &Site<'_>, service: &Service, steps: &[u8]) -> Map {
    let name = site::name(service);
    let map = Map::new()
        .set("activeService", &name)
        .set("previewService", second(service, steps))
        .set("autoPromotionEnabled", true)
        .comment("The old ones stay warm as long as the new are watched.")
        .set("scaleDownDelaySeconds", site.stack.deploy.watch.as_secs());
    if weighted(site, service) {
        return map.set("postPromotionAnalysis", judged(&name));
    }
    map
}

fn judged(name: &str) -> Map {
    Map::new().set("templates", vec![Map::new().set("templateName", name)])
}

/// What the ingress controller counted of the service. No request is no judgement: the part is of those that came.
fn analysis(site: &Site<'_>, service: &Service) -> Map {
    let name = site::name(service);
    let namespace = site.namespace.clone().unwrap_or_default();
    let chosen = format!(
        "exported_namespace=\"{namespace}\", ingress=~\"{}\"",
        ingresses(site, service).join("|")
    );
    let query = format!(
        "sum(rate(nginx_ingress_controller_requests{{{chosen}, status=~\"5..\"}}[2m]))\n  /\nsum(rate(nginx_ingress_controller_requests{{{chosen}}}[2m]))\n"
    );
    let provider = Map::new().set(
        "prometheus",
        Map::new().set("address", PROMETHEUS).set("query", query),
    );
    let metric = Map::new()
        .set("name", "errors")
        .set("initialDelay", "1m")
        .set("interval", "1m")
        .set(
            "count",
            (site.stack.deploy.watch.as_secs() / 60).clamp(1, 60),
        )
        .comment("Two bad ones, as with Mainstay.")
        .set("failureLimit", 1)
        .comment("No request at all is not enough to judge by, and holds nothing up.")
        .set(
            "successCondition",
            format!("len(result) == 0 || isNaN(result[0]) || result[0] < {ERRORS}"),
        )
        .set(
            "failureCondition",
            format!("len(result) > 0 && result[0] >= {ERRORS}"),
        )
        .set("provider", provider);
    site.object(API, "AnalysisTemplate", &name, &name)
        .set("spec", Map::new().set("metrics", vec![metric]))
}
