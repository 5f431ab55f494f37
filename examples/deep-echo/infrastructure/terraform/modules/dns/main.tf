# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# The name under which people reach it, and where it leads when production's own place is lost.

data "aws_route53_zone" "this" {
  name = var.zone_name
}

# Asked from outside, so that a load balancer that answers nobody counts as lost.
resource "aws_route53_health_check" "this" {
  count = var.failover == "PRIMARY" ? 1 : 0

  fqdn              = var.alb_dns_name
  port              = 443
  type              = "HTTPS"
  resource_path     = var.health_path
  request_interval  = 30
  failure_threshold = 3
  enable_sni        = true

  tags = { Name = var.domain }
}

resource "aws_route53_record" "this" {
  #checkov:skip=CKV2_AWS_23:an alias of the load balancer whose name is given
  for_each = toset(concat([var.domain], var.alternative_domains))

  zone_id = data.aws_route53_zone.this.zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = var.alb_dns_name
    zone_id                = var.alb_zone_id
    evaluate_target_health = true
  }

  set_identifier  = var.failover == null ? null : lower(var.failover)
  health_check_id = var.failover == "PRIMARY" ? aws_route53_health_check.this[0].id : null

  dynamic "failover_routing_policy" {
    for_each = var.failover == null ? [] : [var.failover]

    content {
      type = failover_routing_policy.value
    }
  }
}
