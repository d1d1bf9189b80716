"""The calls that cannot be bound to the stack's own resources, each with the reason. None of `WIDE` changes anything.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

WIDE = {
    "cloudwatch:DescribeAlarms": "verdict alarms are asked for by prefix, and AWS documents no scope for a prefix",
    "cloudwatch:GetMetricData": "has no resource level: metrics are no resources",
    "cloudwatch:ListMetrics": "has no resource level: metrics are no resources",
    "codedeploy:GetDeploymentTarget": "has no resource level: it is asked by a deployment's id",
    "codedeploy:ListDeploymentTargets": "has no resource level: it is asked by a deployment's id",
    "lambda:GetAccountSettings": "has no resource level: it is about the account",
    "logs:DescribeLogGroups": "lists by prefix, and is evaluated on a log group without a name",
    "ssm:DescribeParameters": "has no resource level: it lists, by filters; of values it tells nothing",
    "sns:GetSubscriptionAttributes": "has no resource level: it is asked by a subscription's ARN",
}
"""By action."""

DELIVERS = {
    "logs:CreateLogDelivery": "makes the delivery of the API's access log",
    "logs:DeleteLogDelivery": "ends it",
    "logs:DescribeResourcePolicies": "sees whether API Gateway may write already",
    "logs:GetLogDelivery": "sees the delivery",
    "logs:ListLogDeliveries": "finds it",
    "logs:PutResourcePolicy": "lets API Gateway write",
    "logs:UpdateLogDelivery": "changes the delivery",
}
"""What API Gateway asks of whoever turns an access log on, by action, and what it does; none has a resource level.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html#http-api-logging.permissions
"""
