"""Grants to read and change a stack's HTTP API. The actions are HTTP methods on API Gateway's paths.

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
