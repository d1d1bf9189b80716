"""The condition keys of a call, in lower case: those that Strata's policies name, and those of tags.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html, and each service's page of the
service authorization reference.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from local.cloud.codedeploy.records import region_of
from local.cloud.faults.calls import Call
from local.cloud.identity.actions import PASSED_TO, Need
from local.cloud.identity.requests import Facts
from local.cloud.ministack import ministack

_TAGGED = re.compile(r"[^/]+/apis/[^/]+(/stages/[^/]+)?")
_OF_PARAMETERS = {
    ("cloudwatch", "Namespace"): "cloudwatch:namespace",
    ("iam", "PolicyArn"): "iam:policyarn",
    ("lambda", "FunctionUrlAuthType"): "lambda:functionurlauthtype",
    ("lambda", "Principal"): "lambda:principal",
    ("s3", "IfNoneMatch"): "s3:if-none-match",
    ("s3", "Prefix"): "s3:prefix",
    ("sns", "Endpoint"): "sns:endpoint",
    ("sns", "Protocol"): "sns:protocol",
    ("sts", "ExternalId"): "sts:externalid",
    ("sts", "RoleSessionName"): "sts:rolesessionname",
}


def keys(call: Call, need: Need, known: Facts) -> dict[str, Any]:
    """Return the condition keys for one action that a call needs."""
    return dict(_keys(call, need, known))


def _keys(call: Call, need: Need, known: Facts) -> Iterator[tuple[str, Any]]:
    if need.action == "iam:PassRole":
        yield "iam:passedtoservice", PASSED_TO[call.service]
        return
    if need.action.startswith("kms:") and call.service != "kms":
        yield "kms:viaservice", f"{call.service}.{call.region}.amazonaws.com"
    if call.service == "kms" and (alias := str(known.get("KeyId", ""))).startswith("alias/"):
        yield "kms:requestalias", alias
    for (service, parameter), key in _OF_PARAMETERS.items():
        if service == call.service and parameter in known:
            yield key, known[parameter]
    if call.service == "iam" and "RoleName" in known and (boundary := _boundary(call, known)):
        yield "iam:permissionsboundary", boundary
    for name, value in (known.get("EncryptionContext") or {}).items():
        yield f"kms:encryptioncontext:{name}".lower(), value
    yield from _of_a_mapping(call, known)
    yield from _of_events(call, need, known)
    tags = _tags(known)
    for name, value in tags.items():
        yield f"aws:requesttag/{name}".lower(), value
    if named := [*tags, *(known.get("TagKeys") or known.get("tagKeys") or ())]:
        yield "aws:tagkeys", named


def _of_events(call: Call, need: Need, known: Facts) -> Iterator[tuple[str, Any]]:
    """Yield the sources of the events that are put, and whose service-linked role a connection creates."""
    if call.action == "PutEvents":
        sources = {str(each.get("Source")) for each in known["Entries"]}
        yield "events:source", sources.pop() if len(sources) == 1 else sorted(sources)
    if need.action == "iam:CreateServiceLinkedRole":
        yield "iam:awsservicename", known.get("AWSServiceName") or need.resource.split("/")[2]


def _boundary(call: Call, known: Facts) -> str:
    """Return the role's boundary; a role to be created has none yet, even if another of its name exists."""
    if call.action == "CreateRole":
        return str(known.get("PermissionsBoundary", ""))
    try:
        return str(known["boundary"])
    except KeyError:
        return ""


def _of_a_mapping(call: Call, known: Facts) -> Iterator[tuple[str, Any]]:
    """Yield the key that names the function of an event source mapping."""
    if call.service == "lambda" and "EventSourceMapping" in call.action:
        with contextlib.suppress(KeyError, TypeError):  # a list without a function, a mapping that is not there
            yield "lambda:functionarn", known["mapped"]


def _tags(known: Facts) -> dict[str, str]:
    """Return the tags of a request, which services give as a map, or as a list in one of two spellings; a list of keys
    alone has none."""
    given = known.get("Tags") or known.get("tags") or {}
    if isinstance(given, dict):
        return given
    pairs = (tag for tag in given if isinstance(tag, dict))
    return {str(tag.get("Key") or tag.get("key")): str(tag.get("Value") or tag.get("value") or "") for tag in pairs}


def resource_tags(arn: str) -> dict[str, str]:
    """Return the keys of the tags that a resource has now. In API Gateway V2 only APIs and stages have tags, and other
    resources do not inherit those of their API.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html
    """
    if not arn.startswith("arn:"):
        return {}
    service, region, account = arn.split(":")[2:5]
    if service == "apigateway":
        tags = (ministack("services.apigateway")._api_tags.get(arn) or {}) if _TAGGED.fullmatch(arn) else {}
    elif service == "codedeploy":
        tags = region_of(account, region).tags.get(arn) or {}
    else:
        tags = ministack("services.tagging").resource_tags(arn) or {}
    return {f"aws:resourcetag/{name}".lower(): value for name, value in tags.items()}
