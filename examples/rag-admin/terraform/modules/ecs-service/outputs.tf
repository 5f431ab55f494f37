# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "service" {
  description = "As ECS calls it."
  value       = var.service
}

output "task_definition" {
  description = "The newest, for whoever tells CodeDeploy of a new one."
  value       = aws_ecs_task_definition.this.arn
}

output "task_role_name" {
  description = "For further policies."
  value       = aws_iam_role.task.name
}

output "log_group" {
  description = "What it prints."
  value       = aws_cloudwatch_log_group.this.name
}
