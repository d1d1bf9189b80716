"""The calls that cannot be bound to the stack's own resources, each with the reason. None of them changes anything.

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
