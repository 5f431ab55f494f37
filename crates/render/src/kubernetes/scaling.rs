//! How many there are: autoscalers, and what may not be taken away all at once.

use super::site::{self, Object, Site};
use super::workload::{self, Kind};
use mainstay_stack::{Autoscale, Service};
use mainstay_yaml::write::Map;

/// Autoscalers, from `render.services.NAME.autoscale`.
pub(super) fn autoscalers(site: &Site<'_>) -> Vec<Object> {
    let services = site.stack.services.values();
    let scaled = services.filter_map(|service| {
        let scale = autoscale(site, service)?;
        Some(Object::new("hpa.yaml", autoscaler(site, service, scale)))
    });
    scaled.collect()
}

fn autoscale<'a>(site: &Site<'a>, service: &Service) -> Option<&'a Autoscale> {
    site.stack
        .render
        .services
        .get(&service.name)?
        .autoscale
        .as_ref()
}

/// How many there are at least.
pub(super) fn least(site: &Site<'_>, service: &Service) -> u32 {
    autoscale(site, service).map_or(service.replicas, |scale| scale.min)
}

fn autoscaler(site: &Site<'_>, service: &Service, scale: &Autoscale) -> Map {
    let metrics = [("cpu", scale.cpu), ("memory", scale.memory)];
    let metrics: Vec<Map> = metrics
        .into_iter()
        .filter_map(|(name, percent)| {
            let target = Map::new()
                .set("type", "Utilization")
                .set("averageUtilization", percent?);
            let resource = Map::new().set("name", name).set("target", target);
            Some(Map::new().set("type", "Resource").set("resource", resource))
        })
        .collect();
    // Down slowly: what was needed a moment ago is likely needed again.
    let down = Map::new().set("stabilizationWindowSeconds", 300);
    let name = site::name(service);
    let spec = Map::new()
        .set("scaleTargetRef", workload::scaled(site, service))
        .set("minReplicas", scale.min)
        .set("maxReplicas", scale.max)
        .set("metrics", metrics)
        .set("behavior", Map::new().set("scaleDown", down));
    site.object("autoscaling/v2", "HorizontalPodAutoscaler", &name, &name)
        .set("spec", spec)
}

/// One of several at a time, when machines are emptied. A service of which there is only one has none: its
/// machine could never be.
pub(super) fn budgets(site: &Site<'_>) -> Vec<Object> {
    let services =
        site.stack.services.values().filter(|service| {
            least(site, service) > 1 && workload::kind(site, service) != Kind::Job
        });
    let budgets = services.map(|service| {
        let name = site::name(service);
        let selector = Map::new().set("matchLabels", site.selector(&name));
        let spec = Map::new()
            .set("maxUnavailable", 1)
            .set("unhealthyPodEvictionPolicy", "AlwaysAllow")
            .set("selector", selector);
        let budget = site.object("policy/v1", "PodDisruptionBudget", &name, &name);
        Object::new("pdb.yaml", budget.set("spec", spec))
    });
    budgets.collect()
}
