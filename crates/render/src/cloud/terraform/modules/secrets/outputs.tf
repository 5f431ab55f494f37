output "arns" {
  description = "By the secret's name."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}
