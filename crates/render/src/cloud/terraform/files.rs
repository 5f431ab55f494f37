//! What stands beside `main.tf`: variables and their values, outputs, and where the state is.

use super::hcl::{Body, Expr};
use super::plan::{Plan, label};
use crate::output::Rendering;
use crate::project::Project;
use mainstay_stack::Purpose;
use std::collections::BTreeSet;

const GIB: u64 = 1 << 30;
/// Of EKS: standard support when this was written.
const KUBERNETES: &str = "1.33";

pub(super) fn write(project: &Project, plan: &Plan<'_>, folder: &str, out: &mut Rendering) {
    let values = values(project, plan);
    let mut variables = Body::new();
    let mut tfvars = Body::new();
    for value in &values {
        let about = Body::new().set("description", value.about);
        let about = about
            .of("type", value.kind)
            .maybe("default", value.default.clone());
        variables = variables.section(&format!("variable \"{}\"", value.name), about);
        if let Some(given) = &value.given {
            tfvars = tfvars.set(value.name, given.clone());
        }
    }
    let locals = Body::new().set("name", plan.name.as_str());
    let variables = variables.section("locals", locals);
    out.text(format!("{folder}/variables.tf"), "#", &variables.file());
    out.text(format!("{folder}/terraform.tfvars"), "#", &tfvars.file());
    out.text(format!("{folder}/outputs.tf"), "#", &outputs(plan).file());
    out.text(format!("{folder}/backend.tf"), "#", &backend(plan).file());
}

struct Value {
    name: &'static str,
    about: &'static str,
    kind: &'static str,
    default: Option<Expr>,
    /// What stands in terraform.tfvars.
    given: Option<Expr>,
}

fn value(
    name: &'static str,
    about: &'static str,
    kind: &'static str,
    given: impl Into<Expr>,
) -> Value {
    Value {
        name,
        about,
        kind,
        default: None,
        given: Some(given.into()),
    }
}

fn values(project: &Project, plan: &Plan<'_>) -> Vec<Value> {
    let mut values = places(project, plan);
    if !plan.routed.is_empty() {
        values.extend(names(plan));
    }
    if plan.is_ecs() {
        values.push(release(project));
    } else {
        values.extend(machines(plan));
    }
    values.extend(databases(plan));
    let spot = !plan.is_production();
    values.push(value(
        "spot",
        "Cheaper machines that end at short notice.",
        "bool",
        spot,
    ));
    values.extend(safety(plan));
    values
}

fn places(project: &Project, plan: &Plan<'_>) -> Vec<Value> {
    let cloud = &plan.stack.render.cloud;
    let mut values = vec![value("region", "Where it stands.", "string", plan.region())];
    if let Some(standby) = plan.copies_to() {
        let about = "Where backups are copied to.";
        values.push(value("standby_region", about, "string", standby));
    }
    let cidr = super::cidr(project, plan.stack);
    let single = !plan.is_production();
    values.push(value("cidr", "Addresses of the network.", "string", cidr));
    values.push(value(
        "zones",
        "How many availability zones.",
        "number",
        cloud.zones,
    ));
    let about = "One way out for all zones: cheaper, and gone with its zone.";
    values.push(value("single_nat_gateway", about, "bool", single));
    values
}

/// Names that lead here: production's own, dr's when production is lost, others below their own.
fn names(plan: &Plan<'_>) -> Vec<Value> {
    let stack = plan.stack;
    let domain = stack.render.domain.as_deref().map(|domain| {
        let shared = matches!(stack.purpose, Purpose::Production | Purpose::Recovery);
        let says = stack
            .routes
            .iter()
            .any(|route| route.hosts.iter().any(|host| host == domain));
        if shared || says {
            domain.to_owned()
        } else {
            format!("{}.{domain}", stack.environment)
        }
    });
    let hosts: BTreeSet<&str> = stack
        .routes
        .iter()
        .flat_map(|route| &route.hosts)
        .map(String::as_str)
        .collect();
    let others = hosts
        .into_iter()
        .filter(|host| Some(*host) != domain.as_deref());
    let zone = domain.as_deref().map(|domain| {
        let mut labels: Vec<&str> = domain.rsplit('.').take(2).collect();
        labels.reverse();
        labels.join(".")
    });
    let failover = match stack.purpose {
        Purpose::Production => Some("PRIMARY"),
        Purpose::Recovery => Some("SECONDARY"),
        Purpose::Development | Purpose::Staging => None,
    };
    let given = |name, about, given: Option<String>| Value {
        name,
        about,
        kind: "string",
        default: None,
        given: given.map(Expr::from),
    };
    vec![
        given(
            "domain",
            "The name under which people reach it.",
            domain.clone(),
        ),
        given("zone_name", "The zone of Route 53 that has the name.", zone),
        value(
            "alternative_domains",
            "Further names.",
            "list(string)",
            Expr::texts(others),
        ),
        Value {
            name: "failover",
            about: "PRIMARY leads here while it is healthy, SECONDARY when the primary is not, null always.",
            kind: "string",
            default: Some(Expr::raw("null")),
            given: failover.map(Expr::from),
        },
    ]
}

fn release(project: &Project) -> Value {
    Value {
        name: "release",
        about: "The tag of images that are built from the stack.",
        kind: "string",
        default: None,
        given: project.release.as_deref().map(Expr::from),
    }
}

fn machines(plan: &Plan<'_>) -> Vec<Value> {
    let class = plan.stack.render.cloud.node_class.as_str();
    let least: u32 = if plan.is_production() { 3 } else { 1 };
    let nodes = Expr::map([("min", Expr::from(least)), ("max", (least * 3 + 1).into())]);
    vec![
        value(
            "kubernetes_version",
            "Of the cluster.",
            "string",
            KUBERNETES,
        ),
        value("node_class", "Of its machines.", "string", class),
        value(
            "nodes",
            "How many machines.",
            "object({ min = number, max = number })",
            nodes,
        ),
        Value {
            name: "public_access_cidrs",
            about: "Who may reach the cluster's API from outside: your office, your CI.",
            kind: "list(string)",
            default: Some(Expr::List(Vec::new())),
            given: None,
        },
    ]
}

fn databases(plan: &Plan<'_>) -> Vec<Value> {
    let cloud = &plan.stack.render.cloud;
    let mut values = Vec::new();
    if !plan.databases.is_empty() {
        let gib = cloud.database_storage.0.div_ceil(GIB).max(20);
        let replicas = if plan.is_production() {
            cloud.database_replicas
        } else {
            0
        };
        let class = cloud.database_class.as_str();
        values.push(value("database_class", "Of the database.", "string", class));
        values.push(value(
            "database_storage_gb",
            "Of the database.",
            "number",
            gib,
        ));
        values.push(value(
            "database_replicas",
            "Copies that only answer reads.",
            "number",
            replicas,
        ));
        let window = plan.backup_window();
        values.push(value(
            "backup_window",
            "When it is copied, UTC.",
            "string",
            window,
        ));
    }
    if !plan.caches.is_empty() {
        let class = cloud.cache_class.as_str();
        values.push(value("cache_class", "Of the cache.", "string", class));
        let window = plan.snapshot_window();
        values.push(value(
            "snapshot_window",
            "When the cache is copied, UTC.",
            "string",
            window,
        ));
    }
    if values.is_empty() {
        return values;
    }
    let window = plan.maintenance();
    let about = "When AWS may change versions, UTC.";
    values.push(value("maintenance_window", about, "string", window));
    let about = "A second database and cache in another zone that take over.";
    values.push(value("multi_az", about, "bool", plan.is_production()));
    values
}

fn safety(plan: &Plan<'_>) -> Vec<Value> {
    let production = plan.stack.purpose == Purpose::Production;
    let mut values = Vec::new();
    if plan.stack.backups.enabled || !plan.databases.is_empty() {
        let about = "For how many days what was changed can be had back.";
        values.push(value(
            "backup_retention_days",
            about,
            "number",
            plan.backup_days(),
        ));
    }
    if !plan.databases.is_empty() || !plan.routed.is_empty() {
        let about =
            "Whether database and load balancer can be destroyed only after this was changed.";
        values.push(value(
            "deletion_protection",
            about,
            "bool",
            plan.is_production(),
        ));
    }
    let about = "Whether the account's calls are recorded from here: once for each account.";
    values.push(value("trail", about, "bool", production));
    let contact = plan.stack.render.contact.iter();
    let contact = Expr::texts(contact.filter(|contact| contact.contains('@')));
    values.push(value(
        "alarm_emails",
        "Who is told of alarms.",
        "list(string)",
        contact,
    ));
    values
}

/// Name, what it is, expression.
type Output = (String, &'static str, String);

fn outputs(plan: &Plan<'_>) -> Body {
    let mut outputs = vec![line("vpc_id", "Of the network.", "module.vpc.vpc_id")];
    if !plan.routed.is_empty() {
        outputs.push(line("names", "What leads here.", "module.dns.names"));
        outputs.push(line(
            "load_balancer",
            "Its own name.",
            "module.alb.dns_name",
        ));
    }
    outputs.extend(of_compute(plan));
    let services = plan.databases.iter().map(|one| &one.service);
    for service in services.chain(plan.caches.iter().map(|one| &one.service)) {
        let (module, about) = (label(service), "Its host.");
        let host = format!("module.{module}.address");
        outputs.push((format!("{module}_address"), about, host));
    }
    for database in &plan.databases {
        let module = label(&database.service);
        let arn = format!("module.{module}.secret_arn");
        outputs.push((
            format!("{module}_secret_arn"),
            "Where its password is.",
            arn,
        ));
    }
    if !plan.secrets().is_empty() {
        outputs.push(line(
            "secret_arns",
            "Places for the stack's secrets.",
            "module.secrets.arns",
        ));
    }
    if plan.stack.backups.enabled {
        outputs.push(line(
            "backup_bucket",
            "For the stack's backups.",
            "module.backups.bucket",
        ));
    }
    outputs.push(line(
        "alarms",
        "What is watched.",
        "module.monitoring.alarms",
    ));
    outputs
        .into_iter()
        .fold(Body::new(), |body, (name, about, value)| {
            let block = Body::new().set("description", about).of("value", value);
            body.section(&format!("output \"{name}\""), block)
        })
}

fn of_compute(plan: &Plan<'_>) -> Vec<Output> {
    if plan.is_ecs() {
        return vec![line("cluster", "Of ECS.", "module.cluster.cluster_name")];
    }
    let about = "aws eks update-kubeconfig --name CLUSTER";
    let roles = "For the annotation eks.amazonaws.com/role-arn.";
    vec![
        line("cluster", about, "module.eks.cluster_name"),
        line(
            "service_account_roles",
            roles,
            "module.eks.service_account_roles",
        ),
    ]
}

fn line(name: &str, about: &'static str, value: &str) -> Output {
    (name.to_owned(), about, value.to_owned())
}

fn backend(plan: &Plan<'_>) -> Body {
    let cloud = &plan.stack.render.cloud;
    let bucket = cloud.state_bucket.clone();
    let bucket = bucket.unwrap_or_else(|| format!("{}-terraform-state", plan.stack.name));
    let aws = Expr::map([
        ("source", Expr::from("hashicorp/aws")),
        ("version", "~> 5.100".into()),
    ]);
    let state = Body::new()
        .comment("The bucket is there before the first `init`: versioned, encrypted, private.")
        .set("bucket", bucket)
        .set(
            "key",
            format!("{}/terraform.tfstate", plan.stack.environment),
        )
        .set("region", cloud.region.as_str())
        .set("encrypt", true)
        .set("use_lockfile", true);
    let body = Body::new()
        .set("required_version", ">= 1.10")
        .section("required_providers", Body::new().set("aws", aws))
        .section("backend \"s3\"", state);
    Body::new().block("terraform", body)
}
