"""Grants to read and change a stack's HTTP API and its domain. The actions are HTTP methods on API Gateway's paths.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html
"""

from collections.abc import Iterator
from urllib.parse import quote

from infra.naming import AwsLocation, Names
from infra.permissions.grants import Condition, Grant

TAGGING = ("TagResource", "UntagResource")
ITSELF = "${*}"
"""A literal asterisk: in it AWS writes the id of an API that is being created.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
"""


def api(names: Names, place: AwsLocation, pinned: str) -> Iterator[Grant]:
    """Yield the grants on the API, which is identified by its tags, and on its parts, which are identified by path.

    Parts need a path because of V2 only APIs, stages, domain names and VPC links have tags, and no part has its API's.
    `pinned` is the API's id; "*" where every API of the account is the stack's; "" where the id is unknown, and then
    no part may be changed.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html
    """
    root = f"arn:{place.partition}:apigateway:{place.region}::"
    tags = {"Project": names.project, "Stack": names.stack}
    ours = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in tags.items()}}
    new = {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}}
    yield Grant("NewApi", "apigateway", (f"{root}/apis",), writes=("POST", "TagResource"), condition=new)
    yield Grant("Api", "apigateway", (f"{root}/apis/*",), ("GET",), ("PATCH", *TAGGING), condition=ours)
    changes = ("DELETE", "PATCH", "POST", *TAGGING) if pinned else ()
    yield Grant("ApiParts", "apigateway", (f"{root}/apis/{pinned or '*'}/*",), ("GET",), changes)
    yield from _tags(root, list(tags))


def domain(names: Names, place: AwsLocation, name: str, zone_id: str) -> Iterator[Grant]:
    """Yield the grants on the API's own name and, where the stack keeps it in a hosted zone, on its record there.

    A domain and its mappings are identified by path, which has the name. `zone_id` is "" for a record that the operator
    makes; the zone's other records may not be changed.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html
    """
    root = f"arn:{place.partition}:apigateway:{place.region}::"
    new = {"StringEquals": {"aws:RequestTag/Project": names.project, "aws:RequestTag/Stack": names.stack}}
    yield Grant("NewDomain", "apigateway", (f"{root}/domainnames",), writes=("POST", "TagResource"), condition=new)
    own = (f"{root}/domainnames/{name}", f"{root}/domainnames/{name}/*")
    yield Grant("Domain", "apigateway", own, ("GET",), ("DELETE", "PATCH", "POST", *TAGGING))
    paths = [quote(f"{root}{path}", safe="") for path in ("/domainnames/", "/v2/domainnames/")]
    yield Grant(
        "DomainTags",
        "apigateway",
        tuple(f"{root}/tags/{path}{each}" for path in paths for each in (name, ITSELF)),
        ("GET",),
        ("DELETE", "POST", "PUT"),
    )
    if not zone_id:
        return
    zone = f"arn:{place.partition}:route53:::hostedzone/{zone_id}"
    record = {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
        }
    }
    yield Grant("Zone", "route53", (zone,), ("GetHostedZone", "ListResourceRecordSets"))
    yield Grant("Record", "route53", (zone,), writes=("ChangeResourceRecordSets",), condition=record)
    yield Grant("Changes", "route53", (f"arn:{place.partition}:route53:::change/*",), writes=("GetChange",))


def _tags(root: str, kept: list[str]) -> Iterator[Grant]:
    """Yield the grants on the tags of APIs and stages, by paths that AWS spells with and without /v2.

    The tags `kept`, which make an API the stack's, may be set only while it is created, when its id is an asterisk: so
    a stack cannot claim another stack's API by tagging it.

    https://github.com/hashicorp/terraform-provider-aws/issues/16023
    """
    paths = [f"{root}/tags/{quote(f'{root}{path}', safe='')}" for path in ("/apis/", "/v2/apis/")]
    fresh = [f"{path}{ITSELF}" for path in paths]
    stages = [f"{path}*%2Fstages%2F*" for path in paths]
    yield Grant("NewTags", "apigateway", (*fresh, *stages), writes=("POST", "PUT"))
    there = tuple(f"{path}*" for path in paths)
    yield Grant("ApiTagNames", "apigateway", there, ("GET",))
    others: Condition = {"ForAllValues:StringNotEquals": {"aws:TagKeys": kept}, "Null": {"aws:TagKeys": "false"}}
    yield Grant("ApiTags", "apigateway", there, writes=("DELETE", "POST", "PUT"), condition=others)
