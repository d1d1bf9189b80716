# By what CodeDeploy moves the alias, and moves it back by itself. CI starts the deployments.
locals {
  prefix = "strata-${var.environment}"
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

data "terraform_remote_state" "observability" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "observability/terraform.tfstate"
    region = var.region
  }
}

resource "aws_codedeploy_app" "this" {
  name             = local.prefix
  compute_platform = "Lambda"
}

resource "aws_codedeploy_deployment_config" "canary" {
  deployment_config_name = "${local.prefix}-canary-20-10"
  compute_platform       = "Lambda"

  traffic_routing_config {
    type = "TimeBasedCanary"

    time_based_canary {
      percentage = 20
      interval   = 10
    }
  }
}

resource "aws_iam_role" "codedeploy" {
  name                 = "${local.prefix}-codedeploy"
  permissions_boundary = data.terraform_remote_state.identity.outputs.boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Assume"
      Effect    = "Allow"
      Action    = ["sts:AssumeRole"]
      Principal = { Service = "codedeploy.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "deployments" {
  name = "deployments"
  role = aws_iam_role.codedeploy.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Alarms"
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms"]
        Resource = ["*"]
      },
      {
        Sid    = "Aliases"
        Effect = "Allow"
        Action = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        Resource = [
          "arn:aws:lambda:${var.region}:${var.account_id}:function:${data.terraform_remote_state.compute.outputs.function_name}",
          "arn:aws:lambda:${var.region}:${var.account_id}:function:${data.terraform_remote_state.compute.outputs.function_name}:*",
        ]
      },
    ]
  })
}

resource "aws_codedeploy_deployment_group" "orders" {
  app_name               = aws_codedeploy_app.this.name
  deployment_group_name  = data.terraform_remote_state.compute.outputs.function_name
  deployment_config_name = aws_codedeploy_deployment_config.canary.deployment_config_name
  service_role_arn       = aws_iam_role.codedeploy.arn

  deployment_style {
    deployment_type   = "BLUE_GREEN"
    deployment_option = "WITH_TRAFFIC_CONTROL"
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }

  alarm_configuration {
    enabled = true
    alarms  = [data.terraform_remote_state.observability.outputs.error_alarm]
  }

  depends_on = [aws_iam_role_policy.deployments]
}
