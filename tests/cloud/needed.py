"""What each call on Strata's path needs: actions and resources, from AWS's service authorization reference."""

from typing import Any, NamedTuple

from tests.cloud.conftest import archive

ROLE = "arn:aws:iam::{account}:role/worker"
FUNCTION = "arn:aws:lambda:eu-central-1:{account}:function:f"
GROUP = "arn:aws:codedeploy:eu-central-1:{account}:deploymentgroup:a/g"
APPLICATION = "arn:aws:codedeploy:eu-central-1:{account}:application:a"
ALARM = "arn:aws:cloudwatch:eu-central-1:{account}:alarm:"
DASHBOARD = "arn:aws:cloudwatch::{account}:dashboard/d"
LOG = "arn:aws:logs:eu-central-1:{account}:log-group:/g"
TABLE = "arn:aws:dynamodb:eu-central-1:{account}:table/t"
TOPIC = "arn:aws:sns:eu-central-1:{account}:t"
PARAMETER = "arn:aws:ssm:eu-central-1:{account}:parameter/strata/p"
API = "arn:aws:apigateway:eu-central-1::/apis"
POLICY = "arn:aws:iam::{account}:policy/p"
PROVIDER = "arn:aws:iam::{account}:oidc-provider/idp.example"
METRIC = {"Namespace": "n", "MetricName": "m", "Period": 60, "Statistic": "Sum"}
CODE = {"ZipFile": archive("def handler(event, context): pass\n")}
FUNCTION_OF = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Code": CODE}
GROUP_OF = {"applicationName": "a", "deploymentGroupName": "g"}
REVISION = {"revisionType": "String", "string": {"content": "{}", "sha256": "x"}}


class Case(NamedTuple):
    """A call and what it needs, in the order in which it is asked for."""

    service: str
    call: str
    given: dict[str, Any]
    needs: list[tuple[str, str]]


def case(call: str, given: dict[str, Any], *needs: str) -> Case:
    """`call` as `client.method`; the needs alternate between action and resource."""
    service, _, method = call.partition(".")
    return Case(service, method, given, list(zip(needs[::2], needs[1::2], strict=True)))


CASES = [
    case(
        "lambda.create_function", {**FUNCTION_OF, "Role": ROLE}, "lambda:CreateFunction", FUNCTION, "iam:PassRole", ROLE
    ),
    case(
        "lambda.create_function",
        {**FUNCTION_OF, "Role": ROLE, "Tags": {"a": "b"}},
        "lambda:CreateFunction",
        FUNCTION,
        "iam:PassRole",
        ROLE,
        "lambda:TagResource",
        FUNCTION,
    ),
    case("lambda.update_function_code", {"FunctionName": "f", **CODE}, "lambda:UpdateFunctionCode", FUNCTION),
    case(
        "lambda.create_function",
        {**FUNCTION_OF, "Role": ROLE, "Code": {"S3Bucket": "zips", "S3Key": "k"}},
        *("lambda:CreateFunction", FUNCTION, "iam:PassRole", ROLE, "s3:GetObject", "arn:aws:s3:::zips/k"),
    ),
    case(
        "lambda.update_function_code",
        {"FunctionName": "f", "S3Bucket": "zips", "S3Key": "k", "S3ObjectVersion": "v"},
        *("lambda:UpdateFunctionCode", FUNCTION, "s3:GetObject", "arn:aws:s3:::zips/k"),
        *("s3:GetObjectVersion", "arn:aws:s3:::zips/k"),
    ),
    case(
        "lambda.update_function_configuration",
        {"FunctionName": "f", "Timeout": 5},
        "lambda:UpdateFunctionConfiguration",
        FUNCTION,
    ),
    case(
        "lambda.update_function_configuration",
        {"FunctionName": "f", "Role": ROLE},
        "lambda:UpdateFunctionConfiguration",
        FUNCTION,
        "iam:PassRole",
        ROLE,
    ),
    case("lambda.publish_version", {"FunctionName": "f"}, "lambda:PublishVersion", FUNCTION),
    case("lambda.get_function", {"FunctionName": "f"}, "lambda:GetFunction", FUNCTION),
    case("lambda.get_function", {"FunctionName": FUNCTION}, "lambda:GetFunction", FUNCTION),
    case(
        "lambda.get_function_configuration",
        {"FunctionName": "f", "Qualifier": "3"},
        "lambda:GetFunctionConfiguration",
        f"{FUNCTION}:3",
    ),
    case("lambda.list_versions_by_function", {"FunctionName": "f"}, "lambda:ListVersionsByFunction", FUNCTION),
    case(
        "lambda.create_alias",
        {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"},
        "lambda:CreateAlias",
        FUNCTION,
    ),
    case("lambda.get_alias", {"FunctionName": "f", "Name": "live"}, "lambda:GetAlias", FUNCTION),
    case(
        "lambda.update_alias",
        {"FunctionName": "f", "Name": "live", "FunctionVersion": "2"},
        "lambda:UpdateAlias",
        FUNCTION,
    ),
    case("lambda.delete_alias", {"FunctionName": "f", "Name": "live"}, "lambda:DeleteAlias", FUNCTION),
    case("lambda.delete_function", {"FunctionName": "f", "Qualifier": "1"}, "lambda:DeleteFunction", f"{FUNCTION}:1"),
    case(
        "lambda.put_function_concurrency",
        {"FunctionName": "f", "ReservedConcurrentExecutions": 1},
        "lambda:PutFunctionConcurrency",
        FUNCTION,
    ),
    case("lambda.get_function_concurrency", {"FunctionName": "f"}, "lambda:GetFunctionConcurrency", FUNCTION),
    case(
        "lambda.add_permission",
        {
            "FunctionName": "f",
            "Qualifier": "live",
            "StatementId": "s",
            "Action": "x:y",
            "Principal": "apigateway.amazonaws.com",
        },
        "lambda:AddPermission",
        f"{FUNCTION}:live",
    ),
    case("lambda.get_policy", {"FunctionName": "f", "Qualifier": "live"}, "lambda:GetPolicy", f"{FUNCTION}:live"),
    case("lambda.invoke", {"FunctionName": f"{FUNCTION}:live"}, "lambda:InvokeFunction", f"{FUNCTION}:live"),
    case("lambda.invoke", {"FunctionName": "f", "Qualifier": "7"}, "lambda:InvokeFunction", f"{FUNCTION}:7"),
    case("lambda.tag_resource", {"Resource": FUNCTION, "Tags": {"a": "b"}}, "lambda:TagResource", FUNCTION),
    case("lambda.list_tags", {"Resource": FUNCTION}, "lambda:ListTags", FUNCTION),
    case("lambda.get_account_settings", {}, "lambda:GetAccountSettings", "*"),
    case("codedeploy.create_application", {"applicationName": "a"}, "codedeploy:CreateApplication", APPLICATION),
    case(
        "codedeploy.create_deployment_config",
        {"deploymentConfigName": "c", "computePlatform": "Lambda"},
        "codedeploy:CreateDeploymentConfig",
        "arn:aws:codedeploy:eu-central-1:{account}:deploymentconfig:c",
    ),
    case(
        "codedeploy.get_deployment_config",
        {"deploymentConfigName": "c"},
        "codedeploy:GetDeploymentConfig",
        "arn:aws:codedeploy:eu-central-1:{account}:deploymentconfig:c",
    ),
    case(
        "codedeploy.create_deployment_group",
        {**GROUP_OF, "serviceRoleArn": ROLE, "tags": [{"Key": "a", "Value": "b"}]},
        "codedeploy:CreateDeploymentGroup",
        GROUP,
        "iam:PassRole",
        ROLE,
        "codedeploy:TagResource",
        GROUP,
    ),
    case(
        "codedeploy.update_deployment_group",
        {"applicationName": "a", "currentDeploymentGroupName": "g", "serviceRoleArn": ROLE},
        "codedeploy:UpdateDeploymentGroup",
        GROUP,
        "iam:PassRole",
        ROLE,
    ),
    case("codedeploy.get_deployment_group", GROUP_OF, "codedeploy:GetDeploymentGroup", GROUP),
    case("codedeploy.delete_deployment_group", GROUP_OF, "codedeploy:DeleteDeploymentGroup", GROUP),
    case("codedeploy.delete_application", {"applicationName": "a"}, "codedeploy:DeleteApplication", APPLICATION),
    case("codedeploy.list_deployments", GROUP_OF, "codedeploy:ListDeployments", GROUP),
    case(
        "codedeploy.create_deployment",
        {**GROUP_OF, "deploymentConfigName": "c", "revision": REVISION},
        "codedeploy:CreateDeployment",
        GROUP,
        "codedeploy:GetDeploymentConfig",
        "arn:aws:codedeploy:eu-central-1:{account}:deploymentconfig:c",
        "codedeploy:GetApplicationRevision",
        APPLICATION,
        "codedeploy:RegisterApplicationRevision",
        APPLICATION,
    ),
    case(
        "codedeploy.create_deployment",
        {
            **GROUP_OF,
            "deploymentConfigName": "c",
            "revision": REVISION,
            "overrideAlarmConfiguration": {"enabled": True, "alarms": [{"name": "x"}]},
        },
        "codedeploy:CreateDeployment",
        GROUP,
        "codedeploy:GetDeploymentConfig",
        "arn:aws:codedeploy:eu-central-1:{account}:deploymentconfig:c",
        "codedeploy:GetApplicationRevision",
        APPLICATION,
        "codedeploy:RegisterApplicationRevision",
        APPLICATION,
        "codedeploy:UpdateDeploymentGroup",
        GROUP,
    ),
    case(
        "codedeploy.tag_resource",
        {"ResourceArn": GROUP, "Tags": [{"Key": "a", "Value": "b"}]},
        "codedeploy:TagResource",
        GROUP,
    ),
    case("codedeploy.list_tags_for_resource", {"ResourceArn": GROUP}, "codedeploy:ListTagsForResource", GROUP),
    case(
        "codedeploy.get_deployment_target",
        {"deploymentId": "d-ABCDEFGHI", "targetId": "x"},
        "codedeploy:GetDeploymentTarget",
        "*",
    ),
    case(
        "cloudwatch.put_metric_alarm",
        {
            "AlarmName": "x",
            **METRIC,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
        },
        "cloudwatch:PutMetricAlarm",
        f"{ALARM}x",
    ),
    case(
        "cloudwatch.put_metric_alarm",
        {
            "AlarmName": "x",
            **METRIC,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Tags": [{"Key": "a", "Value": "b"}],
        },
        "cloudwatch:PutMetricAlarm",
        f"{ALARM}x",
        "cloudwatch:TagResource",
        f"{ALARM}x",
    ),
    case(
        "cloudwatch.describe_alarms",
        {"AlarmNames": ["x", "y"]},
        "cloudwatch:DescribeAlarms",
        f"{ALARM}x",
        "cloudwatch:DescribeAlarms",
        f"{ALARM}y",
    ),
    case("cloudwatch.describe_alarms", {"AlarmNamePrefix": "x"}, "cloudwatch:DescribeAlarms", f"{ALARM}*"),
    case("cloudwatch.delete_alarms", {"AlarmNames": ["x"]}, "cloudwatch:DeleteAlarms", f"{ALARM}x"),
    case(
        "cloudwatch.get_metric_data",
        {"MetricDataQueries": [], "StartTime": 0, "EndTime": 60},
        "cloudwatch:GetMetricData",
        "*",
    ),
    case(
        "cloudwatch.put_dashboard", {"DashboardName": "d", "DashboardBody": "{}"}, "cloudwatch:PutDashboard", DASHBOARD
    ),
    case("cloudwatch.get_dashboard", {"DashboardName": "d"}, "cloudwatch:GetDashboard", DASHBOARD),
    case("cloudwatch.delete_dashboards", {"DashboardNames": ["d"]}, "cloudwatch:DeleteDashboards", DASHBOARD),
    case(
        "logs.create_log_group",
        {"logGroupName": "/g", "tags": {"a": "b"}},
        "logs:CreateLogGroup",
        f"{LOG}:log-stream:",
        "logs:TagResource",
        LOG,
    ),
    case(
        "logs.put_retention_policy",
        {"logGroupName": "/g", "retentionInDays": 30},
        "logs:PutRetentionPolicy",
        f"{LOG}:log-stream:",
    ),
    case("logs.delete_log_group", {"logGroupName": "/g"}, "logs:DeleteLogGroup", f"{LOG}:log-stream:"),
    case(
        "logs.describe_log_groups",
        {"logGroupNamePrefix": "/g"},
        "logs:DescribeLogGroups",
        "arn:aws:logs:eu-central-1:{account}:log-group::log-stream:",
    ),
    case("logs.filter_log_events", {"logGroupName": "/g"}, "logs:FilterLogEvents", f"{LOG}:log-stream:"),
    case(
        "logs.put_log_events",
        {"logGroupName": "/g", "logStreamName": "s", "logEvents": [{"timestamp": 0, "message": "m"}]},
        "logs:PutLogEvents",
        f"{LOG}:log-stream:s",
    ),
    case("logs.list_tags_for_resource", {"resourceArn": LOG}, "logs:ListTagsForResource", LOG),
    case("iam.create_role", {"RoleName": "worker", "AssumeRolePolicyDocument": "{}"}, "iam:CreateRole", ROLE),
    case(
        "iam.create_role",
        {"RoleName": "r", "Path": "/p/", "AssumeRolePolicyDocument": "{}"},
        "iam:CreateRole",
        "arn:aws:iam::{account}:role/p/r",
    ),
    case("iam.get_role", {"RoleName": "worker"}, "iam:GetRole", ROLE),
    case(
        "iam.put_role_policy",
        {"RoleName": "worker", "PolicyName": "p", "PolicyDocument": "{}"},
        "iam:PutRolePolicy",
        ROLE,
    ),
    case("iam.attach_role_policy", {"RoleName": "worker", "PolicyArn": POLICY}, "iam:AttachRolePolicy", ROLE),
    case(
        "iam.update_assume_role_policy",
        {"RoleName": "worker", "PolicyDocument": "{}"},
        "iam:UpdateAssumeRolePolicy",
        ROLE,
    ),
    case("iam.delete_role_permissions_boundary", {"RoleName": "worker"}, "iam:DeleteRolePermissionsBoundary", ROLE),
    case("iam.create_policy", {"PolicyName": "p", "PolicyDocument": "{}"}, "iam:CreatePolicy", POLICY),
    case("iam.create_policy_version", {"PolicyArn": POLICY, "PolicyDocument": "{}"}, "iam:CreatePolicyVersion", POLICY),
    case(
        "iam.create_open_id_connect_provider",
        {"Url": "https://idp.example"},
        "iam:CreateOpenIDConnectProvider",
        PROVIDER,
    ),
    case(
        "iam.simulate_principal_policy",
        {"PolicySourceArn": ROLE, "ActionNames": ["a:b"]},
        "iam:SimulatePrincipalPolicy",
        ROLE,
    ),
    case("iam.create_access_key", {"UserName": "u"}, "iam:CreateAccessKey", "arn:aws:iam::{account}:user/u"),
    case("iam.list_roles", {}, "iam:ListRoles", "*"),
    case("s3.get_object", {"Bucket": "b", "Key": "a/b"}, "s3:GetObject", "arn:aws:s3:::b/a/b"),
    case("s3.put_object", {"Bucket": "b", "Key": "k"}, "s3:PutObject", "arn:aws:s3:::b/k"),
    case(
        "s3.copy_object",
        {"Bucket": "b", "Key": "k", "CopySource": "c/l"},
        "s3:PutObject",
        "arn:aws:s3:::b/k",
        "s3:GetObject",
        "arn:aws:s3:::c/l",
    ),
    case("s3.delete_object", {"Bucket": "b", "Key": "k"}, "s3:DeleteObject", "arn:aws:s3:::b/k"),
    case("s3.list_objects_v2", {"Bucket": "b", "Prefix": "p"}, "s3:ListBucket", "arn:aws:s3:::b"),
    case("s3.create_bucket", {"Bucket": "b"}, "s3:CreateBucket", "arn:aws:s3:::b"),
    case("s3.get_bucket_encryption", {"Bucket": "b"}, "s3:GetEncryptionConfiguration", "arn:aws:s3:::b"),
    case("s3.list_buckets", {}, "s3:ListAllMyBuckets", "*"),
    case(
        "sns.create_topic",
        {"Name": "t", "Tags": [{"Key": "a", "Value": "b"}]},
        "sns:CreateTopic",
        TOPIC,
        "sns:TagResource",
        TOPIC,
    ),
    case("sns.publish", {"TopicArn": TOPIC, "Message": "m"}, "sns:Publish", TOPIC),
    case("sns.get_subscription_attributes", {"SubscriptionArn": f"{TOPIC}:1"}, "sns:GetSubscriptionAttributes", TOPIC),
    case("kms.create_key", {}, "kms:CreateKey", "*"),
    case(
        "dynamodb.create_table",
        {
            "TableName": "t",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        },
        "dynamodb:CreateTable",
        TABLE,
    ),
    case("dynamodb.get_item", {"TableName": "t", "Key": {"k": {"S": "1"}}}, "dynamodb:GetItem", TABLE),
    case("dynamodb.put_item", {"TableName": TABLE, "Item": {"k": {"S": "1"}}}, "dynamodb:PutItem", TABLE),
    case(
        "dynamodb.query",
        {"TableName": "t", "IndexName": "idx", "KeyConditionExpression": "k = :k"},
        "dynamodb:Query",
        f"{TABLE}/index/idx",
    ),
    case(
        "dynamodb.batch_get_item",
        {"RequestItems": {"t": {"Keys": [{"k": {"S": "1"}}]}}},
        "dynamodb:BatchGetItem",
        TABLE,
    ),
    case(
        "dynamodb.update_time_to_live",
        {"TableName": "t", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "x"}},
        "dynamodb:UpdateTimeToLive",
        TABLE,
    ),
    case("dynamodb.list_tables", {}, "dynamodb:ListTables", "*"),
    case("ssm.get_parameter", {"Name": "/strata/p"}, "ssm:GetParameter", PARAMETER),
    case("ssm.get_parameters", {"Names": ["/strata/p"]}, "ssm:GetParameters", PARAMETER),
    case(
        "secretsmanager.get_secret_value",
        {"SecretId": "s"},
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:eu-central-1:{account}:secret:s",
    ),
    case("apigatewayv2.create_api", {"Name": "a", "ProtocolType": "HTTP"}, "apigateway:POST", API),
    case("apigatewayv2.get_route", {"ApiId": "1", "RouteId": "2"}, "apigateway:GET", f"{API}/1/routes/2"),
    case("apigatewayv2.delete_stage", {"ApiId": "1", "StageName": "s"}, "apigateway:DELETE", f"{API}/1/stages/s"),
]
