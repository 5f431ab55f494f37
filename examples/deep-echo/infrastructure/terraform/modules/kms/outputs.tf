# Written by `mainstay render terraform` from the stack deep-echo.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "key_arn" {
  description = "Of the key."
  value       = aws_kms_key.this.arn
}
