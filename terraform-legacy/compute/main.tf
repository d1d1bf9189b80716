# The function that takes orders. CI builds dist/orders.zip from src/ before it applies; CodeDeploy moves the alias.
locals {
  prefix = "strata-${var.environment}"
  name   = "strata-${var.environment}-orders"
  arn    = "${var.region}:${var.account_id}"
}

data "terraform_remote_state" "identity" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "identity/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "data" {
  backend = "s3"

  config = {
    bucket = var.state_bucket
    key    = "data/terraform.tfstate"
    region = var.region
  }
}

module "orders" {
  source = "../modules/function"

  name         = local.name
  account_id   = var.account_id
  boundary_arn = data.terraform_remote_state.identity.outputs.boundary_arn
  package      = "${path.module}/dist/orders.zip"
  memory       = 1024

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Orders"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        Resource = [data.terraform_remote_state.data.outputs.table_arn]
      },
      {
        Sid       = "Keys"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = ["arn:aws:kms:${local.arn}:key/*"]
        Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.${var.region}.amazonaws.com"] } }
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:${local.arn}:log-group:/aws/lambda/${local.name}:*"]
      },
    ]
  })

  variables = {
    TABLE_NAME   = data.terraform_remote_state.data.outputs.table_name
    NODE_OPTIONS = "--enable-source-maps"
  }
}
