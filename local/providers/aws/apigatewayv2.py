"""HTTP APIs: https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html"""

from typing import Any

from local.providers.resource import Aws, Field, Live, Resource, from_api, pascal, props, to_api, unset
from local.providers.wire import Bag


class Part(Resource):
    """The base of an API and of each of its parts: one call a verb, with the properties under AWS's own names."""

    service = "apigatewayv2"
    noun: str  # its name in the calls: create_route
    key: str  # the parameter with its id: RouteId

    def locate(self, identity: str) -> Bag:
        api, _, part = identity.partition("/")
        return {"apiId": api, "part": part}

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        """Set only changed tags, as the real provider does: a policy may protect the tags that name the API's owner."""
        kept = state.get("tagsAll") or {}
        super().retag(aws, state, gone, {name: value for name, value in tags.items() if kept.get(name) != value})

    def create(self, aws: Aws, new: Bag) -> str:
        tags = {"Tags": new["tagsAll"]} if self.tagged else {}
        return str(self._call(aws, "create", **to_api(self.own, new, pascal), **tags)[self.key])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        part = state.get("part", identity)
        answer = self._call(aws, "get", **self._where(part, state))
        bag = from_api(self.own, answer, pascal)
        outputs = self.computed(aws, part, state, answer)
        if self.tagged:
            bag["tags"] = aws("apigatewayv2").get_tags(ResourceArn=outputs["arn"])["Tags"]
        return Live(part, {**self._parent(state), **bag, **outputs})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        given = {name: new.get(name, self._cleared(name, old)) for name in changed}
        self._call(aws, "update", **{**self._where(identity, new), **to_api(self.own, given, pascal)})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        self._call(aws, "delete", **self._where(identity, state))

    def computed(self, aws: Aws, part: str, state: Bag, answer: dict[str, Any]) -> Bag:
        """Return the outputs that AWS's answer does not have."""
        return {}

    def _cleared(self, name: str, old: Bag) -> Any:
        """Return the value that resets a removed property; AWS keeps what a request does not name."""
        default = self.own[name].default
        return type(old[name])() if default is None else default

    def _where(self, part: str, state: Bag) -> dict[str, str]:
        return {"ApiId": state["apiId"], self.key: part}

    def _parent(self, state: Bag) -> Bag:
        return {"apiId": state["apiId"]}

    def _call(self, aws: Aws, verb: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(aws("apigatewayv2"), f"{verb}_{self.noun}")(**parameters)
        return answer


class Api(Part):
    """An API. Its id is AWS's."""

    kind = "aws:apigatewayv2/api:Api"
    label = "API Gateway v2 API"
    noun, key = "api", "ApiId"
    tagged = True
    fields = props(
        name=Field(),
        apiKeySelectionExpression=Field(default="$request.header.x-api-key"),
        corsConfiguration=Field(
            of=props(
                allowCredentials=Field(),
                allowHeaders=Field(unordered=True),
                allowMethods=Field(unordered=True),
                allowOrigins=Field(unordered=True),
                exposeHeaders=Field(unordered=True),
                maxAge=Field(),
            )
        ),
        description=Field(zero=""),
        disableExecuteApiEndpoint=Field(zero=False),
        ipAddressType=Field(computed=True),
        protocolType=Field(required=True, replaces=True),
        routeSelectionExpression=Field(default="$request.method $request.path"),
        version=Field(zero=""),
    )
    outputs = ("apiEndpoint", "arn", "executionArn")
    also = unset(
        body=None,
        credentialsArn=None,
        failOnWarnings=None,
        routeKey=None,
        target=None,
    )

    def locate(self, identity: str) -> Bag:
        return {}

    def computed(self, aws: Aws, part: str, state: Bag, answer: dict[str, Any]) -> Bag:
        return {
            "apiEndpoint": answer["ApiEndpoint"],
            "arn": f"arn:aws:apigateway:{aws.region}::/apis/{part}",
            "executionArn": f"arn:aws:execute-api:{aws.region}:{aws.account}:{part}",
        }

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "corsConfiguration" in changed and not new.get("corsConfiguration"):
            aws("apigatewayv2").delete_cors_configuration(ApiId=identity)
            changed -= {"corsConfiguration"}
        super().update(aws, identity, old, new, changed)

    def _where(self, part: str, state: Bag) -> dict[str, str]:
        return {"ApiId": part}

    def _parent(self, state: Bag) -> Bag:
        return {}


class Integration(Part):
    """The target of a route. Its id is AWS's; an import gives API/INTEGRATION."""

    kind = "aws:apigatewayv2/integration:Integration"
    label = "API Gateway v2 Integration"
    noun, key = "integration", "IntegrationId"
    name = None
    fields = props(
        apiId=Field(required=True, replaces=True),
        connectionType=Field(default="INTERNET"),
        credentialsArn=Field(zero=""),
        description=Field(zero=""),
        integrationMethod=Field(computed=True),
        integrationType=Field(required=True, replaces=True),
        integrationUri=Field(zero=""),
        passthroughBehavior=Field(
            default="WHEN_NO_MATCH",
            zero="",
            form=lambda value: value or "WHEN_NO_MATCH",  # an HTTP API has none, which the provider tolerates
        ),
        payloadFormatVersion=Field(default="1.0"),
        timeoutMilliseconds=Field(computed=True, api="TimeoutInMillis"),
    )
    outputs = ("integrationResponseSelectionExpression",)
    also = unset(
        connectionId="",
        contentHandlingStrategy="",
        integrationSubtype="",
        requestParameters=None,
        requestTemplates=None,
        responseParameters=[],
        templateSelectionExpression="",
        tlsConfig=None,
    )

    def computed(self, aws: Aws, part: str, state: Bag, answer: dict[str, Any]) -> Bag:
        return {"integrationResponseSelectionExpression": answer.get("IntegrationResponseSelectionExpression", "")}


class Route(Part):
    """A route. Its id is AWS's; an import gives API/ROUTE."""

    kind = "aws:apigatewayv2/route:Route"
    label = "API Gateway v2 Route"
    noun, key = "route", "RouteId"
    name = None
    fields = props(
        apiId=Field(required=True, replaces=True),
        apiKeyRequired=Field(default=False),
        authorizationScopes=Field(unordered=True),
        authorizationType=Field(default="NONE"),
        authorizerId=Field(zero=""),
        operationName=Field(zero=""),
        routeKey=Field(required=True),
        target=Field(zero=""),
    )
    also = unset(
        modelSelectionExpression="",
        requestModels=None,
        requestParameters=[],
        routeResponseSelectionExpression="",
    )


class Authorizer(Part):
    """The issuer whose tokens a route requires. Its id is AWS's; an import gives API/AUTHORIZER."""

    kind = "aws:apigatewayv2/authorizer:Authorizer"
    label = "API Gateway v2 Authorizer"
    noun, key = "authorizer", "AuthorizerId"
    fields = props(
        name=Field(),
        apiId=Field(required=True, replaces=True),
        authorizerType=Field(required=True),
        identitySources=Field(unordered=True, api="IdentitySource"),
        jwtConfiguration=Field(of=props(audiences=Field(unordered=True, api="Audience"), issuer=Field())),
    )
    also = unset(
        authorizerCredentialsArn="",
        authorizerPayloadFormatVersion="",
        authorizerResultTtlInSeconds=0,
        authorizerUri="",
        enableSimpleResponses=False,
    )


class Stage(Part):
    """A stage. Its id is its name; an import gives API/STAGE."""

    kind = "aws:apigatewayv2/stage:Stage"
    label = "API Gateway v2 Stage"
    noun, key = "stage", "StageName"
    tagged = True
    fields = props(
        name=Field(replaces=True, api="StageName"),
        accessLogSettings=Field(of=props(destinationArn=Field(required=True), format=Field(required=True))),
        apiId=Field(required=True, replaces=True),
        autoDeploy=Field(default=False),
        defaultRouteSettings=Field(
            computed=True,
            zero=unset(
                dataTraceEnabled=False,
                detailedMetricsEnabled=False,
                loggingLevel="",
                throttlingBurstLimit=0,
                throttlingRateLimit=0,
            ),
            of=props(
                dataTraceEnabled=Field(default=False),
                detailedMetricsEnabled=Field(zero=False),
                loggingLevel=Field(computed=True, zero=""),
                throttlingBurstLimit=Field(zero=0),
                throttlingRateLimit=Field(zero=0),
            ),
        ),
        deploymentId=Field(computed=True, zero=""),
        description=Field(zero=""),
    )
    outputs = ("arn", "executionArn", "invokeUrl")
    also = unset(clientCertificateId="", routeSettings=[], stageVariables=None)

    def computed(self, aws: Aws, part: str, state: Bag, answer: dict[str, Any]) -> Bag:
        api = state["apiId"]
        url = f"https://{api}.execute-api.{aws.region}.amazonaws.com"  # made by the provider, whatever the endpoint is
        return {
            "arn": f"arn:aws:apigateway:{aws.region}::/apis/{api}/stages/{part}",
            "executionArn": f"arn:aws:execute-api:{aws.region}:{aws.account}:{api}/{part}",
            "invokeUrl": f"{url}/" if part == "$default" else f"{url}/{part}",
        }

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "accessLogSettings" in changed and not new.get("accessLogSettings"):
            aws("apigatewayv2").delete_access_log_settings(ApiId=new["apiId"], StageName=identity)
            changed -= {"accessLogSettings"}
        super().update(aws, identity, old, new, changed)
