"""The new home of each type of resource: Pulumi's type, and the id by which Pulumi imports it.

The ids are those of the section Import on each resource's page, https://www.pulumi.com/registry/packages/aws/ ; the
fields are Terraform's attributes, website/docs/r of github.com/hashicorp/terraform-provider-aws.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple


class Home(NamedTuple):
    """Pulumi's type token, and a template of the import id whose fields are Terraform's attributes.

    `otherwise` is the template where the first one needs an attribute that the resource does not have.
    """

    token: str
    import_id: str
    otherwise: str = ""

    def id_of(self, attributes: Mapping[str, Any]) -> str | None:
        """Return the import id of a resource with these attributes; None if one that it needs is empty."""
        given = {name: value for name, value in attributes.items() if value not in (None, "")}
        for template in filter(None, (self.import_id, self.otherwise)):
            with suppress(KeyError):
                return template.format_map(given)
        return None


OF_TERRAFORM = (
    "a role of Strata's has policies of its own, so this one says what Terraform may do; once no layer is Terraform's "
    "any more, take it out of the HCL and run `terraform apply`"
)
HOMELESS: Mapping[tuple[str, str], str] = {
    ("identity", "aws_iam_role_policy"): OF_TERRAFORM,
    ("identity", "aws_iam_role_policy_attachment"): OF_TERRAFORM,
}
"""What the program never takes from a layer, by layer and type, with what becomes of it."""


def home(layer: str, kind: str) -> Home | None:
    """Return the home of a layer's resources of a type; None if they have none."""
    return None if (layer, kind) in HOMELESS else HOMES.get(kind)


def why_homeless(layer: str, kind: str) -> str:
    """Return why a resource has no home, and what becomes of it."""
    return HOMELESS.get(
        (layer, kind),
        f"{kind} is not in infra/migrate/homes.py, or an attribute of its id is empty; add the type, or move the "
        "resource to another Terraform state by `terraform state mv`",
    )


HOMES: Mapping[str, Home] = {
    "aws_apigatewayv2_api": Home("aws:apigatewayv2/api:Api", "{id}"),
    "aws_apigatewayv2_authorizer": Home("aws:apigatewayv2/authorizer:Authorizer", "{api_id}/{id}"),
    "aws_apigatewayv2_integration": Home("aws:apigatewayv2/integration:Integration", "{api_id}/{id}"),
    "aws_apigatewayv2_route": Home("aws:apigatewayv2/route:Route", "{api_id}/{id}"),
    "aws_apigatewayv2_stage": Home("aws:apigatewayv2/stage:Stage", "{api_id}/{name}"),
    "aws_cloudwatch_dashboard": Home("aws:cloudwatch/dashboard:Dashboard", "{dashboard_name}"),
    "aws_cloudwatch_event_rule": Home("aws:cloudwatch/eventRule:EventRule", "{event_bus_name}/{name}"),
    "aws_cloudwatch_log_group": Home("aws:cloudwatch/logGroup:LogGroup", "{name}"),
    "aws_cloudwatch_metric_alarm": Home("aws:cloudwatch/metricAlarm:MetricAlarm", "{alarm_name}"),
    "aws_codedeploy_app": Home("aws:codedeploy/application:Application", "{name}"),
    "aws_codedeploy_deployment_config": Home(
        "aws:codedeploy/deploymentConfig:DeploymentConfig", "{deployment_config_name}"
    ),
    "aws_codedeploy_deployment_group": Home(
        "aws:codedeploy/deploymentGroup:DeploymentGroup", "{app_name}:{deployment_group_name}"
    ),
    "aws_dynamodb_table": Home("aws:dynamodb/table:Table", "{name}"),
    "aws_iam_openid_connect_provider": Home("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "{arn}"),
    "aws_iam_policy": Home("aws:iam/policy:Policy", "{arn}"),
    "aws_iam_role": Home("aws:iam/role:Role", "{name}"),
    "aws_iam_role_policy": Home("aws:iam/rolePolicy:RolePolicy", "{role}:{name}"),
    "aws_iam_role_policy_attachment": Home("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "{role}/{policy_arn}"),
    "aws_kms_alias": Home("aws:kms/alias:Alias", "{name}"),
    "aws_kms_key": Home("aws:kms/key:Key", "{key_id}"),
    "aws_lambda_alias": Home("aws:lambda/alias:Alias", "{function_name}/{name}"),
    "aws_lambda_event_source_mapping": Home("aws:lambda/eventSourceMapping:EventSourceMapping", "{uuid}"),
    "aws_lambda_function": Home("aws:lambda/function:Function", "{function_name}"),
    "aws_lambda_permission": Home(
        "aws:lambda/permission:Permission",
        "{function_name}:{qualifier}/{statement_id}",
        otherwise="{function_name}/{statement_id}",
    ),
    "aws_sns_topic": Home("aws:sns/topic:Topic", "{arn}"),
    "aws_sns_topic_policy": Home("aws:sns/topicPolicy:TopicPolicy", "{arn}"),
    "aws_sns_topic_subscription": Home("aws:sns/topicSubscription:TopicSubscription", "{arn}"),
    "aws_sqs_queue": Home("aws:sqs/queue:Queue", "{url}"),
    "aws_sqs_queue_policy": Home("aws:sqs/queuePolicy:QueuePolicy", "{queue_url}"),
    "aws_ssm_parameter": Home("aws:ssm/parameter:Parameter", "{name}"),
}
