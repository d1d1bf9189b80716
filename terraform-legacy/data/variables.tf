variable "environment" {
  description = "Which environment this is; part of the table's name."
  type        = string

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "The environment must be staging or prod."
  }
}

variable "account_id" {
  description = "The only AWS account that this environment may be applied to."
  type        = string
}

variable "region" {
  description = "The AWS region of the table."
  type        = string
}
