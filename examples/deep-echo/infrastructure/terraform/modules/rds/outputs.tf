# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "identifier" {
  description = "As CloudWatch calls it."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "Of the instance."
  value       = aws_db_instance.this.arn
}

output "address" {
  description = "Its host."
  value       = aws_db_instance.this.address
}

output "port" {
  description = "Its port."
  value       = aws_db_instance.this.port
}

output "replica_addresses" {
  description = "Hosts that only answer reads."
  value       = aws_db_instance.replica[*].address
}

output "secret_arn" {
  description = "Secret of Secrets Manager with the keys username and password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}
