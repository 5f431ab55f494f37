# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "vpc_id" {
  description = "Of the network."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Where the load balancer stands."
  value       = aws_subnet.public[*].id
}

output "private_subnet_ids" {
  description = "Where services run."
  value       = aws_subnet.private[*].id
}

output "data_subnet_ids" {
  description = "Where databases and caches stand."
  value       = aws_subnet.data[*].id
}

output "web_security_group_id" {
  description = "Of the load balancer."
  value       = aws_security_group.web.id
}

output "app_security_group_id" {
  description = "Of what runs."
  value       = aws_security_group.app.id
}

output "data_security_group_id" {
  description = "Of databases and caches."
  value       = aws_security_group.data.id
}
