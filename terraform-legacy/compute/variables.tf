variable "environment" {
  description = "Which environment this is; part of every name."
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
  description = "The AWS region of the layer."
  type        = string
}

variable "state_bucket" {
  description = "The bucket that holds the states of the other layers."
  type        = string
}
