"""The compute layer: functions, each behind the alias that callers reach, and the HTTP API in front of one."""

import json
from collections.abc import Mapping, Sequence

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, Resource, ResourceOptions

from infra import permissions
from infra.bundle import Code
from infra.config import ApiConfig, Authorizer, ComputeConfig
from infra.contracts import DataOutputs, FunctionOutputs, SecretsOutputs
from infra.naming import LIVE, AwsLocation, Names

FRONT = "orders"  # the function that the API calls
ROUTES = {"create": "POST /orders", "read": "GET /orders/{id}", "health": "GET /health"}
OPEN = ("health",)  # routes without authorization: health checks have no token

# Nothing that identifies the caller or the order is logged: no path, key or body.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
ACCESS_LOG = json.dumps(
    {
        "requestId": "$context.requestId",
        "requestTime": "$context.requestTime",
        "routeKey": "$context.routeKey",
        "status": "$context.status",
        "responseLatency": "$context.responseLatency",
        "responseLength": "$context.responseLength",
        "integrationError": "$context.integrationErrorMessage",
        "authorizerError": "$context.authorizer.error",
    }
)

# Every input of an alias that can change. CodeDeploy moves the alias; Pulumi sends even an ignored input again when
# another one changes, and would undo a shift in progress.
MOVED_BY_CODEDEPLOY = ["function_version", "routing_config", "description"]


class Compute(ComponentResource):
    """Functions by service name, in `functions`, and the API's address, in `api_url`.

    Every change of code or of published configuration becomes a version; a version is live only after its release.
    The API answers 404 until `open_api` is called.
    """

    functions: Mapping[str, FunctionOutputs]
    api_url: Output[str]

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        config: ComputeConfig,
        bundles: Mapping[str, Code],
        data: DataOutputs,
        secrets: SecretsOutputs,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("strata:layers:Compute", name, None, opts)
        self._name = name
        self._names = names
        parameters = {"RECEIPT_KEY_PARAMETER": secrets.receipt_key} if secrets.receipt_key else {}
        readable = [place.parameter_arn(names.receipt_key)] if secrets.receipt_key else []
        functions, aliases = {}, {}
        for service, bundle in bundles.items():
            log_group = place.arn("logs", f"log-group:{names.log_group(service)}")
            role, policy = self._role(service, data, log_group, readable, place)
            variables: dict[str, Input[str]] = {
                "TABLE_NAME": data.table_name,
                "POWERTOOLS_SERVICE_NAME": service,
                "POWERTOOLS_METRICS_NAMESPACE": names.project,
                "POWERTOOLS_LOG_LEVEL": config.log_level,
                **parameters,
            }
            function = self._function(
                service, config=config, bundle=bundle, variables=variables, role=role, policy=policy
            )
            aliases[service] = self._alias(service, function)
            functions[service] = FunctionOutputs(
                name=function.name,
                arn=function.arn,
                alias=aliases[service].name,
                version=function.version,
                log_group=names.log_group(service),
                configuration=_declared(config, bundle, variables, role),
            )
        self.functions = functions
        self._api, self._integration = self._front(aliases[FRONT])
        self._stage(config.api)
        self._authorizer = self._authorize(config.api.authorizer) if config.api.authorizer else None
        self.api_url = self._api.api_endpoint
        self.register_outputs({"api_url": self.api_url})

    def open_api(self, after: Sequence[Resource]) -> None:
        """Let the API reach the alias after `after`, so that a first version that cannot answer gets no requests.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        """
        for route, key in ROUTES.items():
            authorizer = None if route in OPEN else self._authorizer
            aws.apigatewayv2.Route(
                f"{self._name}-{route}",
                api_id=self._api.id,
                route_key=key,
                target=self._integration.id.apply(lambda id_: f"integrations/{id_}"),
                authorization_type="JWT" if authorizer else None,
                authorizer_id=authorizer.id if authorizer else None,
                opts=ResourceOptions(parent=self, depends_on=list(after)),
            )

    def _role(
        self, service: str, data: DataOutputs, log_group: str, readable: Sequence[str], place: AwsLocation
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            f"{self._name}-{service}-execution",
            name=self._names.execution_role(service),
            assume_role_policy=permissions.document(permissions.trust("lambda", place)),
            permissions_boundary=permissions.boundary_arn(self._names, place),
            opts=ResourceOptions(parent=self),
        )
        calls = data.table_arn.apply(
            lambda table: permissions.document(permissions.execution(table, log_group, readable))
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-{service}-calls",
            name="calls",
            role=role.name,
            policy=calls,
            opts=ResourceOptions(parent=self),
        )
        return role, policy

    def _function(
        self,
        service: str,
        *,
        config: ComputeConfig,
        bundle: Code,
        variables: Mapping[str, Input[str]],
        role: aws.iam.Role,
        policy: aws.iam.RolePolicy,
    ) -> aws.lambda_.Function:
        """Declare the function after its policy, since its first version is invoked as soon as it exists.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
        """
        return aws.lambda_.Function(
            f"{self._name}-{service}",
            name=self._names.function(service),
            role=role.arn,
            **bundle.arguments,
            handler=bundle.handler,
            runtime=config.runtime,
            architectures=[config.architecture],
            memory_size=config.memory,
            timeout=config.timeout,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
            publish=True,
            opts=ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _alias(self, service: str, function: aws.lambda_.Function) -> aws.lambda_.Alias:
        return aws.lambda_.Alias(
            f"{self._name}-{service}-{LIVE}",
            name=LIVE,
            function_name=function.name,
            function_version=function.version,
            opts=ResourceOptions(parent=self, ignore_changes=MOVED_BY_CODEDEPLOY),
        )

    def _front(self, alias: aws.lambda_.Alias) -> tuple[aws.apigatewayv2.Api, aws.apigatewayv2.Integration]:
        """Declare the API and its integration, without routes, stage and authorizer.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        """
        opts = ResourceOptions(parent=self)
        api = aws.apigatewayv2.Api(f"{self._name}-api", name=self._names.api, protocol_type="HTTP", opts=opts)
        integration = aws.apigatewayv2.Integration(
            f"{self._name}-integration",
            api_id=api.id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=alias.invoke_arn,
            payload_format_version="2.0",
            opts=opts,
        )
        aws.lambda_.Permission(
            f"{self._name}-invoke",
            action="lambda:InvokeFunction",
            function=alias.function_name,
            qualifier=alias.name,
            principal="apigateway.amazonaws.com",
            source_arn=api.execution_arn.apply(lambda arn: f"{arn}/*/*"),
            opts=opts,
        )
        return api, integration

    def _stage(self, config: ApiConfig) -> None:
        """Declare the stage, with its throttling and its access log.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
        """
        opts = ResourceOptions(parent=self)
        access_log = None
        if config.access_log_days:
            log_group = aws.cloudwatch.LogGroup(
                f"{self._name}-access-log",
                name=self._names.api_log_group,
                retention_in_days=config.access_log_days,
                opts=opts,
            )
            access_log = aws.apigatewayv2.StageAccessLogSettingsArgs(destination_arn=log_group.arn, format=ACCESS_LOG)
        aws.apigatewayv2.Stage(
            f"{self._name}-stage",
            api_id=self._api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=config.throttling.rate, throttling_burst_limit=config.throttling.burst
            ),
            access_log_settings=access_log,
            opts=opts,
        )

    def _authorize(self, config: Authorizer) -> aws.apigatewayv2.Authorizer:
        """Declare the authorizer: callers must show a token of this issuer.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
        """
        return aws.apigatewayv2.Authorizer(
            f"{self._name}-authorizer",
            api_id=self._api.id,
            name=self._names.api,
            authorizer_type="JWT",
            identity_sources=["$request.header.Authorization"],
            jwt_configuration=aws.apigatewayv2.AuthorizerJwtConfigurationArgs(
                issuer=config.issuer, audiences=list(config.audience)
            ),
            opts=ResourceOptions(parent=self),
        )


def _declared(
    config: ComputeConfig, bundle: Code, variables: Mapping[str, Input[str]], role: aws.iam.Role
) -> Output[str]:
    """Return the declared configuration of a version as JSON, with the keys of GetFunctionConfiguration."""
    return Output.json_dumps(
        {
            "Architectures": [config.architecture],
            "CodeSha256": bundle.digest,
            "Environment": {"Variables": variables},
            "Handler": bundle.handler,
            "MemorySize": config.memory,
            "Role": role.arn,
            "Runtime": config.runtime,
            "Timeout": config.timeout,
        }
    )
