//! `main.tf` of an environment: which modules, with what.

use super::data::{Cache, Database};
use super::files;
use super::hcl::{Body, Expr};
use super::plan::{Plan, label, short};
use super::service;
use super::traffic::{self, INGRESS, INGRESS_NODE_PORT};
use crate::output::Rendering;
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet};

/// Writes the environment's folder, and says which modules it uses.
pub(super) fn write(
    project: &Project,
    plan: &Plan<'_>,
    out: &mut Rendering,
) -> BTreeSet<&'static str> {
    let mut main = Main {
        plan,
        body: providers(plan),
        used: BTreeSet::new(),
    };
    main.foundation();
    main.buckets();
    for database in &plan.databases {
        main.database(database);
    }
    for cache in &plan.caches {
        main.cache(cache);
    }
    if !plan.routed.is_empty() {
        main.load_balancer();
    }
    main.compute();
    main.watching();
    let Main { body, used, .. } = main;
    let folder = format!("environments/{}", plan.stack.environment);
    out.text(format!("{folder}/main.tf"), "#", &body.file());
    files::write(project, plan, &folder, out);
    used
}

fn providers(plan: &Plan<'_>) -> Body {
    let tags = Expr::map([
        ("Stack", Expr::from(plan.stack.name.as_str())),
        ("Environment", plan.stack.environment.as_str().into()),
        ("ManagedBy", "terraform".into()),
    ]);
    let provider = |region: &str| {
        let body = Body::new().of("region", region);
        body.section("default_tags", Body::new().set("tags", tags.clone()))
    };
    let body = Body::new().block("provider \"aws\"", provider("var.region"));
    if plan.copies_to().is_none() {
        return body;
    }
    let standby = Body::new()
        .set("alias", "standby")
        .of("region", "var.standby_region");
    let standby = standby.section("default_tags", Body::new().set("tags", tags.clone()));
    body.blank()
        .comment("Where backups are copied to.")
        .block("provider \"aws\"", standby)
}

struct Main<'a> {
    plan: &'a Plan<'a>,
    body: Body,
    used: BTreeSet<&'static str>,
}

impl Main<'_> {
    /// One more module block.
    fn module(&mut self, name: &str, module: &'static str, body: impl FnOnce(Body) -> Body) {
        self.used.insert(module);
        let source = Body::new().set("source", format!("../../modules/{module}"));
        let block = body(source.blank());
        let header = format!("module \"{name}\"");
        let main = std::mem::take(&mut self.body);
        self.body = main.section(&header, block);
    }

    fn comment(&mut self, text: &str) {
        let main = std::mem::take(&mut self.body);
        self.body = main.blank().comment(text);
    }

    fn ports(&self) -> Expr {
        let databases = self.plan.databases.iter();
        let mut ports: BTreeMap<String, Expr> = databases
            .map(|one| (one.service.clone(), one.engine.port().into()))
            .collect();
        let caches = self.plan.caches.iter();
        ports.extend(caches.map(|one| (one.service.clone(), Expr::from(6379_u16))));
        if self.has_disk() {
            ports.insert("volumes".to_owned(), 2049_u16.into());
        }
        Expr::map(ports)
    }

    fn has_disk(&self) -> bool {
        self.plan.is_ecs() && !self.plan.volumes.is_empty()
    }

    fn foundation(&mut self) {
        let ports = self.ports();
        self.module("kms", "kms", |body| body.of("name", "local.name"));
        let tags: &[&str] = if self.plan.is_ecs() {
            &[]
        } else {
            &["public", "private"]
        };
        self.module("vpc", "vpc", |body| {
            let mut body = body
                .of("name", "local.name")
                .of("cidr", "var.cidr")
                .of("zones", "var.zones")
                .of("single_nat_gateway", "var.single_nat_gateway")
                .set("data_ports", ports)
                .of("kms_key_arn", "module.kms.key_arn");
            for tier in tags {
                let role = match *tier {
                    "public" => "kubernetes.io/role/elb",
                    _ => "kubernetes.io/role/internal-elb",
                };
                let name = format!("{tier}_subnet_tags");
                body = body.set(&name, Expr::map([(role, Expr::from("1"))]));
            }
            body
        });
        let secrets = self.plan.secrets();
        if !secrets.is_empty() {
            self.comment(
                "Their values are given by hand or by what rotates them, and are in no state.",
            );
            let main = std::mem::take(&mut self.body);
            let source = Body::new().set("source", "../../modules/secrets");
            let block = source
                .blank()
                .of("name", "local.name")
                .set("names", Expr::texts(secrets))
                .of("kms_key_arn", "module.kms.key_arn");
            self.used.insert("secrets");
            self.body = main.block("module \"secrets\"", block);
        }
        if self.has_disk() {
            self.disk();
        }
    }

    fn disk(&mut self) {
        let volumes = self.plan.volumes.iter();
        let volumes = volumes.map(|volume| (*volume, Expr::raw("{}")));
        let volumes = Expr::map(volumes.collect::<Vec<_>>());
        self.module("disk", "efs", |body| {
            body.of("name", "local.name")
                .set("volumes", volumes)
                .of("subnet_ids", "module.vpc.data_subnet_ids")
                .of("security_group_ids", "[module.vpc.data_security_group_id]")
                .of("kms_key_arn", "module.kms.key_arn")
        });
    }

    fn buckets(&mut self) {
        self.module("logs", "logs", |body| body.of("name", "local.name"));
        if !self.plan.stack.backups.enabled {
            return;
        }
        let named = self.plan.backup_bucket();
        let bucket = |suffix: &str| match named {
            Some(name) => Expr::from(format!("{name}{suffix}")),
            None => Expr::Template(format!(
                "${{local.name}}-backups{suffix}-${{data.aws_caller_identity.current.account_id}}"
            )),
        };
        if named.is_none() {
            let main = std::mem::take(&mut self.body);
            self.body = main
                .blank()
                .empty("data \"aws_caller_identity\" \"current\"");
        }
        let copied = self.plan.copies_to().is_some();
        if copied {
            let provider = || Expr::map([("aws", Expr::raw("aws.standby"))]);
            self.module("standby_kms", "kms", |body| {
                body.of("name", "local.name")
                    .blank()
                    .set("providers", provider())
            });
            self.module("standby_backups", "s3", |body| {
                body.set("bucket", bucket("-standby"))
                    .of("kms_key_arn", "module.standby_kms.key_arn")
                    .blank()
                    .set("providers", provider())
            });
        }
        self.module("backups", "s3", |body| {
            let body = body
                .set("bucket", bucket(""))
                .of("kms_key_arn", "module.kms.key_arn")
                .set(
                    "log",
                    Expr::map([("bucket", Expr::raw("module.logs.bucket"))]),
                )
                .of("noncurrent_days", "var.backup_retention_days");
            if !copied {
                return body;
            }
            body.set(
                "replica",
                Expr::map([
                    ("bucket_arn", Expr::raw("module.standby_backups.arn")),
                    ("kms_key_arn", Expr::raw("module.standby_kms.key_arn")),
                ]),
            )
        });
    }

    fn database(&mut self, database: &Database) {
        let name = short(&format!("{}-{}", self.plan.name, database.service), 50);
        let module = label(&database.service);
        self.module(&module, "rds", |body| {
            body.set("name", name)
                .set("engine", database.engine.word())
                .set("engine_version", database.version.as_str())
                .of("instance_class", "var.database_class")
                .of("storage_gb", "var.database_storage_gb")
                .of("replicas", "var.database_replicas")
                .of("multi_az", "var.multi_az")
                .set("database", database.schema.as_str())
                .set("username", database.username.as_str())
                .blank()
                .of("backup_retention_days", "var.backup_retention_days")
                .of("backup_window", "var.backup_window")
                .of("maintenance_window", "var.maintenance_window")
                .of("deletion_protection", "var.deletion_protection")
                .blank()
                .of("subnet_ids", "module.vpc.data_subnet_ids")
                .of("security_group_ids", "[module.vpc.data_security_group_id]")
                .of("kms_key_arn", "module.kms.key_arn")
        });
        if self.plan.copies_to().is_some() {
            self.comment(
                "Its backups and its log, in the other region as well: dr starts from there.",
            );
            let main = std::mem::take(&mut self.body);
            let block = Body::new()
                .of("provider", "aws.standby")
                .blank()
                .of("source_db_instance_arn", format!("module.{module}.arn"))
                .of("retention_period", "var.backup_retention_days")
                .of("kms_key_id", "module.standby_kms.key_arn");
            let header =
                format!("resource \"aws_db_instance_automated_backups_replication\" \"{module}\"");
            self.body = main.block(&header, block);
        }
    }

    fn cache(&mut self, cache: &Cache) {
        let name = short(&format!("{}-{}", self.plan.name, cache.service), 40);
        let days = if cache.backed_up {
            "var.backup_retention_days"
        } else {
            // Nothing of it is backed up by the stack either; one day is what a failed upgrade needs.
            "1"
        };
        self.module(&label(&cache.service), "redis", |body| {
            body.set("name", name)
                .of("node_type", "var.cache_class")
                .of("nodes", "var.multi_az ? 2 : 1")
                .maybe("maxmemory_policy", cache.policy.as_deref())
                .blank()
                .of("snapshot_retention_days", days)
                .of("snapshot_window", "var.snapshot_window")
                .of("maintenance_window", "var.maintenance_window")
                .blank()
                .of("subnet_ids", "module.vpc.data_subnet_ids")
                .of("security_group_ids", "[module.vpc.data_security_group_id]")
                .of("kms_key_arn", "module.kms.key_arn")
        });
    }

    fn load_balancer(&mut self) {
        let (targets, routes) = if self.plan.is_ecs() {
            (traffic::targets(self.plan), traffic::routes(self.plan))
        } else {
            (
                Expr::map([(INGRESS, traffic::ingress(self.plan))]),
                Expr::List(vec![traffic::route(INGRESS, &["/*".to_owned()], &[])]),
            )
        };
        let routes_of = self.plan.routed.values().flatten();
        let idle = routes_of.map(|route| route.timeout.as_secs()).max();
        self.module("alb", "alb", |body| {
            body.of("name", "local.name")
                .of("vpc_id", "module.vpc.vpc_id")
                .of("subnet_ids", "module.vpc.public_subnet_ids")
                .of("security_group_id", "module.vpc.web_security_group_id")
                .of("domain", "var.domain")
                .of("alternative_domains", "var.alternative_domains")
                .of("zone_name", "var.zone_name")
                .set("targets", targets)
                .set("routes", routes)
                .set("idle_timeout_seconds", idle.unwrap_or(60).clamp(60, 4000))
                .of("log_bucket", "module.logs.bucket")
                .of("deletion_protection", "var.deletion_protection")
                .of("kms_key_arn", "module.kms.key_arn")
        });
        let health = self
            .plan
            .front()
            .and_then(|front| traffic::path(front.health.as_ref()));
        self.module("dns", "dns", |body| {
            body.of("domain", "var.domain")
                .of("alternative_domains", "var.alternative_domains")
                .of("zone_name", "var.zone_name")
                .of("alb_dns_name", "module.alb.dns_name")
                .of("alb_zone_id", "module.alb.zone_id")
                .of("failover", "var.failover")
                .maybe("health_path", health)
        });
    }

    fn compute(&mut self) {
        if self.plan.is_ecs() {
            self.module("cluster", "ecs", |body| {
                body.of("name", "local.name")
                    .of("vpc_id", "module.vpc.vpc_id")
                    .of("spot", "var.spot")
                    .of("kms_key_arn", "module.kms.key_arn")
            });
            for one in &self.plan.services {
                let body = service::block(self.plan, one);
                self.module(&service::module(one), "ecs-service", |source| {
                    source.then(body)
                });
            }
            return;
        }
        let accounts = self.accounts();
        let ports = self.ports();
        let group = format!("module.alb.target_groups[\"{INGRESS}\"].arn");
        let ingress = (!self.plan.routed.is_empty()).then(|| {
            Expr::map([
                ("node_port", Expr::from(INGRESS_NODE_PORT)),
                ("target_group_arn", Expr::raw(group)),
                (
                    "web_security_group_id",
                    Expr::raw("module.vpc.web_security_group_id"),
                ),
            ])
        });
        self.comment(
            "Services run in the cluster: `mainstay render kubernetes` (or helm, kustomize) writes them.\n\
             The ingress controller's Service is of the type NodePort and listens on the port below.",
        );
        let main = std::mem::take(&mut self.body);
        let source = Body::new().set("source", "../../modules/eks");
        let block = source
            .blank()
            .of("name", "local.name")
            .of("kubernetes_version", "var.kubernetes_version")
            .of("subnet_ids", "module.vpc.private_subnet_ids")
            .of("public_access_cidrs", "var.public_access_cidrs")
            .of("node_class", "var.node_class")
            .of("nodes", "var.nodes")
            .of("spot", "var.spot")
            .set("service_accounts", accounts)
            .blank()
            .set("data_ports", ports)
            .of(
                "data_security_group_id",
                "module.vpc.data_security_group_id",
            )
            .maybe("ingress", ingress)
            .of("kms_key_arn", "module.kms.key_arn");
        self.used.insert("eks");
        self.body = main.block("module \"eks\"", block);
    }

    /// Service accounts of the cluster, and the secrets that each may read.
    fn accounts(&self) -> Expr {
        let render = &self.plan.stack.render.kubernetes;
        let namespace = render.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| crate::names::dns(&self.plan.name));
        let accounts = self.plan.services.iter().map(|one| {
            let arns = service::secret_arns(self.plan, one);
            let mut entries = vec![("namespace", Expr::from(namespace.as_str()))];
            if !arns.is_empty() {
                let arns = arns.into_iter().map(Expr::raw).collect();
                entries.push(("secret_arns", Expr::List(arns)));
            }
            (crate::names::dns(one.name.as_str()), Expr::map(entries))
        });
        Expr::map(accounts.collect::<Vec<_>>())
    }

    fn watching(&mut self) {
        let plan = self.plan;
        let routed = !plan.routed.is_empty();
        let databases = plan.databases.iter().map(|one| {
            let id = format!("module.{}.identifier", label(&one.service));
            (one.service.clone(), Expr::raw(id))
        });
        let databases = Expr::map(databases.collect::<Vec<_>>());
        let caches = plan.caches.iter().map(|one| {
            let id = format!("module.{}.node_ids[0]", label(&one.service));
            (one.service.clone(), Expr::raw(id))
        });
        let caches = Expr::map(caches.collect::<Vec<_>>());
        let services = plan.services.iter().map(|one| {
            let reference = format!("module.{}.service", service::module(one));
            let entries = [
                ("cluster", Expr::raw("module.cluster.cluster_name")),
                ("service", Expr::raw(reference)),
            ];
            (one.name.to_string(), Expr::map(entries))
        });
        let services = Expr::map(services.collect::<Vec<_>>());
        self.module("monitoring", "monitoring", |body| {
            let mut body = body.of("name", "local.name").of("emails", "var.alarm_emails");
            if routed {
                body = body
                    .set("load_balancer", Expr::map([("arn_suffix", Expr::raw("module.alb.arn_suffix"))]))
                    .of(
                        "target_groups",
                        "{ for name, group in module.alb.target_groups : name => group.arn_suffix }",
                    );
            }
            body = body.set("databases", databases).set("cache_nodes", caches);
            if plan.is_ecs() {
                body = body.set("services", services);
            }
            body.of("kms_key_arn", "module.kms.key_arn")
        });
        self.module("trail", "cloudtrail", |body| {
            body.of("count", "var.trail ? 1 : 0")
                .blank()
                .of("name", "local.name")
                .of("log_bucket", "module.logs.bucket")
                .of("topic_arn", "module.monitoring.topic_arn")
                .of("kms_key_arn", "module.kms.key_arn")
        });
    }
}
