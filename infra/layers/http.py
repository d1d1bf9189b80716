"""The HTTP layer: one API in front of the services that have routes, each route reaching the alias of its function.

By default every caller reaches it at its execute-api address, bounded by its throttling. A stack may let scripts of web
pages call it (CORS), ask for tokens, and give it a name of its own, by which alone it then answers.
"""

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws
from pulumi import Alias, ComponentResource, Output, Resource, ResourceOptions

from infra.config import ApiConfig, Authorizer, Cors, Domain
from infra.contracts import ApiOutputs, FunctionOutputs
from infra.naming import Names
from infra.services import Service
from infra.source import OURS, Ownership

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

# Pulumi generates the id of a statement that it creates, and would replace an imported one to give it such an id.
# https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming
STATEMENT = "statement_id"

# The API was part of the compute layer, with one service and three routes. Pulumi finds those resources in an older
# state by these names, and renames them in place of creating an API of another address.
# https://www.pulumi.com/docs/iac/concepts/options/aliases/
FORMER_LAYER = ("strata:layers:Compute", "compute")
FORMER = {
    "http-api": "compute-api",
    "http-access-log": "compute-access-log",
    "http-stage": "compute-stage",
    "http-authorizer": "compute-authorizer",
    "http-orders-integration": "compute-integration",
    "http-orders-invoke": "compute-invoke",
    "http-post/orders": "compute-create",
    "http-get/orders/{id}": "compute-read",
    "http-get/health": "compute-health",
}


class Http(ComponentResource):
    """The API, its stage, its authorizer and its domain. It answers 404 until `open` is called."""

    outputs: ApiOutputs

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        config: ApiConfig,
        services: Sequence[Service],
        functions: Mapping[str, FunctionOutputs],
        owner: Ownership = OURS,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the API in front of the `services` that have routes; `functions` are those of all, by name."""
        super().__init__("strata:layers:Http", name, None, opts)
        self._name, self._names, self._owner = name, names, owner
        self._services = [each for each in services if each.http and not each.removed]
        self._api = aws.apigatewayv2.Api(
            f"{name}-api",
            name=names.api,
            protocol_type="HTTP",
            cors_configuration=_cors(config.cors) if config.cors else None,
            disable_execute_api_endpoint=True if config.domain else None,
            opts=self._opts(f"{name}-api"),
        )
        self._integrations = {each.name: self._front(each.name, functions[each.name]) for each in self._services}
        stage = self._stage(config)
        self._authorizer = self._authorize(config.authorizer) if config.authorizer else None
        url = self._domain(config.domain, stage) if config.domain else self._api.api_endpoint
        self.outputs = ApiOutputs(id=self._api.id, stage=stage.name, url=url)
        self.register_outputs({"url": url})

    def open(self, after: Sequence[Resource]) -> None:
        """Let the API reach the aliases after `after`, so that a first version that cannot answer gets no requests.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
        """
        for service in self._services:
            integration = self._integrations[service.name]
            for route in service.http:
                authorizer = self._authorizer if route.auth == "jwt" else None
                name = f"{self._name}-{route.method.lower()}{route.path}"
                aws.apigatewayv2.Route(
                    name,
                    api_id=self._api.id,
                    route_key=route.key,
                    target=integration.id.apply(lambda id_: f"integrations/{id_}"),
                    authorization_type="JWT" if authorizer else None,
                    authorizer_id=authorizer.id if authorizer else None,
                    opts=self._opts(name, after),
                )

    def _opts(self, name: str, after: Sequence[Resource] = (), *, physical_id: str = "") -> ResourceOptions:
        """Return the options of a resource of this layer, by which Pulumi also finds it under its former name.

        `physical_id`: the id by which it is imported, if it is not among the owner's.
        """
        former = FORMER.get(name)
        aliases = [Alias(name=former, parent=_former_layer())] if former else None
        found = physical_id or self._owner.ids.get(name, "")
        opts = self._owner.options(self, found, depends_on=after)
        return ResourceOptions.merge(opts, ResourceOptions(aliases=aliases))

    def _front(self, service: str, function: FunctionOutputs) -> aws.apigatewayv2.Integration:
        """Declare a function's integration, and let the API call the function's alias.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
        """
        name = f"{self._name}-{service}-integration"
        integration = aws.apigatewayv2.Integration(
            name,
            api_id=self._api.id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=function.invoke_arn,
            payload_format_version="2.0",
            opts=self._opts(name),
        )
        name = f"{self._name}-{service}-invoke"
        aws.lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.name,
            qualifier=function.alias,
            principal="apigateway.amazonaws.com",
            source_arn=self._api.execution_arn.apply(lambda arn: f"{arn}/*/*"),
            opts=ResourceOptions.merge(self._opts(name), ResourceOptions(ignore_changes=[STATEMENT])),
        )
        return integration

    def _stage(self, config: ApiConfig) -> aws.apigatewayv2.Stage:
        """Declare the stage, with its throttling and its access log.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
        """
        access_log = None
        if config.access_log_days:
            log_group = aws.cloudwatch.LogGroup(
                f"{self._name}-access-log",
                name=self._names.api_log_group,
                retention_in_days=config.access_log_days,
                opts=self._opts(f"{self._name}-access-log", physical_id=self._names.api_log_group),
            )
            access_log = aws.apigatewayv2.StageAccessLogSettingsArgs(destination_arn=log_group.arn, format=ACCESS_LOG)
        return aws.apigatewayv2.Stage(
            f"{self._name}-stage",
            api_id=self._api.id,
            name="$default",
            auto_deploy=True,
            default_route_settings=aws.apigatewayv2.StageDefaultRouteSettingsArgs(
                throttling_rate_limit=config.throttling.rate, throttling_burst_limit=config.throttling.burst
            ),
            access_log_settings=access_log,
            opts=self._opts(
                f"{self._name}-stage", physical_id=f"{self._owner.ids.get(f'{self._name}-api', '')}/$default"
            ),
        )

    def _domain(self, config: Domain, stage: aws.apigatewayv2.Stage) -> Output[str]:
        """Declare the API's own name, and return its address. The execute-api address is switched off beside it.

        Else callers could pass by what stands in front of the name, such as a firewall.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-disable-default-endpoint.html
        https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-to-api-gateway.html
        """
        domain = aws.apigatewayv2.DomainName(
            f"{self._name}-domain",
            domain_name=config.name,
            domain_name_configuration=aws.apigatewayv2.DomainNameDomainNameConfigurationArgs(
                certificate_arn=config.certificate_arn, endpoint_type="REGIONAL", security_policy="TLS_1_2"
            ),
            opts=self._opts(f"{self._name}-domain"),
        )
        aws.apigatewayv2.ApiMapping(
            f"{self._name}-mapping",
            api_id=self._api.id,
            domain_name=domain.id,
            stage=stage.name,
            opts=self._opts(f"{self._name}-mapping"),
        )
        if config.zone_id:
            target = domain.domain_name_configuration
            aws.route53.Record(
                f"{self._name}-record",
                zone_id=config.zone_id,
                name=config.name,
                type="A",
                aliases=[
                    aws.route53.RecordAliasArgs(
                        name=target.target_domain_name, zone_id=target.hosted_zone_id, evaluate_target_health=False
                    )
                ],
                opts=self._opts(f"{self._name}-record"),
            )
        return domain.domain_name.apply(lambda name: f"https://{name}")

    def _authorize(self, config: Authorizer) -> aws.apigatewayv2.Authorizer:
        """Declare the authorizer: callers must show a token of this issuer.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
        """
        name = f"{self._name}-authorizer"
        return aws.apigatewayv2.Authorizer(
            name,
            api_id=self._api.id,
            name=self._names.api,
            authorizer_type="JWT",
            identity_sources=["$request.header.Authorization"],
            jwt_configuration=aws.apigatewayv2.AuthorizerJwtConfigurationArgs(
                issuer=config.issuer, audiences=list(config.audience)
            ),
            opts=self._opts(name),
        )


def _cors(config: Cors) -> aws.apigatewayv2.ApiCorsConfigurationArgs:
    """Return the API's answer to browsers; API Gateway gives it, and no function is asked.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    """
    return aws.apigatewayv2.ApiCorsConfigurationArgs(
        allow_origins=list(config.origins),
        allow_methods=list(config.methods),
        allow_headers=list(config.headers),
        expose_headers=list(config.expose),
        allow_credentials=config.credentials,
        max_age=config.max_age,
    )


def _former_layer() -> str:
    """Return the URN of the layer that the API was part of.

    https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
    """
    kind, name = FORMER_LAYER
    return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{kind}::{name}"
