# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

# One service: what runs, what it may do, and where it is found.

data "aws_region" "current" {}

locals {
  full_name = "${var.name}-${var.service}"
  volumes   = toset([for mount in var.mounts : mount.volume])
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/mainstay/${var.name}/${var.service}"
  kms_key_id        = var.kms_key_arn
  retention_in_days = 365
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_336:read-only where the stack says so: a service that was not made for it would not start
  family                   = local.full_name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  container_definitions = jsonencode([{
    name                   = var.service
    image                  = var.image
    essential              = true
    entryPoint             = var.entrypoint
    command                = var.command
    workingDirectory       = var.working_directory
    user                   = var.user
    readonlyRootFilesystem = var.read_only
    stopTimeout            = var.stop_seconds
    environment            = [for name in sort(keys(var.environment)) : { name = name, value = var.environment[name] }]
    secrets                = [for name in sort(keys(var.secrets)) : { name = name, valueFrom = var.secrets[name] }]
    portMappings           = [for port in var.ports : { containerPort = port, protocol = "tcp" }]
    healthCheck            = var.health_check
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = var.cap_drop } }
    mountPoints = concat(
      [for mount in var.mounts : { sourceVolume = mount.volume, containerPath = mount.path, readOnly = mount.read_only }],
      [for index, path in var.scratch_paths : { sourceVolume = "scratch-${index}", containerPath = path, readOnly = false }],
    )
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.name
        awslogs-stream-prefix = var.service
      }
    }
  }])

  dynamic "volume" {
    for_each = local.volumes

    content {
      name = volume.key

      efs_volume_configuration {
        file_system_id     = var.file_system_id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = var.access_points[volume.key]
          iam             = "ENABLED"
        }
      }
    }
  }

  dynamic "volume" {
    for_each = var.scratch_paths

    content {
      name = "scratch-${volume.key}"
    }
  }
}

# Only where it is replaced by ECS itself: CodeDeploy's services are found by their load balancer.
resource "aws_service_discovery_service" "this" {
  count = var.blue_green == null ? 1 : 0

  name = var.service

  dns_config {
    namespace_id   = var.namespace_id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

resource "aws_ecs_service" "rolling" {
  count = var.blue_green == null ? 1 : 0

  name                              = var.service
  cluster                           = var.cluster_arn
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.desired_count
  launch_type                       = "FARGATE"
  enable_execute_command            = true
  propagate_tags                    = "SERVICE"
  health_check_grace_period_seconds = var.target_group_arn == null ? null : var.start_seconds

  # A singleton is gone before the next one starts.
  deployment_minimum_healthy_percent = var.singleton ? 0 : 100
  deployment_maximum_percent         = var.singleton ? 100 : 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this[0].arn
  }

  dynamic "load_balancer" {
    for_each = var.target_group_arn == null ? [] : [var.target_group_arn]

    content {
      target_group_arn = load_balancer.value
      container_name   = var.service
      container_port   = var.ports[0]
    }
  }

  lifecycle {
    # How many there are is the autoscaling's.
    ignore_changes = [desired_count]
  }
}

resource "aws_ecs_service" "blue_green" {
  count = var.blue_green == null ? 0 : 1

  name                              = var.service
  cluster                           = var.cluster_arn
  task_definition                   = aws_ecs_task_definition.this.arn
  desired_count                     = var.desired_count
  launch_type                       = "FARGATE"
  enable_execute_command            = true
  propagate_tags                    = "SERVICE"
  health_check_grace_period_seconds = var.start_seconds

  deployment_controller {
    type = "CODE_DEPLOY"
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = var.target_group_arn
    container_name   = var.service
    container_port   = var.ports[0]
  }

  lifecycle {
    # Which version runs, and behind which group, is CodeDeploy's; how many, the autoscaling's.
    ignore_changes = [desired_count, load_balancer, task_definition]
  }
}

resource "aws_appautoscaling_target" "this" {
  count = var.autoscale == null ? 0 : 1

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster_name}/${var.service}"
  min_capacity       = var.autoscale.min
  max_capacity       = var.autoscale.max

  depends_on = [aws_ecs_service.rolling, aws_ecs_service.blue_green]
}

resource "aws_appautoscaling_policy" "this" {
  for_each = var.autoscale == null ? {} : {
    for metric, percent in {
      ECSServiceAverageCPUUtilization    = var.autoscale.cpu_percent
      ECSServiceAverageMemoryUtilization = var.autoscale.memory_percent
    } : metric => percent if percent != null
  }

  name               = "${local.full_name}-${each.key}"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[0].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = each.key
    }
  }
}
