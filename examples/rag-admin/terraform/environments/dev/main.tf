# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Stack       = "rag-admin"
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
  data_ports = {
    volumes = 2049
  }
  kms_key_arn = module.kms.key_arn
}

module "disk" {
  source = "../../modules/efs"

  name = local.name
  volumes = {
    data = {}
  }
  subnet_ids         = module.vpc.data_subnet_ids
  security_group_ids = [module.vpc.data_security_group_id]
  kms_key_arn        = module.kms.key_arn
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
    backend = {
      port                    = 8000
      blue_green              = true
      drain_seconds           = 10
      health_path             = "/health"
      health_interval_seconds = 5
      health_timeout_seconds  = 2
    }
    frontend = {
      port                    = 8000
      blue_green              = true
      drain_seconds           = 10
      health_path             = "/health"
      health_interval_seconds = 5
      health_timeout_seconds  = 2
    }
  }
  routes = [
    {
      target = "backend"
      paths  = ["/metrics", "/metrics/*"]
    },
    {
      target = "backend"
      paths  = ["/health", "/health/*"]
    },
    {
      target = "backend"
      paths  = ["/status", "/status/*"]
    },
    {
      target = "backend"
      paths  = ["/admin", "/admin/*"]
    },
    {
      target = "backend"
      paths  = ["/api", "/api/*"]
    },
    {
      target = "frontend"
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

module "cluster" {
  source = "../../modules/ecs"

  name        = local.name
  vpc_id      = module.vpc.vpc_id
  spot        = var.spot
  kms_key_arn = module.kms.key_arn
}

module "service_backend" {
  source = "../../modules/ecs-service"

  name         = local.name
  service      = "backend"
  cluster_arn  = module.cluster.cluster_arn
  cluster_name = module.cluster.cluster_name
  namespace_id = module.cluster.namespace_id

  image     = "techcorp/rag-admin:dev"
  cpu       = 256
  memory_mb = 512
  ports     = [8000]

  environment = {
    DATABASE_PATH  = "./data/ragadmin.db"
    ENVIRONMENT    = "development"
    GREETING       = ""
    SAMPLE_PROFILE = "rag-admin"
  }

  mounts = [
    {
      volume = "data"
      path   = "/app/data"
    },
  ]
  file_system_id = module.disk.file_system_id
  access_points  = module.disk.access_points

  desired_count = 2
  stop_seconds  = 10
  start_seconds = 30
  autoscale = {
    min            = 3
    max            = 12
    cpu_percent    = 70
    memory_percent = 80
  }

  target_group_arn = module.alb.target_groups["backend"].arn
  blue_green = {
    routing       = "TimeBasedLinear"
    percent       = 10
    minutes       = 1
    watch_minutes = 1
    load_balancer = module.alb.arn_suffix
    listener_arn  = module.alb.https_listener_arn
    blue_group    = module.alb.target_groups["backend"].name
    green_group   = module.alb.target_groups["backend-green"].name
  }

  subnet_ids        = module.vpc.private_subnet_ids
  security_group_id = module.vpc.app_security_group_id
  kms_key_arn       = module.kms.key_arn
}

module "service_frontend" {
  source = "../../modules/ecs-service"

  name         = local.name
  service      = "frontend"
  cluster_arn  = module.cluster.cluster_arn
  cluster_name = module.cluster.cluster_name
  namespace_id = module.cluster.namespace_id

  image     = "techcorp/rag-admin-frontend:dev"
  cpu       = 256
  memory_mb = 512
  ports     = [8000]

  environment = {
    SAMPLE_PROFILE = "rag-admin"
    VITE_API_URL   = "/"
    VITE_APP_ENV   = "development"
  }

  desired_count = 1
  stop_seconds  = 10
  start_seconds = 30

  target_group_arn = module.alb.target_groups["frontend"].arn
  blue_green = {
    routing       = "TimeBasedLinear"
    percent       = 10
    minutes       = 1
    watch_minutes = 1
    load_balancer = module.alb.arn_suffix
    listener_arn  = module.alb.https_listener_arn
    blue_group    = module.alb.target_groups["frontend"].name
    green_group   = module.alb.target_groups["frontend-green"].name
  }

  subnet_ids        = module.vpc.private_subnet_ids
  security_group_id = module.vpc.app_security_group_id
  kms_key_arn       = module.kms.key_arn
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
  services = {
    backend = {
      cluster = module.cluster.cluster_name
      service = module.service_backend.service
    }
    frontend = {
      cluster = module.cluster.cluster_name
      service = module.service_frontend.service
    }
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
