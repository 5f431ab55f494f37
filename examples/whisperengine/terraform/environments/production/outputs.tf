# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "vpc_id" {
  description = "Of the network."
  value       = module.vpc.vpc_id
}

output "names" {
  description = "What leads here."
  value       = module.dns.names
}

output "load_balancer" {
  description = "Its own name."
  value       = module.alb.dns_name
}

output "cluster" {
  description = "aws eks update-kubeconfig --name CLUSTER"
  value       = module.eks.cluster_name
}

output "service_account_roles" {
  description = "For the annotation eks.amazonaws.com/role-arn."
  value       = module.eks.service_account_roles
}

output "postgres_address" {
  description = "Its host."
  value       = module.postgres.address
}

output "redis_address" {
  description = "Its host."
  value       = module.redis.address
}

output "postgres_secret_arn" {
  description = "Where its password is."
  value       = module.postgres.secret_arn
}

output "secret_arns" {
  description = "Places for the stack's secrets."
  value       = module.secrets.arns
}

output "backup_bucket" {
  description = "For the stack's backups."
  value       = module.backups.bucket
}

output "alarms" {
  description = "What is watched."
  value       = module.monitoring.alarms
}
