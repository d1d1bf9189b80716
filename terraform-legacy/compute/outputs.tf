# What the layers above take from this one. Pulumi reads them: infra/legacy.py of this repository.

output "function_name" {
  description = "The name of the function that takes orders."
  value       = module.orders.name
}

output "function_arn" {
  description = "The function's ARN, without a version."
  value       = module.orders.arn
}

output "alias" {
  description = "The alias that callers reach."
  value       = module.orders.alias
}

output "alias_arn" {
  description = "The alias's ARN."
  value       = module.orders.alias_arn
}

output "invoke_arn" {
  description = "The ARN by which API Gateway invokes the alias."
  value       = module.orders.invoke_arn
}

output "function_version" {
  description = "The version that the alias pointed to when Terraform last looked."
  value       = module.orders.version
}

output "api_id" {
  description = "The id of the HTTP API."
  value       = aws_apigatewayv2_api.this.id
}

output "api_stage" {
  description = "The stage of the HTTP API."
  value       = aws_apigatewayv2_stage.default.name
}

output "api_url" {
  description = "The address by which callers reach the HTTP API."
  value       = aws_apigatewayv2_api.this.api_endpoint
}
