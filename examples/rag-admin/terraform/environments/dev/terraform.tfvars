# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

region              = "us-east-1"
cidr                = "10.10.0.0/16"
zones               = 3
single_nat_gateway  = true
domain              = "dev.rag.example.org"
zone_name           = "example.org"
alternative_domains = []
spot                = true
deletion_protection = false
trail               = false
alarm_emails        = ["ops@example.org"]
