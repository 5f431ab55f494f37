# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "arns" {
  description = "By the secret's name."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}
