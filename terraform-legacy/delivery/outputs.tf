# What CI takes from this layer to start a deployment. Pulumi reads them: infra/legacy.py of this repository.

output "application" {
  description = "CodeDeploy's application."
  value       = aws_codedeploy_app.this.name
}

output "deployment_group" {
  description = "The deployment group of the function."
  value       = aws_codedeploy_deployment_group.orders.deployment_group_name
}

output "deployment_config" {
  description = "The deployment configuration: how traffic moves."
  value       = aws_codedeploy_deployment_config.canary.deployment_config_name
}
