# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

region              = "us-west-2"
cidr                = "10.10.0.0/16"
zones               = 3
single_nat_gateway  = true
domain              = "dev.echo.example.org"
zone_name           = "example.org"
alternative_domains = []
kubernetes_version  = "1.33"
node_class          = "t3.large"
nodes = {
  min = 1
  max = 4
}
spot                = true
deletion_protection = false
trail               = false
alarm_emails        = ["ops@example.org"]
