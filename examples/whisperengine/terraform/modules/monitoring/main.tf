# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# Who is told, and of what. Mainstay's own rules look at the services; these look at what AWS runs for them.

data "aws_caller_identity" "current" {}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "Services"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.key
}

locals {
  alarms = merge(
    var.load_balancer == null ? {} : {
      alb-errors = {
        namespace  = "AWS/ApplicationELB"
        metric     = "HTTPCode_Target_5XX_Count"
        statistic  = "Sum"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.errors_per_minute
        dimensions = { LoadBalancer = var.load_balancer.arn_suffix }
        about      = "Services answer with errors"
      }
      alb-latency = {
        namespace  = "AWS/ApplicationELB"
        metric     = "TargetResponseTime"
        statistic  = "p95"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.latency_seconds
        dimensions = { LoadBalancer = var.load_balancer.arn_suffix }
        about      = "95 of 100 requests are answered later than this"
      }
    },
    {
      for name, suffix in var.target_groups : "${name}-unhealthy" => {
        namespace  = "AWS/ApplicationELB"
        metric     = "UnHealthyHostCount"
        statistic  = "Maximum"
        comparison = "GreaterThanThreshold"
        threshold  = 0
        dimensions = { LoadBalancer = var.load_balancer.arn_suffix, TargetGroup = suffix }
        about      = "An instance of ${name} fails its health check"
      }
    },
    {
      for name, id in var.databases : "${name}-cpu" => {
        namespace  = "AWS/RDS"
        metric     = "CPUUtilization"
        statistic  = "Average"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.cpu_percent
        dimensions = { DBInstanceIdentifier = id }
        about      = "The database ${name} is busy"
      }
    },
    {
      for name, id in var.databases : "${name}-storage" => {
        namespace  = "AWS/RDS"
        metric     = "FreeStorageSpace"
        statistic  = "Minimum"
        comparison = "LessThanThreshold"
        threshold  = var.thresholds.free_storage_bytes
        dimensions = { DBInstanceIdentifier = id }
        about      = "The database ${name} runs out of disk"
      }
    },
    {
      for name, id in var.databases : "${name}-connections" => {
        namespace  = "AWS/RDS"
        metric     = "DatabaseConnections"
        statistic  = "Maximum"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.connections
        dimensions = { DBInstanceIdentifier = id }
        about      = "The database ${name} has many connections"
      }
    },
    {
      for name, id in var.cache_nodes : "${name}-cpu" => {
        namespace  = "AWS/ElastiCache"
        metric     = "EngineCPUUtilization"
        statistic  = "Average"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.cpu_percent
        dimensions = { CacheClusterId = id }
        about      = "The cache ${name} is busy"
      }
    },
    {
      for name, id in var.cache_nodes : "${name}-memory" => {
        namespace  = "AWS/ElastiCache"
        metric     = "DatabaseMemoryUsagePercentage"
        statistic  = "Maximum"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.memory_percent
        dimensions = { CacheClusterId = id }
        about      = "The cache ${name} is full"
      }
    },
    {
      for name, service in var.services : "${name}-cpu" => {
        namespace  = "AWS/ECS"
        metric     = "CPUUtilization"
        statistic  = "Average"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.cpu_percent
        dimensions = { ClusterName = service.cluster, ServiceName = service.service }
        about      = "The service ${name} is busy"
      }
    },
    {
      for name, service in var.services : "${name}-memory" => {
        namespace  = "AWS/ECS"
        metric     = "MemoryUtilization"
        statistic  = "Average"
        comparison = "GreaterThanThreshold"
        threshold  = var.thresholds.memory_percent
        dimensions = { ClusterName = service.cluster, ServiceName = service.service }
        about      = "The service ${name} is near its limit of memory"
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  dimensions          = each.value.dimensions
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}
