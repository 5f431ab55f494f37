//! Alertmanager, Loki and Promtail in a namespace of their own, with the configuration that their targets write.
//!
//! A namespace of their own, since Promtail reads the logs of the machine: what it needs no pod of the stack is to
//! have. What they keep is on claims; what Alertmanager may tell others with is in a Secret that people make.

use super::site::{Object, Site, fingerprint};
use super::storage::quantity;
use super::{manifests, site};
use crate::output::Rendering;
use crate::target::Target;
use mainstay_model::Bytes;
use mainstay_stack::TargetKind;
use mainstay_yaml::write::{Doc, Map};

const NAMESPACE: &str = "monitoring";
const ALERTMANAGER: &str = "prom/alertmanager:v0.28.1";
const LOKI: &str = "grafana/loki:3.4.2";
const PROMTAIL: &str = "grafana/promtail:3.4.2";
/// The user that the images of all three have, or take.
const USER: i64 = 10001;

/// The folder `monitoring`, where the targets of the three have something to say.
pub(super) fn write(folder: &str, site: &Site<'_>, out: &mut Rendering) {
    let Some(project) = site.project.seen_from(&site.stack.environment) else {
        return;
    };
    let mut project = project;
    if let Some(stack) = project.environments.get_mut(&site.stack.environment) {
        // Logs are those of pods, whatever runs the stack elsewhere.
        stack.target = TargetKind::Kubernetes;
        stack.render.kubernetes.namespace = Some(site::namespace(site.stack));
    }
    let own = Site {
        stack: site.stack,
        project: site.project,
        namespace: Some(NAMESPACE.to_owned()),
    };
    let mut files = crate::render(Target::Alertmanager, &project).files;
    files.extend(crate::render(Target::Loki, &project).files);
    let text = |name: &str| files.get(name).map(|file| file.text.clone());
    let mut all = Vec::new();
    if let Some(config) = text("alertmanager.yml") {
        all.extend(server(&own, &alertmanager(&config)));
    }
    if let Some(config) = text("loki.yml") {
        all.extend(server(&own, &loki(&config)));
    }
    if let Some(config) = text("promtail.yml") {
        all.extend(promtail(&own, &config));
    }
    if !all.is_empty() {
        all.insert(0, namespace());
        manifests::into_files(&format!("{folder}/monitoring"), &all, out);
    }
}

/// Promtail reads the logs of the machine and is seen by no one else.
fn namespace() -> Object {
    let labels = Map::new()
        .comment("Not `restricted`: Promtail reads the logs of its machine.")
        .set("pod-security.kubernetes.io/enforce", "privileged")
        .set("pod-security.kubernetes.io/warn", "restricted");
    let metadata = Map::new().set("name", NAMESPACE).set("labels", labels);
    let map = Map::new()
        .set("apiVersion", "v1")
        .set("kind", "Namespace")
        .set("metadata", metadata);
    Object::new("namespace.yaml", map)
}

/// A server that keeps something.
struct Server<'a> {
    name: &'static str,
    image: &'static str,
    files: [&'static str; 2],
    port: u16,
    args: Vec<String>,
    config: (&'static str, &'a str),
    ready: &'static str,
    data: &'static str,
    size: Bytes,
    /// Where its Secret is, if it has one.
    secret: Option<&'static str>,
}

fn alertmanager(config: &str) -> Server<'_> {
    let args = [
        "--config.file=/etc/alertmanager/alertmanager.yml",
        "--storage.path=/alertmanager",
        "--cluster.listen-address=",
    ];
    Server {
        name: "alertmanager",
        image: ALERTMANAGER,
        files: ["alertmanager-deployment.yaml", "alertmanager-service.yaml"],
        port: 9093,
        args: args.map(str::to_owned).to_vec(),
        config: ("/etc/alertmanager/alertmanager.yml", config),
        ready: "/-/ready",
        data: "/alertmanager",
        size: Bytes(1 << 30),
        secret: Some("/etc/alertmanager/secrets"),
    }
}

fn loki(config: &str) -> Server<'_> {
    Server {
        name: "loki",
        image: LOKI,
        files: ["loki-deployment.yaml", "loki-service.yaml"],
        port: 3100,
        args: vec!["-config.file=/etc/loki/loki.yml".to_owned()],
        config: ("/etc/loki/loki.yml", config),
        ready: "/ready",
        data: "/loki",
        size: Bytes(20 << 30),
        secret: None,
    }
}

fn server(site: &Site<'_>, of: &Server<'_>) -> Vec<Object> {
    let [deployment, service] = of.files;
    let spec = Map::new()
        .set("replicas", 1)
        .set("strategy", Map::new().set("type", "Recreate"))
        .set(
            "selector",
            Map::new().set("matchLabels", site.selector(of.name)),
        )
        .set("template", template(site, of));
    let ports = vec![
        Map::new()
            .set("name", "http")
            .set("port", of.port)
            .set("targetPort", "http")
            .set("protocol", "TCP"),
    ];
    let reached = Map::new()
        .set("type", "ClusterIP")
        .set("selector", site.selector(of.name))
        .set("ports", ports);
    let requests = Map::new().set("storage", quantity(of.size));
    let claim = Map::new()
        .set("accessModes", ["ReadWriteOnce"])
        .maybe(
            "storageClassName",
            site.stack.render.kubernetes.storage_class.as_ref(),
        )
        .set("resources", Map::new().set("requests", requests));
    let object = |api: &str, kind: &str| site.object(api, kind, of.name, of.name);
    vec![
        account(site, of.name, deployment),
        config(site, of.name, deployment, of.config),
        Object::new(
            deployment,
            object("v1", "PersistentVolumeClaim").set("spec", claim),
        ),
        Object::new(
            deployment,
            object("apps/v1", "Deployment").set("spec", spec),
        ),
        Object::new(service, object("v1", "Service").set("spec", reached)),
        Object::new(service, reachable(site, of)),
    ]
}

fn account(site: &Site<'_>, name: &str, file: &'static str) -> Object {
    let account = site.object("v1", "ServiceAccount", name, name);
    Object::new(file, account.set("automountServiceAccountToken", false))
}

fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn config(site: &Site<'_>, name: &str, file: &'static str, (path, text): (&str, &str)) -> Object {
    let data = Map::new().set(leaf(path), text);
    Object::new(
        file,
        site.object("v1", "ConfigMap", name, name).set("data", data),
    )
}

/// Asked by the stack and by whoever watches it, and by nobody else.
fn reachable(site: &Site<'_>, of: &Server<'_>) -> Map {
    let space = |name: String| {
        let labels = Map::new().set("kubernetes.io/metadata.name", name);
        Map::new().set("namespaceSelector", Map::new().set("matchLabels", labels))
    };
    let from = vec![
        space(NAMESPACE.to_owned()),
        space(site::namespace(site.stack)),
    ];
    let port = Map::new().set("protocol", "TCP").set("port", of.port);
    let rule = Map::new().set("from", from).set("ports", vec![port]);
    let spec = Map::new()
        .set(
            "podSelector",
            Map::new().set("matchLabels", site.selector(of.name)),
        )
        .set("policyTypes", ["Ingress"])
        .set("ingress", vec![rule]);
    site.object("networking.k8s.io/v1", "NetworkPolicy", of.name, of.name)
        .set("spec", spec)
}

/// Metadata of a pod, whose annotation changes with its configuration.
fn metadata(site: &Site<'_>, name: &str, text: &str) -> Map {
    let annotations = Map::new().set("mainstay/configuration", fingerprint(text));
    Map::new()
        .set("labels", site.labels(name))
        .set("annotations", annotations)
}

fn resources(cpu: &str, memory: &str) -> Map {
    let amount = |cpu: &str| Map::new().set("cpu", cpu).set("memory", memory);
    Map::new()
        .set("requests", amount("100m"))
        .set("limits", amount(cpu))
}

fn confined(user: i64) -> Map {
    Map::new()
        .set("runAsNonRoot", user > 0)
        .set("runAsUser", user)
        .set("fsGroup", user)
        .set("seccompProfile", Map::new().set("type", "RuntimeDefault"))
}

fn container_context() -> Map {
    Map::new()
        .set("allowPrivilegeEscalation", false)
        .set("readOnlyRootFilesystem", true)
        .set("capabilities", Map::new().set("drop", ["ALL"]))
}

fn mount(name: &str, path: &str, read_only: bool) -> Map {
    Map::new()
        .set("name", name)
        .set("mountPath", path)
        .maybe("readOnly", read_only.then_some(true))
}

fn template(site: &Site<'_>, of: &Server<'_>) -> Map {
    let (path, text) = of.config;
    let folder = path
        .strip_suffix(&format!("/{}", leaf(path)))
        .unwrap_or(path);
    let mut mounts = vec![
        mount("config", folder, true),
        mount("data", of.data, false),
        mount("scratch", "/tmp", false),
    ];
    let claim = Map::new().set("claimName", of.name);
    let mut volumes = vec![
        Map::new()
            .set("name", "config")
            .set("configMap", Map::new().set("name", of.name)),
        Map::new()
            .set("name", "data")
            .set("persistentVolumeClaim", claim),
        Map::new()
            .set("name", "scratch")
            .set("emptyDir", Map::new()),
    ];
    if let Some(path) = of.secret {
        mounts.push(mount("secrets", path, true));
        let secret = Map::new()
            .set("secretName", format!("{}-secrets", of.name))
            .set("optional", true);
        volumes.push(Map::new().set("name", "secrets").set("secret", secret));
    }
    let probe = || {
        let get = Map::new().set("path", of.ready).set("port", "http");
        Map::new().set("httpGet", get)
    };
    let container = Map::new()
        .set("name", of.name)
        .set("image", of.image)
        .set("imagePullPolicy", "IfNotPresent")
        .set("args", of.args.clone())
        .set(
            "ports",
            vec![
                Map::new()
                    .set("name", "http")
                    .set("containerPort", of.port)
                    .set("protocol", "TCP"),
            ],
        )
        .set("resources", resources("1", "512Mi"))
        .set("readinessProbe", probe().set("periodSeconds", 10))
        .set(
            "livenessProbe",
            probe().set("periodSeconds", 10).set("failureThreshold", 12),
        )
        .set("securityContext", container_context())
        .set("volumeMounts", mounts);
    let spec = Map::new()
        .set("serviceAccountName", of.name)
        .set("automountServiceAccountToken", false)
        .set("enableServiceLinks", false)
        .set("securityContext", confined(USER))
        .set("containers", vec![container])
        .set("volumes", volumes);
    Map::new()
        .set("metadata", metadata(site, of.name, text))
        .set("spec", spec)
}

/// On every machine, reading what its pods write. It looks for pods in the namespace of the stack alone.
fn promtail(site: &Site<'_>, text: &str) -> Vec<Object> {
    const FILE: &str = "promtail-daemonset.yaml";
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    // More than one stack may have its own on a machine.
    let name = format!("promtail-{}", site::namespace(site.stack));
    let elsewhere = Site {
        stack: site.stack,
        project: site.project,
        namespace: Some(site::namespace(site.stack)),
    };
    let rule = Map::new()
        .set("apiGroups", [""])
        .set("resources", ["pods"])
        .set("verbs", ["get", "list", "watch"]);
    let subject = Map::new()
        .set("kind", "ServiceAccount")
        .set("name", &name)
        .set("namespace", NAMESPACE);
    let role = elsewhere
        .object(RBAC, "Role", &name, &name)
        .set("rules", vec![rule]);
    let reference = Map::new()
        .set("apiGroup", "rbac.authorization.k8s.io")
        .set("kind", "Role")
        .set("name", &name);
    let binding = elsewhere
        .object(RBAC, "RoleBinding", &name, &name)
        .set("roleRef", reference)
        .set("subjects", vec![subject]);
    let spec = Map::new()
        .set(
            "selector",
            Map::new().set("matchLabels", site.selector(&name)),
        )
        .set("template", reader(site, &name, text));
    let root = "logs of other users' pods are read as root, and only read";
    let skipped = [
        ("CKV_K8S_40", root),
        ("CKV_K8S_23", root),
        ("CKV_K8S_38", "it asks the cluster for the names of pods"),
        (
            "CKV_K8S_8",
            "one that hangs is seen by logs that are missing",
        ),
        ("CKV_K8S_27", "it reads the logs of its machine"),
    ];
    let numbered = skipped.iter().enumerate();
    let annotations: Map = numbered
        .map(|(at, (rule, why))| {
            (
                format!("checkov.io/skip{}", at + 1),
                Doc::from(format!("{rule}={why}")),
            )
        })
        .collect();
    let set = site
        .annotated("apps/v1", "DaemonSet", &name, &name, annotations)
        .set("spec", spec);
    vec![
        account(site, &name, FILE),
        Object::new(FILE, role),
        Object::new(FILE, binding),
        config(site, &name, FILE, ("promtail.yml", text)),
        Object::new(FILE, set),
    ]
}

fn reader(site: &Site<'_>, name: &str, text: &str) -> Map {
    let host = |name: &str, path: &str, kind: &str| {
        let path = Map::new().set("path", path).set("type", kind);
        Map::new().set("name", name).set("hostPath", path)
    };
    let volumes = vec![
        Map::new()
            .set("name", "config")
            .set("configMap", Map::new().set("name", name)),
        host("logs", "/var/log", "Directory"),
        host(
            "positions",
            &format!("/var/lib/{name}"),
            "DirectoryOrCreate",
        ),
    ];
    let ready = Map::new().set("path", "/ready").set("port", "http");
    let node = Map::new().set("fieldRef", Map::new().set("fieldPath", "spec.nodeName"));
    let container = Map::new()
        .set("name", "promtail")
        .set("image", PROMTAIL)
        .set("imagePullPolicy", "IfNotPresent")
        .set("args", ["-config.file=/etc/promtail/promtail.yml"])
        .comment("By this it takes the pods of its own machine, and leaves the others to others.")
        .set(
            "env",
            vec![Map::new().set("name", "HOSTNAME").set("valueFrom", node)],
        )
        .set(
            "ports",
            vec![
                Map::new()
                    .set("name", "http")
                    .set("containerPort", 9080)
                    .set("protocol", "TCP"),
            ],
        )
        .set("resources", resources("500m", "256Mi"))
        .set(
            "readinessProbe",
            Map::new().set("httpGet", ready).set("periodSeconds", 10),
        )
        .set("securityContext", container_context())
        .set(
            "volumeMounts",
            vec![
                mount("config", "/etc/promtail", true),
                mount("logs", "/var/log", true),
                mount("positions", "/var/lib/promtail", false),
            ],
        );
    let spec = Map::new()
        .set("serviceAccountName", name)
        .set("automountServiceAccountToken", true)
        .set("enableServiceLinks", false)
        .set("securityContext", confined(0))
        .set(
            "tolerations",
            vec![
                Map::new()
                    .set("operator", "Exists")
                    .set("effect", "NoSchedule"),
            ],
        )
        .set("containers", vec![container])
        .set("volumes", volumes);
    Map::new()
        .set("metadata", metadata(site, name, text))
        .set("spec", spec)
}
