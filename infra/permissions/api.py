"""What a stack's HTTP API takes to be read and changed. Its actions are the methods of HTTP, on API Gateway's paths.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagementv2.html
"""

from collections.abc import Iterator
from urllib.parse import quote

from infra.naming import AwsLocation, Names
from infra.permissions.grants import Condition, Grant

TAGGING = ("TagResource", "UntagResource")
ITSELF = "${*}"
"""An asterisk as a letter, which is how AWS writes the id of an API that is being made.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
"""


def api(names: Names, place: AwsLocation, pinned: str) -> Iterator[Grant]:
    """The API, by its tags until its id is known; its parts by path alone, since of V2 only APIs, stages, domain names
    and VPC links have tags and nothing has those of its API. `pinned`: the API's id; "*" where every API of the account
    is the stack's; "" where it is not known, and then no part is changed.

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
    """The tags of APIs and stages, by paths that AWS spells with and without /v2. Those by which an API is ours are set
    only when it is made, when its id is an asterisk: another's cannot be claimed by tagging it.

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
