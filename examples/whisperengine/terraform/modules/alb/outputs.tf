# Written by `mainstay render terraform` from the stack whisperengine.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "dns_name" {
  description = "Its own name."
  value       = aws_lb.this.dns_name
}

output "zone_id" {
  description = "The zone of its own name."
  value       = aws_lb.this.zone_id
}

output "arn_suffix" {
  description = "As CloudWatch calls it."
  value       = aws_lb.this.arn_suffix
}

output "https_listener_arn" {
  description = "What CodeDeploy moves traffic on."
  value       = aws_lb_listener.https.arn
}

output "target_groups" {
  description = "By name, and NAME-green: what registers itself there, and how CloudWatch calls it."
  value = {
    for key, group in aws_lb_target_group.this : key => {
      arn        = group.arn
      name       = group.name
      arn_suffix = group.arn_suffix
    }
  }
}
