# Logs with a retention, alarms on the alias and on the API, the topic that they notify, and a dashboard.
locals {
  prefix   = "strata-${var.environment}"
  function = data.terraform_remote_state.compute.outputs.function_name
  alias    = "${data.terraform_remote_state.compute.outputs.function_name}:${data.terraform_remote_state.compute.outputs.alias}"
}

data "terraform_remote_state" "identity" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "identity/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "compute" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "compute/terraform.tfstate"
    region = var.region
  }
}

resource "aws_cloudwatch_log_group" "orders" {
  name              = "/aws/lambda/${local.function}"
  retention_in_days = 90
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.prefix}-alarms"
  kms_master_key_id = data.terraform_remote_state.identity.outputs.alarms_key_alias
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Action    = ["sns:Publish"]
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = ["arn:aws:sns:${var.region}:${var.account_id}:${local.prefix}-alarms"]
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.prefix
  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", {
    account_id = var.account_id
    region     = var.region
    prefix     = local.prefix
  })
}
