# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

region                = "us-east-1"
cidr                  = "10.13.0.0/16"
zones                 = 3
single_nat_gateway    = true
domain                = "staging.rag.example.org"
zone_name             = "example.org"
alternative_domains   = []
database_class        = "db.t4g.medium"
database_storage_gb   = 100
database_replicas     = 0
backup_window         = "01:00-01:30"
cache_class           = "cache.t4g.small"
snapshot_window       = "00:00-01:00"
maintenance_window    = "mon:02:00-mon:03:00"
multi_az              = false
spot                  = true
backup_retention_days = 30
deletion_protection   = false
trail                 = false
alarm_emails          = ["ops@example.org"]
