# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

region                = "us-west-2"
cidr                  = "10.11.0.0/16"
zones                 = 3
single_nat_gateway    = false
domain                = "rag.example.org"
zone_name             = "example.org"
alternative_domains   = []
failover              = "SECONDARY"
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
