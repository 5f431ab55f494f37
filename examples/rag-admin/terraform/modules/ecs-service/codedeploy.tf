# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# Blue-green: all new beside all old, the traffic moved by CodeDeploy, and moved back where an alarm goes off.

data "aws_iam_policy_document" "assume_codedeploy" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["codedeploy.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "codedeploy" {
  count = var.blue_green == null ? 0 : 1

  name_prefix        = substr("${local.full_name}-d-", 0, 38)
  assume_role_policy = data.aws_iam_policy_document.assume_codedeploy.json
}

resource "aws_iam_role_policy_attachment" "codedeploy" {
  count = var.blue_green == null ? 0 : 1

  role       = aws_iam_role.codedeploy[0].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AWSCodeDeployRoleForECS"
}

resource "aws_codedeploy_app" "this" {
  count = var.blue_green == null ? 0 : 1

  name             = local.full_name
  compute_platform = "ECS"
}

resource "aws_codedeploy_deployment_config" "this" {
  count = var.blue_green == null ? 0 : 1

  deployment_config_name = local.full_name
  compute_platform       = "ECS"

  traffic_routing_config {
    type = var.blue_green.routing

    dynamic "time_based_canary" {
      for_each = var.blue_green.routing == "TimeBasedCanary" ? [var.blue_green] : []

      content {
        percentage = time_based_canary.value.percent
        interval   = time_based_canary.value.minutes
      }
    }

    dynamic "time_based_linear" {
      for_each = var.blue_green.routing == "TimeBasedLinear" ? [var.blue_green] : []

      content {
        percentage = time_based_linear.value.percent
        interval   = time_based_linear.value.minutes
      }
    }
  }
}

# What the traffic is moved back for: the new group's own errors.
resource "aws_cloudwatch_metric_alarm" "rollback" {
  count = var.blue_green == null ? 0 : 1

  alarm_name          = "${local.full_name}-deploy"
  alarm_description   = "A deploy of ${var.service} goes back where this goes off"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.blue_green.errors_per_minute
  dimensions          = { LoadBalancer = var.blue_green.load_balancer }
  period              = 60
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
}

resource "aws_codedeploy_deployment_group" "this" {
  count = var.blue_green == null ? 0 : 1

  app_name               = aws_codedeploy_app.this[0].name
  deployment_group_name  = var.service
  service_role_arn       = aws_iam_role.codedeploy[0].arn
  deployment_config_name = aws_codedeploy_deployment_config.this[0].id

  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]
  }

  alarm_configuration {
    enabled = true
    alarms  = [aws_cloudwatch_metric_alarm.rollback[0].alarm_name]
  }

  blue_green_deployment_config {
    deployment_ready_option {
      action_on_timeout = "CONTINUE_DEPLOYMENT"
    }

    # The old ones stay warm, so that going back is a matter of seconds.
    terminate_blue_instances_on_deployment_success {
      action                           = "TERMINATE"
      termination_wait_time_in_minutes = var.blue_green.watch_minutes
    }
  }

  ecs_service {
    cluster_name = var.cluster_name
    service_name = aws_ecs_service.blue_green[0].name
  }

  load_balancer_info {
    target_group_pair_info {
      prod_traffic_route {
        listener_arns = [var.blue_green.listener_arn]
      }

      target_group {
        name = var.blue_green.blue_group
      }

      target_group {
        name = var.blue_green.green_group
      }
    }
  }
}
