# The role of the jobs that apply these layers and deploy the code, and that of pull requests, which only plan.
resource "aws_iam_role" "deploy" {
  name                 = "${local.prefix}-deploy"
  max_session_duration = 14400
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Exchange"
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${var.environment}"
          "token.actions.githubusercontent.com:ref" = "refs/heads/main"
        }
      }
    }]
  })
}

resource "aws_iam_role" "preview" {
  name                 = "${local.prefix}-preview"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Exchange"
      Effect    = "Allow"
      Action    = ["sts:AssumeRoleWithWebIdentity"]
      Principal = { Federated = aws_iam_openid_connect_provider.github.arn }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:preview"
        }
      }
    }]
  })
}

# What Terraform itself needs: the services of these layers, and its states. Pulumi's policies take its place.
resource "aws_iam_role_policy" "terraform" {
  name = "terraform"
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Layers"
        Effect = "Allow"
        Action = [
          "apigateway:*", "cloudwatch:*", "codedeploy:*", "dynamodb:*", "iam:*", "kms:*", "lambda:*", "logs:*", "sns:*",
        ]
        Resource = ["*"]
      },
      {
        Sid      = "States"
        Effect   = "Allow"
        Action   = ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
        Resource = ["arn:aws:s3:::strata-terraform-state-${var.environment}", "arn:aws:s3:::strata-terraform-state-${var.environment}/*"]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "preview" {
  role       = aws_iam_role.preview.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}
