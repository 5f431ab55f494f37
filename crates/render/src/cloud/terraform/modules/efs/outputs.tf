output "file_system_id" {
  description = "Of the disk."
  value       = aws_efs_file_system.this.id
}

output "access_points" {
  description = "By the name of the volume."
  value       = { for name, point in aws_efs_access_point.this : name => point.id }
}
