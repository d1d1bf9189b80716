# What the layers above take from this one. Pulumi reads them: infra/legacy.py of this repository.

output "boundary_arn" {
  description = "The ARN of the policy that limits every role of the system."
  value       = aws_iam_policy.boundary.arn
}

output "alarms_key_alias" {
  description = "The alias of the key that encrypts the alarms' topic."
  value       = aws_kms_alias.alarms.name
}

output "deploy_role_arn" {
  description = "The ARN of the role of the jobs that deploy."
  value       = aws_iam_role.deploy.arn
}

output "preview_role_arn" {
  description = "The ARN of the role of pull requests."
  value       = aws_iam_role.preview.arn
}
