output "names" {
  description = "What leads here."
  value       = [for record in aws_route53_record.this : record.fqdn]
}
