//! Who may do what: an account for each service that may do nothing, and one that deploys.

use super::site::{self, Object, Site};
use super::wait;
use mainstay_yaml::write::Map;

const FILE: &str = "rbac.yaml";
const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// Whoever brings these files to the cluster.
pub(super) const DEPLOYER: &str = "deployer";

/// What the deployer may change: the kinds that are written here, and no Secrets.
const CHANGED: [(&str, &[&str]); 6] = [
    (
        "",
        &[
            "configmaps",
            "services",
            "serviceaccounts",
            "persistentvolumeclaims",
        ],
    ),
    ("apps", &["deployments", "statefulsets"]),
    ("batch", &["jobs", "cronjobs"]),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("policy", &["poddisruptionbudgets"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
];

pub(super) fn objects(site: &Site<'_>) -> Vec<Object> {
    let mut all = Vec::new();
    let whole = site.project.name.as_str();
    for service in site.stack.services.values() {
        let name = site::name(service);
        all.push(account(site, &name, &name));
        if wait::asks_the_cluster(site, service) {
            let rule = rule("batch", &["jobs"], &["get", "list", "watch"]);
            all.extend(role(site, &name, &name, vec![rule]));
        }
    }
    all.push(account(site, DEPLOYER, whole));
    let verbs = ["get", "list", "watch", "create", "update", "patch"];
    let mut rules: Vec<Map> = CHANGED
        .iter()
        .map(|(group, kinds)| rule(group, kinds, &verbs))
        .collect();
    rules.push(rule(
        "",
        &["pods", "pods/log", "events"],
        &["get", "list", "watch"],
    ));
    all.extend(role(site, DEPLOYER, whole, rules));
    all
}

/// What the deployer may change beside: Rollouts and their analysis.
pub(super) fn rollouts(site: &Site<'_>) -> [Object; 2] {
    let verbs = ["get", "list", "watch", "create", "update", "patch"];
    let rule = rule("argoproj.io", &["rollouts", "analysistemplates"], &verbs);
    let name = format!("{DEPLOYER}-rollouts");
    let [role, binding] = role(site, &name, site.project.name.as_str(), vec![rule]);
    let subject = Map::new()
        .set("kind", "ServiceAccount")
        .set("name", DEPLOYER)
        .maybe("namespace", site.namespace.as_ref());
    let binding = binding.map.set("subjects", vec![subject]);
    [role, Object::new(FILE, binding)]
}

fn account(site: &Site<'_>, name: &str, component: &str) -> Object {
    let account = site.object("v1", "ServiceAccount", name, component);
    Object::new(FILE, account.set("automountServiceAccountToken", false))
}

fn rule(group: &str, kinds: &[&str], verbs: &[&str]) -> Map {
    Map::new()
        .set("apiGroups", [group])
        .set("resources", kinds)
        .set("verbs", verbs)
}

fn role(site: &Site<'_>, name: &str, component: &str, rules: Vec<Map>) -> [Object; 2] {
    let role = site
        .object(RBAC, "Role", name, component)
        .set("rules", rules);
    let reference = Map::new()
        .set("apiGroup", "rbac.authorization.k8s.io")
        .set("kind", "Role")
        .set("name", name);
    let subject = Map::new()
        .set("kind", "ServiceAccount")
        .set("name", name)
        .maybe("namespace", site.namespace.as_ref());
    let binding = site
        .object(RBAC, "RoleBinding", name, component)
        .set("roleRef", reference)
        .set("subjects", vec![subject]);
    [Object::new(FILE, role), Object::new(FILE, binding)]
}
