# Written by `mainstay render terraform` from the stack deep-echo.
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

output "alarms" {
  description = "What is watched."
  value       = module.monitoring.alarms
}
