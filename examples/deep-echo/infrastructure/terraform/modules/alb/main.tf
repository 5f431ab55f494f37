# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# The load balancer: HTTPS with a certificate of ACM, each route to its target.

data "aws_route53_zone" "this" {
  name = var.zone_name
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = var.alternative_domains
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  # By names that are known before the certificate is.
  validations = {
    for domain in concat([var.domain], var.alternative_domains) : domain => one([
      for option in aws_acm_certificate.this.domain_validation_options : option if option.domain_name == domain
    ])
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.validations

  zone_id         = data.aws_route53_zone.this.zone_id
  name            = each.value.resource_record_name
  type            = each.value.resource_record_type
  records         = [each.value.resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_lb" "this" {
  name                       = substr(var.name, 0, 32)
  load_balancer_type         = "application"
  security_groups            = [var.security_group_id]
  subnets                    = var.subnet_ids
  enable_deletion_protection = var.deletion_protection
  drop_invalid_header_fields = true
  idle_timeout               = var.idle_timeout_seconds

  access_logs {
    bucket  = var.log_bucket
    prefix  = "alb"
    enabled = true
  }

  #checkov:skip=CKV2_AWS_76:the list of anonymous addresses that it asks for also keeps away who comes through a VPN or from a cloud
  #checkov:skip=CKV_AWS_150:protected where deletion_protection says so, which production does
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "no route"
      status_code  = "404"
    }
  }
}

locals {
  # A blue-green target has a second group: CodeDeploy moves the traffic between the two.
  groups = merge(
    { for name, target in var.targets : name => target },
    { for name, target in var.targets : "${name}-green" => target if target.blue_green },
  )
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; targets are in private subnets and take it from there only
  for_each = local.groups

  # 32 characters: the hash tells apart what is cut.
  name                          = "${substr(each.key, 0, 23)}-${substr(sha1("${var.name}/${each.key}"), 0, 8)}"
  vpc_id                        = var.vpc_id
  target_type                   = each.value.target_type
  port                          = each.value.port
  protocol                      = "HTTP"
  deregistration_delay          = each.value.drain_seconds
  load_balancing_algorithm_type = each.value.balance

  health_check {
    path                = each.value.health_path
    matcher             = each.value.health_matcher
    interval            = each.value.health_interval_seconds
    timeout             = each.value.health_timeout_seconds
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  dynamic "stickiness" {
    for_each = each.value.sticky ? [true] : []

    content {
      type            = "lb_cookie"
      cookie_duration = 86400
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each = { for index, route in var.routes : index => route }

  listener_arn = aws_lb_listener.https.arn
  priority     = each.key + 1

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.value.target].arn
  }

  condition {
    path_pattern {
      values = each.value.paths
    }
  }

  dynamic "condition" {
    for_each = length(each.value.hosts) == 0 ? [] : [each.value.hosts]

    content {
      host_header {
        values = condition.value
      }
    }
  }

  lifecycle {
    # Which of a target's two groups gets the traffic is CodeDeploy's.
    ignore_changes = [action]
  }
}
