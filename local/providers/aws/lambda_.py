"""Lambda functions, aliases and permissions: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html"""

import json
import time
from typing import Any

from local.providers.assets import Assets
from local.providers.resource import (
    Aws,
    Field,
    Live,
    ProviderError,
    Resource,
    archive_hash,
    from_api,
    pascal,
    props,
    to_api,
    unset,
)
from local.providers.wire import Bag

_CONFIGURATION = props(
    deadLetterConfig=Field(of=props(targetArn=Field(required=True))),
    description=Field(zero=""),
    environment=Field(of=props(variables=Field())),
    ephemeralStorage=Field(computed=True, of=props(size=Field(default=512, implied=True))),
    handler=Field(),
    kmsKeyArn=Field(api="KMSKeyArn", zero=""),
    layers=Field(),
    loggingConfig=Field(
        computed=True,
        of=props(
            applicationLogLevel=Field(zero=""),
            logFormat=Field(required=True),
            logGroup=Field(computed=True),
            systemLogLevel=Field(zero=""),
        ),
    ),
    memorySize=Field(default=128),
    role=Field(required=True),
    runtime=Field(),
    timeout=Field(default=3),
    tracingConfig=Field(computed=True, of=props(mode=Field(required=True))),
)
"""The properties of UpdateFunctionConfiguration, under the same names."""

_CODE = props(
    architectures=Field(computed=True),
    code=Field(unread=True, form=archive_hash),
    s3Bucket=Field(unread=True),
    s3Key=Field(unread=True),
    s3ObjectVersion=Field(unread=True),
)
"""The properties of UpdateFunctionCode."""

_MOVED = _CODE.keys() | {"codeSha256", "sourceCodeHash"}
"""The properties whose change makes the provider upload the code again. A refresh reads codeSha256 back, never
sourceCodeHash.

https://www.pulumi.com/registry/packages/aws/api-docs/lambda/function/
"""

_CLEARED = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "KMSKeyArn": "",
    "Layers": [],
    "MemorySize": 128,
    "Timeout": 3,
}
"""The value that resets a removed setting; Lambda keeps what a request does not name."""

_UNRESERVED = -1


class Function(Resource):
    """A function. With `publish`, a change of code or configuration ends in a published version, in the same update."""

    kind = "aws:lambda/function:Function"
    service = "lambda"
    label = "Lambda Function"
    tagged = True
    fields = props(
        name=Field(replaces=True, api="FunctionName"),
        codeSha256=Field(computed=True),
        packageType=Field(default="Zip", replaces=True),
        publish=Field(default=False, unread=True),
        reservedConcurrentExecutions=Field(default=_UNRESERVED),
        skipDestroy=Field(default=False, unread=True),
        sourceCodeHash=Field(computed=True, unread=True),
        **_CODE,
        **_CONFIGURATION,
    )
    outputs = (
        "arn",
        "invokeArn",
        "lastModified",
        "qualifiedArn",
        "qualifiedInvokeArn",
        "responseStreamingInvokeArn",
        "signingJobArn",
        "signingProfileVersionArn",
        "sourceCodeSize",
        "version",
    )
    also = unset(
        codeSigningConfigArn="",
        fileSystemConfig=None,
        imageConfig=None,
        imageUri="",
        replaceSecurityGroupsOnDestroy=None,
        replacementSecurityGroupIds=None,
        snapStart=None,
        vpcConfig=None,
    )

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    def create(self, aws: Aws, new: Bag) -> str:
        request = to_api(_CONFIGURATION, new, pascal)
        if new.get("architectures"):
            request["Architectures"] = new["architectures"]
        aws("lambda").create_function(
            FunctionName=new["name"],
            PackageType=new.get("packageType", "Zip"),
            Code=self._code(new),
            Publish=bool(new.get("publish")),
            Tags=new["tagsAll"],
            **request,
        )
        return str(new["name"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        _settled(aws, identity)
        if new.get("reservedConcurrentExecutions", _UNRESERVED) != _UNRESERVED:
            self._reserve(aws, identity, new["reservedConcurrentExecutions"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("lambda")
        answer = client.get_function(FunctionName=identity)
        configuration = answer["Configuration"]
        arn = configuration["FunctionArn"]
        version = self._latest_version(client, identity) if state.get("publish") else "$LATEST"
        reserved = client.get_function_concurrency(FunctionName=identity).get("ReservedConcurrentExecutions")
        return Live(
            identity,
            {
                **from_api(_CONFIGURATION, configuration, pascal),
                "name": identity,
                "architectures": configuration["Architectures"],
                "codeSha256": configuration["CodeSha256"],
                "sourceCodeHash": configuration["CodeSha256"],
                "packageType": configuration["PackageType"],
                "reservedConcurrentExecutions": _UNRESERVED if reserved is None else reserved,
                "arn": arn,
                "invokeArn": invoke_arn(aws, arn),
                "lastModified": configuration["LastModified"],
                "qualifiedArn": f"{arn}:{version}",
                "qualifiedInvokeArn": invoke_arn(aws, f"{arn}:{version}"),
                "responseStreamingInvokeArn": invoke_arn(aws, arn, "2021-11-15", "response-streaming-invocations"),
                "signingJobArn": configuration.get("SigningJobArn", ""),
                "signingProfileVersionArn": configuration.get("SigningProfileVersionArn", ""),
                "sourceCodeSize": configuration["CodeSize"],
                "version": version,
                "tags": answer.get("Tags", {}),
            },
        )

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        client = aws("lambda")
        reconfigured = changed & _CONFIGURATION.keys()
        if reconfigured:
            given = to_api({name: _CONFIGURATION[name] for name in reconfigured}, new, pascal)
            named = {_CONFIGURATION[name].api or pascal(name) for name in reconfigured}
            cleared = {name: value for name, value in _CLEARED.items() if name in named}
            client.update_function_configuration(FunctionName=identity, **{**cleared, **given})
            _settled(aws, identity)
        if changed & _MOVED:
            architectures = {"Architectures": new["architectures"]} if new.get("architectures") else {}
            client.update_function_code(FunctionName=identity, **self._code(new), **architectures)
            _settled(aws, identity)
        if "reservedConcurrentExecutions" in changed:
            self._reserve(aws, identity, new.get("reservedConcurrentExecutions", _UNRESERVED))
        if self._publishes(new, changed):
            client.publish_version(FunctionName=identity)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        if not state.get("skipDestroy"):
            aws("lambda").delete_function(FunctionName=identity)

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        moved = {"lastModified"} if changed & _MOVED else set()
        if self._publishes(new, changed):
            moved |= {"version", "qualifiedArn", "qualifiedInvokeArn"}
        return frozenset(moved)

    @staticmethod
    def _publishes(new: Bag, changed: frozenset[str]) -> bool:
        return bool(new.get("publish")) and bool(changed & (_MOVED | _CONFIGURATION.keys() | {"publish"}))

    def _code(self, new: Bag) -> dict[str, Any]:
        if "code" in new:
            return {"ZipFile": self._assets.zipped(new["code"])}
        return to_api({name: _CODE[name] for name in ("s3Bucket", "s3Key", "s3ObjectVersion")}, new, pascal)

    @staticmethod
    def _latest_version(client: Any, name: str) -> str:
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        versions = [item["Version"] for page in pages for item in page["Versions"] if item["Version"] != "$LATEST"]
        return max(versions, key=int, default="$LATEST")

    @staticmethod
    def _reserve(aws: Aws, name: str, executions: int) -> None:
        if executions == _UNRESERVED:
            aws("lambda").delete_function_concurrency(FunctionName=name)
        else:
            aws("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=executions)


def _settled(aws: Aws, name: str) -> None:
    """Wait until Lambda accepts the next change. Raises ProviderError, with Lambda's reason, if the last one failed."""
    deadline = time.monotonic() + 120
    while True:
        now = aws("lambda").get_function_configuration(FunctionName=name)
        state, update = now.get("State", "Active"), now.get("LastUpdateStatus", "Successful")
        if "Failed" in (state, update):
            reason = now.get("LastUpdateStatusReason") or now.get("StateReason")
            raise ProviderError(f"waiting for Lambda Function ({name}): it failed: {reason}")
        if state != "Pending" and update != "InProgress":
            return
        if time.monotonic() > deadline:
            raise ProviderError(f"waiting for Lambda Function ({name}): still {state}, {update} after 120 s")
        time.sleep(0.05)


def alias(aws: Aws, arguments: Bag) -> Bag:
    """Return an alias that exists. https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html"""
    function, name = arguments["functionName"], arguments["name"]
    client = aws("lambda")
    try:
        answer = client.get_alias(FunctionName=function, Name=name)
    except client.exceptions.ResourceNotFoundException as error:
        raise ProviderError(f"reading Lambda Alias ({name}) of {function}: {error}") from error
    arn = answer["AliasArn"]
    return {
        "arn": arn,
        "description": answer.get("Description", ""),
        "functionName": function,
        "functionVersion": answer["FunctionVersion"],
        "id": arn,
        "invokeArn": invoke_arn(aws, arn),
        "name": name,
        "region": aws.region,
    }


FUNCTIONS = {"aws:lambda/getAlias:getAlias": (frozenset({"functionName", "name", "region"}), alias)}


def invoke_arn(aws: Aws, arn: str, api: str = "2015-03-31", path: str = "invocations") -> str:
    """Return the ARN by which API Gateway invokes the function `arn`."""
    return f"arn:aws:apigateway:{aws.region}:lambda:path/{api}/functions/{arn}/{path}"


def function_name(value: str) -> str:
    """Return a function's name, from itself or from its ARN, qualified or not."""
    return value.split(":")[6] if value.startswith("arn:") else value


class Alias(Resource):
    """An alias. Its id is its ARN; an import may also give FUNCTION/ALIAS."""

    kind = "aws:lambda/alias:Alias"
    service = "lambda"
    label = "Lambda Alias"
    fields = props(
        name=Field(replaces=True),
        description=Field(zero=""),
        functionName=Field(required=True, replaces=True, form=function_name),
        functionVersion=Field(required=True),
        routingConfig=Field(of=props(additionalVersionWeights=Field())),
    )
    outputs = ("arn", "invokeArn")

    def locate(self, identity: str) -> Bag:
        function, _, name = identity.partition("/")
        if identity.startswith("arn:"):
            function, name = function_name(identity), identity.rsplit(":", 1)[1]
        return {"functionName": function, "name": name}

    def create(self, aws: Aws, new: Bag) -> str:
        return str(aws("lambda").create_alias(**to_api(self.own, new, pascal))["AliasArn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("lambda").get_alias(FunctionName=state["functionName"], Name=state["name"])
        arn = answer["AliasArn"]
        own = {"arn": arn, "functionName": function_name(arn), "invokeArn": invoke_arn(aws, arn)}
        return Live(arn, {**from_api(self.own, answer, pascal), **own})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        weights = (new.get("routingConfig") or {}).get("additionalVersionWeights", {})
        aws("lambda").update_alias(  # as the real provider does: everything, whatever has changed
            FunctionName=new["functionName"],
            Name=new["name"],
            FunctionVersion=new["functionVersion"],
            Description=new.get("description", ""),
            RoutingConfig={"AdditionalVersionWeights": weights},
        )

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("lambda").delete_alias(FunctionName=state["functionName"], Name=state["name"])


class Permission(Resource):
    """A statement of a function's policy. Its id is the statement's; an import gives FUNCTION[:ALIAS]/STATEMENT."""

    kind = "aws:lambda/permission:Permission"
    service = "lambda"
    label = "Lambda Permission"
    name = "statementId"
    fields = props(
        statementId=Field(replaces=True),
        action=Field(required=True, replaces=True),
        function=Field(required=True, replaces=True, form=function_name, api="FunctionName"),
        principal=Field(required=True, replaces=True),
        qualifier=Field(replaces=True),
        sourceAccount=Field(replaces=True),
        sourceArn=Field(replaces=True),
    )
    also = unset(
        eventSourceToken=None,
        functionUrlAuthType=None,
        principalOrgId=None,
        statementIdPrefix="",
    )

    def locate(self, identity: str) -> Bag:
        function, _, statement = identity.rpartition("/")
        arn = function.startswith("arn:")
        name, _, qualifier = (":".join(function.split(":")[6:]) if arn else function).partition(":")
        return {"function": name, "statementId": statement, **({"qualifier": qualifier} if qualifier else {})}

    def create(self, aws: Aws, new: Bag) -> str:
        aws("lambda").add_permission(**to_api(self.own, new, pascal))
        return str(new["statementId"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        policy = json.loads(aws("lambda").get_policy(**self._where(state))["Policy"])
        statement = next((one for one in policy["Statement"] if one["Sid"] == state["statementId"]), None)
        if statement is None:
            return None
        principal, conditions = statement["Principal"], statement.get("Condition", {})
        said = {**conditions.get("ArnLike", {}), **conditions.get("StringEquals", {})}
        bag = {
            "statementId": statement["Sid"],
            "action": statement["Action"],
            "function": function_name(statement["Resource"]),
            "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
            "qualifier": state.get("qualifier"),
            "sourceAccount": said.get("AWS:SourceAccount") or said.get("aws:SourceAccount"),
            "sourceArn": said.get("AWS:SourceArn") or said.get("aws:SourceArn"),
        }
        return Live(statement["Sid"], bag)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("lambda").remove_permission(**self._where(state), StatementId=state["statementId"])

    def _where(self, state: Bag) -> dict[str, str]:
        qualifier = {"Qualifier": state["qualifier"]} if state.get("qualifier") else {}
        return {"FunctionName": state["function"], **qualifier}
