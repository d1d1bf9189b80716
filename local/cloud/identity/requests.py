"""Reads a call's parameters by botocore's model, and the names of its resources.

https://smithy.io/2.0/spec/http-bindings.html: what of a REST request is a parameter.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from botocore.model import OperationModel  # type: ignore[import-untyped]

from local.cloud import wire
from local.cloud.codedeploy.records import region_of
from local.cloud.faults.calls import CBOR, JSON, QUERY, Call, Message
from local.cloud.faults.operations import UNKNOWN, model
from local.cloud.identity.callers import role_of
from local.cloud.ministack import Seam, ministack

NEEDS = [
    Seam("core.iam_actions", "_kms_key_id_from_ciphertext", "ciphertext_b64"),
    Seam("services.kms", "_resolve_key", "key_id_or_arn"),
    Seam("services.s3", "_bucket_default_sse_headers", "bucket_name"),
    Seam("services.s3", "_ensure_bucket", "name"),
]


class Facts(dict[str, Any]):
    """The parameters of a call by the model's names, with account, region, and names that are resolved when they are
    read.

    A missing name raises KeyError.
    """

    def __missing__(self, name: str) -> Any:
        return _LOOKED_UP[name](self)


def facts(call: Call, scope: Message, body: bytes, account: str) -> Facts:
    """Return the facts of a call; only account, region, method and path if the request does not fit the model."""
    known = model(call.service)
    found = Facts(account=account, region=call.region, method=scope["method"], path=scope["raw_path"].decode())
    if known is None or call.action == UNKNOWN or call.action not in known.operation_names:
        return found
    operation = known.operation_model(call.action)
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    try:
        if call.protocol in {JSON, CBOR, QUERY}:
            form = parse_qs(body.decode(), keep_blank_values=True) if call.protocol == QUERY else {}
            return Facts(wire.read(call.protocol, operation.input_shape, body, {**query, **form}), **found)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return Facts(_rest(operation, _path(call, found["path"], headers), query, headers, body), **found)
    except (wire.ServiceError, ValueError):
        return found


def _path(call: Call, path: str, headers: Mapping[str, str]) -> str:
    """Return the path with the bucket in it; S3 also accepts the bucket in the host."""
    bucket, dot, _ = headers.get("host", "").partition(".s3.")
    return f"/{bucket}{path}" if call.service == "s3" and dot else path


def _rest(
    operation: OperationModel, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    if "payload" in shape.serialization:
        body = b""  # the body is an invocation's payload or an object's content
    labels = _labels(operation.http["requestUri"].partition("?")[0], path)
    said = json.loads(body) if body and operation.service_model.metadata["protocol"] == "rest-json" else {}
    found: dict[str, Any] = {"copy_source": headers.get("x-amz-copy-source")}
    for name, member in shape.members.items():
        where = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if where == "uri":
            found[name] = labels.get(key)
        elif where == "querystring":
            found[name] = (query[key] if member.type_name == "list" else query[key][-1]) if key in query else None
        elif where == "header":
            found[name] = headers.get(key.lower())
        elif where is None and isinstance(said, dict):
            found[name] = said.get(key)
    return {name: value for name, value in found.items() if value is not None}


def _labels(template: str, path: str) -> dict[str, str]:
    """Return the labels of a template such as `/{Bucket}/{Key+}` in a path; the last may be of several segments."""
    names, parts = template.strip("/").split("/"), path.lstrip("/").split("/")
    if names[-1].endswith("+}"):
        parts = [*parts[: len(names) - 1], "/".join(parts[len(names) - 1 :])]
    pairs = zip(names, parts, strict=False)
    return {name.strip("{+}"): unquote(part) for name, part in pairs if name.startswith("{") and part}


# Names of resources


def _function(known: Facts) -> str:
    return ":".join(_qualified(known).split(":")[:7])


def _qualified(known: Facts) -> str:
    """Return the ARN of a function with the requested qualifier; FunctionName is a name or an ARN, qualified or not."""
    name: str = known["FunctionName"]
    if not name.startswith("arn:"):
        name = f"arn:aws:lambda:{known['region']}:{known['account']}:function:{name.rpartition(':function:')[2]}"
    qualifier = known.get("Qualifier")
    return f"{name}:{qualifier}" if qualifier and name.count(":") == 6 else name


def _role(known: Facts) -> str:
    """Return the ARN of a role with its path, also of a role to be created."""
    name = known["RoleName"]
    plain = f"arn:aws:iam::{known['account']}:role{known.get('Path', '/')}{name}"
    return str(role_of(known["account"], name).get("Arn", plain))


def _boundary(known: Facts) -> str:
    """Return the requested permissions boundary, else the role's."""
    given = known.get("PermissionsBoundary") or role_of(known["account"], known["RoleName"]).get("PermissionsBoundary")
    if not given:
        raise KeyError("boundary")
    return str(given)


def _groups(known: Facts) -> list[str]:
    """Return the deployment groups of the requested deployments."""
    region = region_of(known["account"], known["region"])
    wanted = known["deploymentIds"] if "deploymentIds" in known else [known["deploymentId"]]
    found = [region.deployments[name] for name in wanted]
    return [region.arn(f"deploymentgroup:{one.application.name}/{one.group.name}") for one in found]


def _configuration(known: Facts) -> str:
    """Return the deployment configuration of a new deployment: its own, or its group's."""
    if "deploymentConfigName" in known:
        return str(known["deploymentConfigName"])
    group = region_of(known["account"], known["region"]).applications[known["applicationName"]].groups
    return str(group[known["deploymentGroupName"]].settings["deploymentConfigName"])


def _key(known: Facts) -> str:
    """Return the ARN of a key by its id, its ARN, an alias, or a text that it has encrypted."""
    named = known.get("KeyId") or known.get("TargetKeyId")
    if named is None:
        named = ministack("core.iam_actions")._kms_key_id_from_ciphertext(known["CiphertextBlob"])
    return _key_arn(named)


def _key_arn(named: str) -> str:
    return str((ministack("services.kms")._resolve_key(named) or {"Arn": named})["Arn"])


def _sealed_by(known: Facts) -> str:
    """Return the ARN of the account's customer managed key that encrypts a bucket."""
    found = ministack("services.s3")._bucket_default_sse_headers(known["Bucket"])
    return _key_arn(known.get("SSEKMSKeyId") or found["x-amz-server-side-encryption-aws-kms-key-id"])


def _secret(known: Facts) -> str:
    named = known["SecretId"]
    found = ministack("services.secretsmanager")._secrets.get(named) or {}
    plain = f"arn:aws:secretsmanager:{known['region']}:{known['account']}:secret:{named}"
    return str(named if named.startswith("arn:") else found.get("ARN", plain))


def _parameters(known: Facts) -> list[str]:
    """Return the ARNs of parameters by their names, or by the one name in calls on tags."""
    named = known["Names"] if "Names" in known else [known["Name"] if "Name" in known else known["ResourceId"]]
    return [name if name.startswith("arn:") else _parameter(known, name) for name in named]


def _parameter(known: Facts, name: str) -> str:
    return f"arn:aws:ssm:{known['region']}:{known['account']}:parameter/{name.lstrip('/')}"


def _tables(known: Facts) -> list[str]:
    named = [known["TableName"]] if "TableName" in known else list(known["RequestItems"])
    home = f"arn:aws:dynamodb:{known['region']}:{known['account']}:table/"
    tables = [name if name.startswith("arn:") else f"{home}{name}" for name in named]
    return [f"{table}/index/{known['IndexName']}" for table in tables] if "IndexName" in known else tables


def _group(known: Facts) -> str:
    """Return a log group's ARN for IAM:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html"""
    named = known.get("logGroupName") or known["logGroupIdentifier"]
    home = f"arn:aws:logs:{known['region']}:{known['account']}:log-group:"
    return str(named if named.startswith("arn:") else f"{home}{named}").removesuffix(":*")


def _missing(known: Facts) -> str:
    """Return the key of a requested object that does not exist, which S3 discloses only to callers who may list the
    bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    bucket = ministack("services.s3")._ensure_bucket(known["Bucket"])
    if bucket is None or known["Key"] in bucket["objects"]:
        raise KeyError("missing")
    return str(known["Key"])


def _queue(known: Facts) -> str:
    """Return the ARN of a queue by its name, or by its URL, which ends in account and name."""
    account, name = ([known["account"], known["QueueName"]] if "QueueName" in known else known["QueueUrl"].split("/"))[
        -2:
    ]
    return f"arn:aws:sqs:{known['region']}:{account}:{name}"


def _stream(known: Facts) -> str:
    """Return the ARN of a table's stream; an iterator of ministack's names it."""
    if "StreamArn" in known:
        return str(known["StreamArn"])
    return str(json.loads(base64.urlsafe_b64decode(known["ShardIterator"]))["arn"])


def _bus(known: Facts, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:events:{known['region']}:{known['account']}:event-bus/{name}"


def _buses(known: Facts) -> list[str]:
    """Return the buses to which events are put, each once."""
    named = [entry.get("EventBusName", "default") for entry in known["Entries"]]
    return [_bus(known, name) for name in dict.fromkeys(named)]


def _target_roles(known: Facts) -> list[str]:
    """Return the roles of the targets that a rule gets, each once."""
    return list(dict.fromkeys(each["RoleArn"] for each in known["Targets"] if each.get("RoleArn")))


def _rule(known: Facts) -> str:
    """Return a rule's ARN, which names its bus unless that is the default one."""
    bus = known.get("EventBusName", "default").rpartition("event-bus/")[2]
    name = known["Name"] if "Name" in known else known["Rule"]
    path = name if bus == "default" else f"{bus}/{name}"
    return f"arn:aws:events:{known['region']}:{known['account']}:rule/{path}"


def _mapped(known: Facts) -> str:
    """Return the ARN of the function that a mapping names, or is to name."""
    if "FunctionName" in known and "UUID" not in known:
        return _qualified(known)
    return str(ministack("services.lambda_svc")._esms.get(known["UUID"])["FunctionArn"])


_LOOKED_UP: dict[str, Callable[[Facts], Any]] = {
    "boundary": _boundary,
    "bus": lambda known: _bus(known, known["Name"]),
    "buses": _buses,
    "configuration": _configuration,
    "copied": lambda known: unquote(known["copy_source"]).lstrip("/").partition("?")[0],
    "function": _function,
    "group": _group,
    "groups": _groups,
    "key": _key,
    "mapped": _mapped,
    "missing": _missing,
    "parameters": _parameters,
    "qualified": _qualified,
    "queue": _queue,
    "role": _role,
    "rule": _rule,
    "sealed_by": _sealed_by,
    "secret": _secret,
    "stream": _stream,
    "tables": _tables,
    "target_roles": _target_roles,
    "topic": lambda known: known["SubscriptionArn"].rpartition(":")[0],
    "provider": lambda known: known["Url"].removeprefix("https://").rstrip("/"),
    "api_path": lambda known: known["path"].removeprefix("/v2"),
}
