# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "cluster_name" {
  description = "aws eks update-kubeconfig --name NAME"
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Of the cluster's API."
  value       = aws_eks_cluster.this.endpoint
}

output "service_account_roles" {
  description = "ARNs for the annotation eks.amazonaws.com/role-arn, by the account's name."
  value       = { for name, role in aws_iam_role.service_account : name => role.arn }
}
