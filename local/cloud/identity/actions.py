"""The IAM actions and resources that each call needs: one line for the calls that share a form of resource.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
If a call is not listed here, its action is the operation's name and only a statement on every resource, `*`, allows
it: too strict rather than too lax.
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

from local.cloud.faults.calls import Call
from local.cloud.identity.requests import Facts

_HERE = "{region}:{account}"
_LAMBDA = "{function}"
_GROUP = f"arn:aws:codedeploy:{_HERE}:deploymentgroup:{{applicationName}}/{{deploymentGroupName}}"
_APPLICATION = f"arn:aws:codedeploy:{_HERE}:application:{{applicationName}}"
_CONFIGURATION = f"arn:aws:codedeploy:{_HERE}:deploymentconfig:{{deploymentConfigName}}"
_ALARM = f"arn:aws:cloudwatch:{_HERE}:alarm:"
_DASHBOARD = "arn:aws:cloudwatch::{account}:dashboard/"
_LINKED = (
    "arn:aws:iam::{account}:role/aws-service-role/apidestinations.events.amazonaws.com/"
    "AWSServiceRoleForAmazonEventBridgeApiDestinations"
)
_CONNECTION_SECRET = f"arn:aws:secretsmanager:{_HERE}:secret:events!connection/{{Name}}/*"
_PROVIDER = "arn:aws:iam::{account}:oidc-provider/{provider}"
_POLICY = "arn:aws:iam::{account}:policy"
_MAPPING = f"arn:aws:lambda:{_HERE}:event-source-mapping:"

_RESOURCES: dict[str, dict[str, str]] = {
    "lambda": {
        _LAMBDA: "CreateAlias CreateFunction DeleteAlias DeleteFunctionConcurrency GetAlias GetFunctionConcurrency "
        "ListAliases ListVersionsByFunction PublishVersion PutFunctionConcurrency UpdateAlias UpdateFunctionCode "
        "UpdateFunctionConfiguration CreateFunctionUrlConfig UpdateFunctionUrlConfig DeleteFunctionUrlConfig "
        "DeleteFunctionCodeSigningConfig GetFunctionCodeSigningConfig GetFunctionRecursionConfig "
        "ListFunctionEventInvokeConfigs ListFunctionUrlConfigs ListProvisionedConcurrencyConfigs "
        "PutFunctionCodeSigningConfig PutFunctionRecursionConfig",
        "{qualified}": "AddPermission DeleteFunction GetFunction GetFunctionConfiguration GetPolicy Invoke InvokeAsync "
        "InvokeWithResponseStream RemovePermission GetProvisionedConcurrencyConfig PutProvisionedConcurrencyConfig "
        "DeleteProvisionedConcurrencyConfig PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig "
        "DeleteFunctionEventInvokeConfig GetFunctionUrlConfig GetRuntimeManagementConfig "
        "PutRuntimeManagementConfig UpdateFunctionEventInvokeConfig",
        f"{_MAPPING}{{UUID}}": "DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping",
        "{Resource}": "ListTags TagResource UntagResource",
    },
    "codedeploy": {
        _APPLICATION: "BatchGetApplicationRevisions CreateApplication DeleteApplication GetApplication "
        "GetApplicationRevision "
        "ListApplicationRevisions ListDeploymentGroups RegisterApplicationRevision UpdateApplication",
        _GROUP: "CreateDeployment CreateDeploymentGroup DeleteDeploymentGroup GetDeploymentGroup ListDeployments",
        _GROUP.replace("{deployment", "{currentDeployment"): "UpdateDeploymentGroup",
        _GROUP.replace("{deploymentGroupName}", "{deploymentGroupNames}"): "BatchGetDeploymentGroups",
        "{groups}": "BatchGetDeployments ContinueDeployment GetDeployment PutLifecycleEventHookExecutionStatus "
        "StopDeployment",
        _CONFIGURATION: "CreateDeploymentConfig DeleteDeploymentConfig GetDeploymentConfig",
        "{ResourceArn}": "ListTagsForResource TagResource UntagResource",
    },
    "cloudwatch": {
        f"{_ALARM}{{AlarmName}}": "PutMetricAlarm PutCompositeAlarm SetAlarmState DescribeAlarmHistory",
        f"{_ALARM}{{AlarmNames}}": "DeleteAlarms DescribeAlarms DisableAlarmActions EnableAlarmActions",
        f"{_DASHBOARD}{{DashboardName}}": "GetDashboard PutDashboard",
        f"{_DASHBOARD}{{DashboardNames}}": "DeleteDashboards",
        "{ResourceARN}": "ListTagsForResource TagResource UntagResource",
    },
    "logs": {
        "{group}:log-stream:": "AssociateKmsKey CreateLogGroup DeleteLogGroup DeleteRetentionPolicy "
        "DescribeLogStreams DescribeMetricFilters DescribeSubscriptionFilters DisassociateKmsKey FilterLogEvents "
        "ListTagsLogGroup PutMetricFilter PutRetentionPolicy PutSubscriptionFilter",
        "{group}:log-stream:{logStreamName}": "CreateLogStream DeleteLogStream GetLogEvents PutLogEvents",
        f"arn:aws:logs:{_HERE}:log-group::log-stream:": "DescribeLogGroups",
        "{resourceArn}": "ListTagsForResource TagResource UntagResource",
    },
    "iam": {
        "{role}": "AttachRolePolicy CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy "
        "DetachRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies "
        "ListRoleTags PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole UpdateAssumeRolePolicy UpdateRole "
        "UpdateRoleDescription",
        f"{_POLICY}/{{PolicyName}}": "CreatePolicy",
        "{PolicyArn}": "CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion "
        "ListEntitiesForPolicy ListPolicyTags ListPolicyVersions SetDefaultPolicyVersion TagPolicy UntagPolicy",
        _PROVIDER: "CreateOpenIDConnectProvider",
        "{OpenIDConnectProviderArn}": "AddClientIDToOpenIDConnectProvider DeleteOpenIDConnectProvider "
        "GetOpenIDConnectProvider ListOpenIDConnectProviderTags RemoveClientIDFromOpenIDConnectProvider "
        "TagOpenIDConnectProvider UntagOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint",
        "{PolicySourceArn}": "SimulatePrincipalPolicy",
        "arn:aws:iam::{account}:user/{UserName}": "AttachUserPolicy CreateAccessKey CreateUser DeleteUser GetUser "
        "PutUserPolicy",
    },
    "sts": {"{RoleArn}": "AssumeRole"},
    "sns": {
        "{TopicArn}": "AddPermission ConfirmSubscription DeleteTopic GetTopicAttributes ListSubscriptionsByTopic "
        "Publish PublishBatch RemovePermission SetTopicAttributes Subscribe",
        "{topic}": "GetSubscriptionAttributes SetSubscriptionAttributes Unsubscribe",
        f"arn:aws:sns:{_HERE}:{{Name}}": "CreateTopic",
        "{ResourceArn}": "ListTagsForResource TagResource UntagResource",
    },
    "kms": {
        "{key}": "CancelKeyDeletion CreateAlias Decrypt DeleteAlias DescribeKey DisableKey DisableKeyRotation "
        "EnableKey EnableKeyRotation Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyPolicy "
        "GetKeyRotationStatus "
        "ListKeyPolicies ListResourceTags PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource UpdateAlias "
        "UpdateKeyDescription",
    },
    "dynamodb": {
        "{tables}": "BatchGetItem BatchWriteItem CreateTable DeleteItem DeleteTable DescribeContinuousBackups "
        "DescribeTable DescribeTimeToLive GetItem PutItem Query Scan UpdateContinuousBackups UpdateItem UpdateTable "
        "UpdateTimeToLive",
        "{ResourceArn}": "ListTagsOfResource TagResource UntagResource",
    },
    "dynamodbstreams": {"{stream}": "DescribeStream GetRecords GetShardIterator"},
    "sqs": {
        "{queue}": "AddPermission ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage "
        "DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl ListDeadLetterSourceQueues ListQueueTags "
        "PurgeQueue ReceiveMessage RemovePermission SendMessage SendMessageBatch SetQueueAttributes TagQueue "
        "UntagQueue",
    },
    "events": {
        "{rule}": "DeleteRule DescribeRule DisableRule EnableRule ListTargetsByRule PutRule PutTargets RemoveTargets",
        "{bus}": "CreateEventBus DeleteEventBus DescribeEventBus UpdateEventBus",
        "{buses}": "PutEvents",
        f"arn:aws:events:{_HERE}:api-destination/{{Name}}": "CreateApiDestination DeleteApiDestination "
        "DescribeApiDestination UpdateApiDestination",
        f"arn:aws:events:{_HERE}:connection/{{Name}}": "CreateConnection DeleteConnection DescribeConnection "
        "UpdateConnection",
        "{ResourceARN}": "ListTagsForResource TagResource UntagResource",
    },
    "codebuild": {
        f"arn:aws:codebuild:{_HERE}:project/{{projectName}}": "StartBuild",
        f"arn:aws:codebuild:{_HERE}:project/{{name}}": "CreateProject DeleteProject UpdateProject",
        f"arn:aws:codebuild:{_HERE}:project/{{names}}": "BatchGetProjects",
    },
    "ssm": {
        "{parameters}": "AddTagsToResource DeleteParameter DeleteParameters GetParameter GetParameterHistory "
        "GetParameters ListTagsForResource PutParameter RemoveTagsFromResource"
    },
    "route53": {
        "arn:aws:route53:::hostedzone/{HostedZoneId}": "ChangeResourceRecordSets ListResourceRecordSets",
        "arn:aws:route53:::hostedzone/{Id}": "DeleteHostedZone GetHostedZone UpdateHostedZoneComment",
        "arn:aws:route53:::change/{Id}": "GetChange",
    },
    "secretsmanager": {
        "{secret}": "DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue ListSecretVersionIds PutSecretValue "
        "TagResource UntagResource UpdateSecret",
        f"arn:aws:secretsmanager:{_HERE}:secret:{{Name}}": "CreateSecret",
    },
}
_TEMPLATES = {
    (service, operation): template
    for service, lines in _RESOURCES.items()
    for template, operations in lines.items()
    for operation in operations.split()
}

_ACTIONS = {  # where they are not the operation's name
    ("dynamodbstreams", "DescribeStream"): "dynamodb:DescribeStream",
    ("dynamodbstreams", "GetRecords"): "dynamodb:GetRecords",
    ("dynamodbstreams", "GetShardIterator"): "dynamodb:GetShardIterator",
    ("dynamodbstreams", "ListStreams"): "dynamodb:ListStreams",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
    ("s3", "AbortMultipartUpload"): "s3:AbortMultipartUpload",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "DeleteBucketEncryption"): "s3:PutEncryptionConfiguration",
    ("s3", "DeleteBucketLifecycle"): "s3:PutLifecycleConfiguration",
    ("s3", "DeleteBucketTagging"): "s3:PutBucketTagging",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "DeletePublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "GetBucketAccelerateConfiguration"): "s3:GetAccelerateConfiguration",
    ("s3", "GetBucketEncryption"): "s3:GetEncryptionConfiguration",
    ("s3", "GetBucketLifecycleConfiguration"): "s3:GetLifecycleConfiguration",
    ("s3", "GetBucketReplication"): "s3:GetReplicationConfiguration",
    ("s3", "GetPublicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
    ("s3", "ListMultipartUploads"): "s3:ListBucketMultipartUploads",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "ListParts"): "s3:ListMultipartUploadParts",
    ("s3", "PutBucketEncryption"): "s3:PutEncryptionConfiguration",
    ("s3", "PutBucketLifecycleConfiguration"): "s3:PutLifecycleConfiguration",
    ("s3", "PutPublicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("s3", "UploadPart"): "s3:PutObject",
    ("sqs", "ChangeMessageVisibilityBatch"): "sqs:ChangeMessageVisibility",
    ("sqs", "DeleteMessageBatch"): "sqs:DeleteMessage",
    ("sqs", "SendMessageBatch"): "sqs:SendMessage",
}

_FURTHER: dict[tuple[str, str], tuple[tuple[str, str, str], ...]] = {
    # (operation) -> what it needs beside: (action, resource, the parameter without which it does not)
    ("codedeploy", "CreateApplication"): (("codedeploy:TagResource", _APPLICATION, "tags"),),
    ("codedeploy", "CreateDeployment"): (
        (
            "codedeploy:GetDeploymentConfig",
            f"arn:aws:codedeploy:{_HERE}:deploymentconfig:{{configuration}}",
            "configuration",
        ),
        ("codedeploy:GetApplicationRevision", _APPLICATION, "revision"),
        ("codedeploy:RegisterApplicationRevision", _APPLICATION, "revision"),
        ("codedeploy:UpdateDeploymentGroup", _GROUP, "overrideAlarmConfiguration"),
    ),
    ("codedeploy", "CreateDeploymentGroup"): (
        ("iam:PassRole", "{serviceRoleArn}", "serviceRoleArn"),
        ("codedeploy:TagResource", _GROUP, "tags"),
    ),
    ("codedeploy", "UpdateDeploymentGroup"): (("iam:PassRole", "{serviceRoleArn}", "serviceRoleArn"),),
    ("cloudwatch", "PutMetricAlarm"): (("cloudwatch:TagResource", f"{_ALARM}{{AlarmName}}", "Tags"),),
    ("dynamodb", "CreateTable"): (("dynamodb:TagResource", "{tables}", "Tags"),),
    ("events", "CreateEventBus"): (("events:TagResource", "{bus}", "Tags"),),
    ("events", "CreateConnection"): (
        ("iam:CreateServiceLinkedRole", _LINKED, "Name"),
        ("secretsmanager:CreateSecret", _CONNECTION_SECRET, "Name"),
        ("secretsmanager:GetSecretValue", _CONNECTION_SECRET, "Name"),
    ),
    ("events", "DeleteConnection"): (("secretsmanager:DeleteSecret", _CONNECTION_SECRET, "Name"),),
    ("events", "UpdateConnection"): (
        ("secretsmanager:PutSecretValue", _CONNECTION_SECRET, "Name"),
        ("secretsmanager:UpdateSecret", _CONNECTION_SECRET, "Name"),
    ),
    ("events", "PutTargets"): (("iam:PassRole", "{target_roles}", "target_roles"),),
    ("events", "PutRule"): (("events:TagResource", "{rule}", "Tags"), ("iam:PassRole", "{RoleArn}", "RoleArn")),
    ("iam", "CreateOpenIDConnectProvider"): (("iam:TagOpenIDConnectProvider", _PROVIDER, "Tags"),),
    ("iam", "CreatePolicy"): (("iam:TagPolicy", f"{_POLICY}/{{PolicyName}}", "Tags"),),
    ("iam", "CreateRole"): (("iam:TagRole", "{role}", "Tags"),),
    ("kms", "CreateAlias"): (("kms:CreateAlias", f"arn:aws:kms:{_HERE}:{{AliasName}}", "AliasName"),),
    ("kms", "CreateKey"): (("kms:TagResource", "*", "Tags"),),
    ("kms", "UpdateAlias"): (("kms:UpdateAlias", f"arn:aws:kms:{_HERE}:{{AliasName}}", "AliasName"),),
    ("lambda", "CreateEventSourceMapping"): (("lambda:TagResource", f"{_MAPPING}*", "Tags"),),
    ("lambda", "CreateFunction"): (
        ("iam:PassRole", "{Role}", "Role"),
        ("lambda:TagResource", _LAMBDA, "Tags"),
        ("lambda:GetLayerVersion", "{Layers}", "Layers"),
        ("s3:GetObject", "arn:aws:s3:::{Code[S3Bucket]}/{Code[S3Key]}", "Code"),
    ),
    ("lambda", "PutFunctionCodeSigningConfig"): (
        ("lambda:PutFunctionCodeSigningConfig", "{CodeSigningConfigArn}", "CodeSigningConfigArn"),
    ),
    ("lambda", "UpdateFunctionCode"): (
        ("s3:GetObject", "arn:aws:s3:::{S3Bucket}/{S3Key}", "S3Bucket"),
        ("s3:GetObjectVersion", "arn:aws:s3:::{S3Bucket}/{S3Key}", "S3ObjectVersion"),
    ),
    ("lambda", "UpdateFunctionConfiguration"): (
        ("iam:PassRole", "{Role}", "Role"),
        ("lambda:GetLayerVersion", "{Layers}", "Layers"),
    ),
    ("logs", "CreateLogGroup"): (("logs:TagResource", "{group}", "tags"),),
    ("s3", "CreateMultipartUpload"): (
        ("kms:GenerateDataKey", "{sealed_by}", "sealed_by"),
        ("kms:Decrypt", "{sealed_by}", "sealed_by"),
    ),
    ("s3", "GetObject"): (
        ("kms:Decrypt", "{sealed_by}", "sealed_by"),
        ("s3:ListBucket", "arn:aws:s3:::{Bucket}", "missing"),
    ),
    ("s3", "HeadObject"): (("s3:ListBucket", "arn:aws:s3:::{Bucket}", "missing"),),
    ("s3", "PutObject"): (
        ("s3:GetObject", "arn:aws:s3:::{copied}", "copy_source"),
        ("kms:GenerateDataKey", "{sealed_by}", "sealed_by"),
    ),
    ("secretsmanager", "CreateSecret"): (
        ("secretsmanager:TagResource", f"arn:aws:secretsmanager:{_HERE}:secret:{{Name}}", "Tags"),
    ),
    ("sns", "CreateTopic"): (("sns:TagResource", f"arn:aws:sns:{_HERE}:{{Name}}", "Tags"),),
    ("sqs", "CreateQueue"): (("sqs:TagQueue", "{queue}", "tags"),),
    ("ssm", "PutParameter"): (("ssm:AddTagsToResource", "{parameters}", "Tags"),),
}

PASSED_TO = {
    "codedeploy": "codedeploy.amazonaws.com",
    "events": "events.amazonaws.com",
    "lambda": "lambda.amazonaws.com",
}
"""The service that a role is passed to, by the service that is called."""
FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("sts", "AssumeRoleWithWebIdentity")})
"""Calls that need no permission. A web identity is judged by the role's trust policy alone."""


class Need(NamedTuple):
    """An action that the caller must be allowed on a resource; `*` where the action knows none."""

    action: str
    resource: str


def needs(call: Call, known: Facts) -> Iterator[Need]:
    """Yield all actions that a call needs."""
    key = (call.service, call.action)
    if key in FREE:
        return
    if call.service == "apigatewayv2":
        yield from _of_an_api(call.action, known)
        return
    action = _ACTIONS.get(key, f"{call.service}:{call.action}")
    if call.service == "s3":
        template = "arn:aws:s3:::{Bucket}/{Key}" if "Key" in known else "arn:aws:s3:::{Bucket}"
    else:
        template = _TEMPLATES.get(key, "*")
    found = list(_filled(template, known))
    if key == ("cloudwatch", "DescribeAlarms") and not found:
        found = list(_filled(f"{_ALARM}*", known))
    yield from (Need(action, resource) for resource in found or ["*"])
    for further, wanted, condition in _FURTHER.get(key, ()):
        if _given(condition, known):
            yield from (Need(further, resource) for resource in _filled(wanted, known))


def _of_an_api(operation: str, known: Facts) -> Iterator[Need]:
    """Yield API Gateway's actions: HTTP methods, on its paths without /v2. A call that sets an API's tags needs both;
    the id of an API to be created is an asterisk, and its path for tags has the /v2.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-iam-policy.html
    https://github.com/hashicorp/terraform-provider-aws/issues/16023
    https://github.com/aws-amplify/amplify-cli/issues/12316
    """
    root = f"arn:aws:apigateway:{known['region']}::"
    path = known["api_path"]
    yield Need(f"apigateway:{known['method']}", f"{root}{path}")
    if operation in {"CreateStage", "UpdateStage"} and _given("AccessLogSettings", known):
        yield from (Need(f"logs:{call}", "*") for call in LOG_DELIVERY)
    if operation in {"TagResource", "UntagResource"}:
        yield Need("apigateway:PATCH", known["ResourceArn"].replace(f"{root}/v2/", f"{root}/"))
    elif operation == "CreateStage" and _given("Tags", known):
        yield Need("apigateway:TagResource", f"{root}{path}")
    elif operation.startswith("Create") and _given("Tags", known):
        yield Need("apigateway:POST", f"{root}/tags/{quote(f'{root}/v2{path}/', safe='')}*")


LOG_DELIVERY = (
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
)
"""The permissions that API Gateway requires of a caller who turns on an access log. AWS does not say when it checks
each.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html#http-api-logging.permissions
"""


def _given(name: str, known: Facts) -> bool:
    try:
        return bool(known[name])
    except KeyError:
        return False


def _filled(template: str, known: Facts) -> Iterator[str]:
    """Yield the resources of a template: one for each element of a list parameter, none if a parameter is missing."""
    lists = [name for name in ("buses", "groups", "parameters", "tables", "target_roles") if template == f"{{{name}}}"]
    lists += [name for name, value in known.items() if isinstance(value, list) and f"{{{name}}}" in template]
    try:
        if not lists:
            yield template.format_map(known)
            return
        for item in known[lists[0]]:
            yield template.format_map(Facts(known, **{lists[0]: item}))
    except (KeyError, AttributeError, TypeError):
        return
