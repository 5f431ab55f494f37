# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Stack       = "rag-admin"
      Environment = "dr"
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

  name           = "rag-admin-dr-postgres"
  engine         = "postgres"
  engine_version = "15"
  instance_class = var.database_class
  storage_gb     = var.database_storage_gb
  replicas       = var.database_replicas
  multi_az       = var.multi_az
  database       = "ragadmin"
  username       = "ragadmin"

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

  name             = "rag-admin-dr-redis"
  node_type        = var.cache_class
  nodes            = var.multi_az ? 2 : 1
  maxmemory_policy = "allkeys-lru"

  snapshot_retention_days = var.backup_retention_days
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
    backend = {
      port                    = 8000
      blue_green              = true
      drain_seconds           = 30
      health_path             = "/health"
      health_interval_seconds = 5
      health_timeout_seconds  = 2
    }
    frontend = {
      port                    = 8000
      blue_green              = true
      drain_seconds           = 30
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

  image     = "ghcr.io/example/techcorp/rag-admin:${var.release}"
  read_only = true
  cap_drop  = ["ALL"]
  cpu       = 512
  memory_mb = 1024
  ports     = [8000]

  environment = {
    ADMIN_USER         = "admin"
    DATABASE_POOL_SIZE = "20"
    ENVIRONMENT        = "dr"
    GREETING           = ""
    HOST               = "0.0.0.0"
    POSTGRES_DB        = "ragadmin"
    POSTGRES_HOST      = "${module.postgres.address}"
    POSTGRES_PORT      = "5432"
    POSTGRES_USER      = "ragadmin"
    REDIS_URL          = "rediss://${module.redis.address}:6379"
    SAMPLE_PROFILE     = "rag-admin"
    UPLOADS_PER_MINUTE = "60"
    VECTOR_STORE_URL   = "http://vector-store.${module.cluster.namespace}:8000"
  }

  secrets = {
    ADMIN_PASSWORD    = module.secrets.arns["admin_password"]
    POSTGRES_PASSWORD = "${module.postgres.secret_arn}:password::"
  }
  secret_arns = [module.postgres.secret_arn, module.secrets.arns["admin_password"]]

  desired_count = 1
  stop_seconds  = 30
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
    watch_minutes = 15
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

  image     = "ghcr.io/example/techcorp/rag-admin-frontend:${var.release}"
  command   = ["sample-service", "frontend"]
  read_only = true
  cap_drop  = ["ALL"]
  cpu       = 512
  memory_mb = 1024
  ports     = [8000]

  environment = {
    HOST           = "0.0.0.0"
    SAMPLE_PROFILE = "rag-admin"
    VITE_API_URL   = "/"
    VITE_APP_ENV   = "dr"
  }

  desired_count = 1
  stop_seconds  = 30
  start_seconds = 30

  target_group_arn = module.alb.target_groups["frontend"].arn
  blue_green = {
    routing       = "TimeBasedLinear"
    percent       = 10
    minutes       = 1
    watch_minutes = 15
    load_balancer = module.alb.arn_suffix
    listener_arn  = module.alb.https_listener_arn
    blue_group    = module.alb.target_groups["frontend"].name
    green_group   = module.alb.target_groups["frontend-green"].name
  }

  subnet_ids        = module.vpc.private_subnet_ids
  security_group_id = module.vpc.app_security_group_id
  kms_key_arn       = module.kms.key_arn
}

module "service_vector_store" {
  source = "../../modules/ecs-service"

  name         = local.name
  service      = "vector-store"
  cluster_arn  = module.cluster.cluster_arn
  cluster_name = module.cluster.cluster_name
  namespace_id = module.cluster.namespace_id

  image     = "techcorp/rag-admin:dev"
  command   = ["sample-service", "stand-in", "vector-store"]
  read_only = true
  cap_drop  = ["ALL"]
  cpu       = 512
  memory_mb = 1024
  ports     = [8000]

  environment = {
    HOST           = "0.0.0.0"
    SAMPLE_PROFILE = "rag-admin"
  }

  desired_count = 1
  stop_seconds  = 30
  start_seconds = 30
  health_check = {
    command     = ["CMD", "sample-service", "health", "/health"]
    interval    = 5
    timeout     = 3
    retries     = 3
    startPeriod = 0
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
  databases = {
    postgres = module.postgres.identifier
  }
  cache_nodes = {
    redis = module.redis.node_ids[0]
  }
  services = {
    backend = {
      cluster = module.cluster.cluster_name
      service = module.service_backend.service
    }
    frontend = {
      cluster = module.cluster.cluster_name
      service = module.service_frontend.service
    }
    vector-store = {
      cluster = module.cluster.cluster_name
      service = module.service_vector_store.service
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
