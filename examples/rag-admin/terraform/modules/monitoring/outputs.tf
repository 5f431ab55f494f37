# Written by `mainstay render terraform` from the stack rag-admin.
# Changes belong in compose.yaml and mainstay.yaml: the next rendering overwrites this file.

output "topic_arn" {
  description = "What tells."
  value       = aws_sns_topic.this.arn
}

output "alarms" {
  description = "Their names."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}
