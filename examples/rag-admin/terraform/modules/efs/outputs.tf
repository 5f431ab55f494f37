# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "file_system_id" {
  description = "Of the disk."
  value       = aws_efs_file_system.this.id
}

output "access_points" {
  description = "By the name of the volume."
  value       = { for name, point in aws_efs_access_point.this : name => point.id }
}
