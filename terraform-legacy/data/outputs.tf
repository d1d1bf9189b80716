# What the layers above take from this one. Pulumi reads them: infra/legacy.py of this repository.

output "table_name" {
  description = "The name of the table of orders."
  value       = aws_dynamodb_table.orders.name
}

output "table_arn" {
  description = "The ARN of the table of orders."
  value       = aws_dynamodb_table.orders.arn
}

output "table_stream_arn" {
  description = "The ARN of the stream of the table's new items."
  value       = aws_dynamodb_table.orders.stream_arn
}
