# Who may reach the account from outside, and what every role of the system is limited to.
locals {
  prefix = "strata-${var.environment}"
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_policy" "boundary" {
  name = "${local.prefix}-boundary"
  policy = templatefile("${path.module}/boundary.json.tftpl", {
    account_id  = var.account_id
    region      = var.region
    environment = var.environment
    prefix      = local.prefix
    table       = "orders-${var.environment}"
  })
}

resource "aws_kms_key" "alarms" {
  description             = "encrypts what the alarms of ${local.prefix} publish"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = templatefile("${path.module}/alarms-key.json.tftpl", {
    account_id = var.account_id
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "alarms" {
  name          = "alias/${local.prefix}-alarms"
  target_key_id = aws_kms_key.alarms.key_id
}
