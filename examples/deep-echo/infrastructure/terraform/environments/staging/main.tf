# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Stack       = "deep-echo"
      Environment = "staging"
      ManagedBy   = "terraform"
    }
  }
}

module "kms" {
  source = "../../modules/kms"

  name = local.name
}

module "vpc" {
  source = "../../modules/vpc"

  name               = local.name
  cidr               = var.cidr
  zones              = var.zones
  single_nat_gateway = var.single_nat_gateway
  data_ports = {
    postgres = 5432
    redis    = 6379
  }
  kms_key_arn = module.kms.key_arn
  public_subnet_tags = {
    "kubernetes.io/role/elb" = "1"
  }
  private_subnet_tags = {
    "kubernetes.io/role/internal-elb" = "1"
  }
}

# Their values are given by hand or by what rotates them, and are in no state.
module "secrets" {
  source = "../../modules/secrets"

  name        = local.name
  names       = ["admin_password"]
  kms_key_arn = module.kms.key_arn
}

module "logs" {
  source = "../../modules/logs"

  name = local.name
}

data "aws_caller_identity" "current" {}

module "backups" {
  source = "../../modules/s3"

  bucket      = "${local.name}-backups-${data.aws_caller_identity.current.account_id}"
  kms_key_arn = module.kms.key_arn
  log = {
    bucket = module.logs.bucket
  }
  noncurrent_days = var.backup_retention_days
}

module "postgres" {
  source = "../../modules/rds"

  name           = "deep-echo-staging-postgres"
  engine         = "postgres"
  engine_version = "15"
  instance_class = var.database_class
  storage_gb     = var.database_storage_gb
  replicas       = var.database_replicas
  multi_az       = var.multi_az
  database       = "deepecho"
  username       = "deepecho"

  backup_retention_days = var.backup_retention_days
  backup_window         = var.backup_window
  maintenance_window    = var.maintenance_window
  deletion_protection   = var.deletion_protection

  subnet_ids         = module.vpc.data_subnet_ids
  security_group_ids = [module.vpc.data_security_group_id]
  kms_key_arn        = module.kms.key_arn
}

module "redis" {
  source = "../../modules/redis"

  name             = "deep-echo-staging-redis"
  node_type        = var.cache_class
  nodes            = var.multi_az ? 2 : 1
  maxmemory_policy = "allkeys-lru"

  snapshot_retention_days = 1
  snapshot_window         = var.snapshot_window
  maintenance_window      = var.maintenance_window

  subnet_ids         = module.vpc.data_subnet_ids
  security_group_ids = [module.vpc.data_security_group_id]
  kms_key_arn        = module.kms.key_arn
}

module "alb" {
  source = "../../modules/alb"

  name                = local.name
  vpc_id              = module.vpc.vpc_id
  subnet_ids          = module.vpc.public_subnet_ids
  security_group_id   = module.vpc.web_security_group_id
  domain              = var.domain
  alternative_domains = var.alternative_domains
  zone_name           = var.zone_name
  targets = {
    ingress = {
      port           = 30080
      target_type    = "instance"
      drain_seconds  = 30
      health_matcher = "200-499"
    }
  }
  routes = [
    {
      target = "ingress"
      paths  = ["/*"]
    },
  ]
  idle_timeout_seconds = 60
  log_bucket           = module.logs.bucket
  deletion_protection  = var.deletion_protection
  kms_key_arn          = module.kms.key_arn
}

module "dns" {
  source = "../../modules/dns"

  domain              = var.domain
  alternative_domains = var.alternative_domains
  zone_name           = var.zone_name
  alb_dns_name        = module.alb.dns_name
  alb_zone_id         = module.alb.zone_id
  failover            = var.failover
  health_path         = "/health"
}

# Services run in the cluster: `mainstay render kubernetes` (or helm, kustomize) writes them.
# The ingress controller's Service is of the type NodePort and listens on the port below.
module "eks" {
  source = "../../modules/eks"

  name                = local.name
  kubernetes_version  = var.kubernetes_version
  subnet_ids          = module.vpc.private_subnet_ids
  public_access_cidrs = var.public_access_cidrs
  node_class          = var.node_class
  nodes               = var.nodes
  spot                = var.spot
  service_accounts = {
    cognitive-service = {
      namespace   = "deep-echo-staging"
      secret_arns = [module.postgres.secret_arn]
    }
    main-app = {
      namespace   = "deep-echo-staging"
      secret_arns = [module.postgres.secret_arn, module.secrets.arns["admin_password"]]
    }
  }

  data_ports = {
    postgres = 5432
    redis    = 6379
  }
  data_security_group_id = module.vpc.data_security_group_id
  ingress = {
    node_port             = 30080
    target_group_arn      = module.alb.target_groups["ingress"].arn
    web_security_group_id = module.vpc.web_security_group_id
  }
  kms_key_arn = module.kms.key_arn
}

module "monitoring" {
  source = "../../modules/monitoring"

  name   = local.name
  emails = var.alarm_emails
  load_balancer = {
    arn_suffix = module.alb.arn_suffix
  }
  target_groups = { for name, group in module.alb.target_groups : name => group.arn_suffix }
  databases = {
    postgres = module.postgres.identifier
  }
  cache_nodes = {
    redis = module.redis.node_ids[0]
  }
  kms_key_arn = module.kms.key_arn
}

module "trail" {
  source = "../../modules/cloudtrail"

  count = var.trail ? 1 : 0

  name        = local.name
  log_bucket  = module.logs.bucket
  topic_arn   = module.monitoring.topic_arn
  kms_key_arn = module.kms.key_arn
}
