# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "names" {
  description = "What leads here."
  value       = [for record in aws_route53_record.this : record.fqdn]
}
