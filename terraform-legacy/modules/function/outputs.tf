output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "The function's ARN, without a version."
  value       = aws_lambda_function.this.arn
}

output "alias" {
  description = "The alias that callers reach."
  value       = aws_lambda_alias.live.name
}

output "alias_arn" {
  description = "The alias's ARN."
  value       = aws_lambda_alias.live.arn
}

output "invoke_arn" {
  description = "The ARN by which API Gateway invokes the alias."
  value       = aws_lambda_alias.live.invoke_arn
}

output "version" {
  description = "The version that the alias pointed to when Terraform last looked."
  value       = aws_lambda_alias.live.function_version
}
