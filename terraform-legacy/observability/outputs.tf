# What the layers above take from this one. Pulumi reads them: infra/legacy.py of this repository.

output "topic_arn" {
  description = "The ARN of the alarms' topic."
  value       = aws_sns_topic.alarms.arn
}

output "error_alarm" {
  description = "The alarm on the errors of the alias, which guards every deployment."
  value       = aws_cloudwatch_metric_alarm.errors.alarm_name
}

output "throttle_alarm" {
  description = "The alarm on the throttled requests of the alias."
  value       = aws_cloudwatch_metric_alarm.throttles.alarm_name
}

output "log_group" {
  description = "The log group of the function."
  value       = aws_cloudwatch_log_group.orders.name
}

output "dashboard" {
  description = "The name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
