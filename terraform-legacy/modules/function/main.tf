# A function of which each change becomes a published version, behind the alias that callers reach.
resource "aws_iam_role" "execution" {
  name                 = "${var.name}-execution"
  permissions_boundary = var.boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Assume"
      Effect    = "Allow"
      Action    = ["sts:AssumeRole"]
      Principal = { Service = "lambda.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "calls" {
  name   = "calls"
  role   = aws_iam_role.execution.name
  policy = var.policy
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = aws_iam_role.execution.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "handler.handler"
  runtime          = "nodejs22.x"
  architectures    = ["x86_64"]
  memory_size      = var.memory
  timeout          = 10
  publish          = true

  environment {
    variables = var.variables
  }

  tracing_config {
    mode = "PassThrough"
  }

  depends_on = [aws_iam_role_policy.calls]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    # CodeDeploy moves it.
    ignore_changes = [function_version, routing_config, description]
  }
}
