# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

region              = "us-east-1"
cidr                = "10.11.0.0/16"
zones               = 3
single_nat_gateway  = false
domain              = "echo.example.org"
zone_name           = "example.org"
alternative_domains = []
failover            = "SECONDARY"
kubernetes_version  = "1.33"
node_class          = "t3.large"
nodes = {
  min = 3
  max = 10
}
database_class        = "db.t4g.medium"
database_storage_gb   = 100
database_replicas     = 1
backup_window         = "03:00-03:30"
cache_class           = "cache.t4g.small"
snapshot_window       = "02:00-03:00"
maintenance_window    = "sun:04:00-sun:05:00"
multi_az              = true
spot                  = false
backup_retention_days = 30
deletion_protection   = true
trail                 = false
alarm_emails          = ["ops@example.org"]
