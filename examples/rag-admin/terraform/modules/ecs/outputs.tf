# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "cluster_arn" {
  description = "Of the cluster."
  value       = aws_ecs_cluster.this.arn
}

output "cluster_name" {
  description = "Of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "namespace_id" {
  description = "Where services register their names."
  value       = aws_service_discovery_private_dns_namespace.this.id
}

output "namespace" {
  description = "What stands behind a service's name."
  value       = aws_service_discovery_private_dns_namespace.this.name
}
