# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Stack       = "deep-echo"
      Environment = "dev"
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
  data_ports         = {}
  kms_key_arn        = module.kms.key_arn
  public_subnet_tags = {
    "kubernetes.io/role/elb" = "1"
  }
  private_subnet_tags = {
    "kubernetes.io/role/internal-elb" = "1"
  }
}

module "logs" {
  source = "../../modules/logs"

  name = local.name
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
      drain_seconds  = 10
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
      namespace = "deep-echo-dev"
    }
    main-app = {
      namespace = "deep-echo-dev"
    }
  }

  data_ports             = {}
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
  databases     = {}
  cache_nodes   = {}
  kms_key_arn   = module.kms.key_arn
}

module "trail" {
  source = "../../modules/cloudtrail"

  count = var.trail ? 1 : 0

  name        = local.name
  log_bucket  = module.logs.bucket
  topic_arn   = module.monitoring.topic_arn
  kms_key_arn = module.kms.key_arn
}
