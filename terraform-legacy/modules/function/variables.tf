variable "name" {
  description = "The function's name, and the prefix of its role's."
  type        = string
}

variable "account_id" {
  description = "The account in whose name alone Lambda may assume the role."
  type        = string
}

variable "boundary_arn" {
  description = "The ARN of the policy that limits the role."
  type        = string
}

variable "policy" {
  description = "What the function may call, as a policy document."
  type        = string
}

variable "package" {
  description = "The path of the zip."
  type        = string
}

variable "memory" {
  description = "The function's memory, in MB."
  type        = number
  default     = 512
}

variable "variables" {
  description = "The function's environment."
  type        = map(string)
}
