"""The calls that IAM cannot restrict to the stack's own resources, each with the reason.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

UNSCOPED_READS = {
    "cloudwatch:DescribeAlarms": "verdict alarms are listed by prefix, and AWS documents no scope for a prefix",
    "cloudwatch:GetMetricData": "has no resource level: metrics are no resources",
    "cloudwatch:ListMetrics": "has no resource level: metrics are no resources",
    "codedeploy:GetDeploymentTarget": "has no resource level: it takes a deployment's id",
    "codedeploy:ListDeploymentTargets": "has no resource level: it takes a deployment's id",
    "lambda:GetAccountSettings": "has no resource level: it is about the account",
    "logs:DescribeLogGroups": "lists by prefix, and is evaluated on a log group without a name",
    "ssm:DescribeParameters": "has no resource level: it lists by filters, and returns no values",
    "sns:GetSubscriptionAttributes": "has no resource level: it takes a subscription's ARN",
}
"""Reads, by action; none changes anything."""

LOG_DELIVERY = {
    "logs:CreateLogDelivery": "creates the delivery of the API's access log",
    "logs:DeleteLogDelivery": "deletes the delivery",
    "logs:DescribeResourcePolicies": "reads whether API Gateway may already write",
    "logs:GetLogDelivery": "reads the delivery",
    "logs:ListLogDeliveries": "finds the delivery",
    "logs:PutResourcePolicy": "lets API Gateway write",
    "logs:UpdateLogDelivery": "changes the delivery",
}
"""Calls that API Gateway makes in the name of the role that turns an access log on; none has a resource level.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html#http-api-logging.permissions
"""

MAPPINGS = {
    "lambda:CreateEventSourceMapping": "has no resource yet",
    "lambda:DeleteEventSourceMapping": "a mapping's id is random",
    "lambda:UpdateEventSourceMapping": "the same",
}
"""Calls on event source mappings, each restricted by a condition to the aliases that mappings may call.

https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-resources.html
"""
