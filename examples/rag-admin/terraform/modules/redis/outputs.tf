# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "id" {
  description = "As CloudWatch calls it."
  value       = aws_elasticache_replication_group.this.id
}

output "address" {
  description = "The host that is written; TLS only."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "reader_address" {
  description = "The host that only answers reads."
  value       = aws_elasticache_replication_group.this.reader_endpoint_address
}

output "node_ids" {
  description = "As CloudWatch calls its nodes."
  value       = [for n in range(var.nodes) : format("%s-%03d", var.name, n + 1)]
}
