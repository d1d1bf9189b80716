"""Domain names of HTTP APIs: https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/domainnames.html"""

from typing import Any

from local.providers.aws.apigatewayv2 import Part
from local.providers.resource import Aws, Field, props, unset
from local.providers.wire import Bag

CONFIGURATION, CONFIGURATIONS = "DomainNameConfiguration", "DomainNameConfigurations"


class DomainName(Part):
    """A domain name. Its id is the name; the one configuration that it may have is an object, not a list."""

    kind = "aws:apigatewayv2/domainName:DomainName"
    label = "API Gateway v2 Domain Name"
    noun, key = "domain_name", "DomainName"
    name = None
    tagged = True
    fields = props(
        domainName=Field(required=True, replaces=True),
        domainNameConfiguration=Field(
            required=True,
            of=props(
                certificateArn=Field(required=True),
                endpointType=Field(required=True),
                hostedZoneId=Field(computed=True),
                ipAddressType=Field(computed=True),
                ownershipVerificationCertificateArn=Field(computed=True, zero=""),
                securityPolicy=Field(required=True),
                targetDomainName=Field(computed=True, api="ApiGatewayDomainName"),
            ),
        ),
        routingMode=Field(computed=True),
    )
    outputs = ("apiMappingSelectionExpression", "arn")
    also = unset(mutualTlsAuthentication=None)

    def locate(self, identity: str) -> Bag:
        return {}

    def computed(self, aws: Aws, part: str, state: Bag, answer: dict[str, Any]) -> Bag:
        return {
            "apiMappingSelectionExpression": answer["ApiMappingSelectionExpression"],
            "arn": f"arn:aws:apigateway:{aws.region}::/domainnames/{part}",
        }

    def _where(self, part: str, state: Bag) -> dict[str, str]:
        return {"DomainName": part}

    def _parent(self, state: Bag) -> Bag:
        return {}

    def _call(self, aws: Aws, verb: str, **parameters: Any) -> dict[str, Any]:
        if CONFIGURATION in parameters:
            parameters[CONFIGURATIONS] = [parameters.pop(CONFIGURATION)]
        answer = super()._call(aws, verb, **parameters)
        for configuration in answer.get(CONFIGURATIONS, ()):
            answer[CONFIGURATION] = configuration
        return answer


class ApiMapping(Part):
    """What a domain name leads to. Its id is AWS's; an import gives MAPPING/DOMAIN."""

    kind = "aws:apigatewayv2/apiMapping:ApiMapping"
    label = "API Gateway v2 API Mapping"
    noun, key = "api_mapping", "ApiMappingId"
    name = None
    fields = props(
        apiId=Field(required=True),
        apiMappingKey=Field(zero=""),
        domainName=Field(required=True, replaces=True),
        stage=Field(required=True),
    )

    def locate(self, identity: str) -> Bag:
        mapping, _, domain = identity.partition("/")
        return {"domainName": domain, "part": mapping}

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        """Change it; AWS asks for its API in each change."""
        super().update(aws, identity, old, new, changed | {"apiId"})

    def _where(self, part: str, state: Bag) -> dict[str, str]:
        return {"DomainName": state["domainName"], self.key: part}

    def _parent(self, state: Bag) -> Bag:
        return {"domainName": state["domainName"]}
