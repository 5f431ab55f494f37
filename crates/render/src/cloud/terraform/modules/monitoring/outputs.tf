output "topic_arn" {
  description = "What tells."
  value       = aws_sns_topic.this.arn
}

output "alarms" {
  description = "Their names."
  value       = sort([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name])
}
