"""The cases of an API's own name, and of where it is kept."""

from local.tests.cloud.providers.cases import Case

CERTIFICATE = "arn:aws:acm:eu-central-1:111111111111:certificate/0a1b2c3d-0000-4000-8000-000000000001"

CASES = {
    "domain": Case(
        "aws:apigatewayv2/domainName:DomainName",
        lambda _: {
            "domainName": "api.example.com",
            "domainNameConfiguration": {
                "certificateArn": CERTIFICATE,
                "endpointType": "REGIONAL",
                "securityPolicy": "TLS_1_2",
            },
        },
        {"tags": {"a": "b"}},
    ),
    "mapping": Case(
        "aws:apigatewayv2/apiMapping:ApiMapping",
        lambda made: {
            "apiId": made["api"].id,
            "domainName": made["domain"].id,
            "stage": made["stage"].state["name"],
        },
        {"apiMappingKey": "v1"},
        ("api", "stage", "domain"),
        lambda made: f"{made.id}/{made.state['domainName']}",
    ),
    "zone": Case(
        "aws:route53/zone:Zone",
        lambda _: {"name": "example.com"},
        {"comment": "of the shop", "tags": {"a": "b"}},
    ),
    "record": Case(
        "aws:route53/record:Record",
        lambda made: {
            "zoneId": made["zone"].id,
            "name": "api.example.com",
            "type": "A",
            "aliases": [
                {
                    "name": made["domain"].state["domainNameConfiguration"]["targetDomainName"],
                    "zoneId": made["domain"].state["domainNameConfiguration"]["hostedZoneId"],
                    "evaluateTargetHealth": False,
                }
            ],
        },
        {"aliases": None, "records": ["192.0.2.1"], "ttl": 60},
        ("zone", "domain"),
    ),
}
