"""The stand-ins' inputs and states, property by property, against those that the real provider's code left.

local/tests/recorded/provider-states.json: resources of `pulumi stack export` after the first `up` of prod and of
`bootstrap/`, with the Terraform AWS provider v5.32 bridged as pulumi-aws bridges it, against the local cloud.
"""

import json
import re
from typing import Any

import pytest

from local.providers.wire import DEFAULTS
from local.tests.cloud.conftest import ROOT
from local.tests.cloud.providers.cases import code
from local.tests.cloud.providers.conftest import Engine, Made

RECORDED: list[dict[str, Any]] = json.loads((ROOT / "local/tests/recorded/provider-states.json").read_text())
ACCOUNT = "333333333333"

NEWER = "pulumi-aws 7 has it, v5.32 has not"
REFRESHED = "bootstrap's state was recorded after a refresh, by which the bridge writes {} where it wrote null"
LATEST = "the local cloud of the recording listed $LATEST without its qualifier; AWS lists it with it"
MIRROR = "deprecated: shows what resources of their own set; nothing here reads it"
DIFFERENT = {
    "*.region": NEWER,
    "*.__meta": "the bridge's own notes (time-outs, schema version); the engine and its displays hide them",
    "*.tags": REFRESHED,
    "aws:apigatewayv2/api:Api.apiEndpoint": "the local cloud's, on another port",
    "aws:apigatewayv2/api:Api.ipAddressType": NEWER,
    "aws:codedeploy/deploymentConfig:DeploymentConfig.arn": NEWER,
    "aws:codedeploy/deploymentConfig:DeploymentConfig.zonalConfig": NEWER,
    "aws:codedeploy/deploymentGroup:DeploymentGroup.terminationHookEnabled": NEWER,
    "aws:iam/policy:Policy.attachmentCount": NEWER,
    "aws:iam/role:Role.managedPolicyArns": "read again by a refresh, once the attachments were made",
    "aws:kms/key:Key.rotationPeriodInDays": NEWER,
    "aws:kms/key:Key.xksKeyId": NEWER,
    "aws:lambda/function:Function.code": "another archive: the recorded one is not in the repository",
    "aws:lambda/function:Function.codeSha256": NEWER,
    "aws:lambda/function:Function.loggingConfig": NEWER,
    "aws:lambda/function:Function.qualifiedArn": LATEST,
    "aws:lambda/function:Function.qualifiedInvokeArn": LATEST,
    "aws:lambda/function:Function.responseStreamingInvokeArn": NEWER,
    "aws:lambda/function:Function.sourceCodeSize": "of another archive",
    "aws:s3/bucket:Bucket.bucketRegion": NEWER,
    "aws:s3/bucket:Bucket.grants": MIRROR,
    "aws:s3/bucket:Bucket.hostedZoneId": "a constant of S3's region, from the provider's table; nothing here reads it",
    "aws:s3/bucket:Bucket.policy": MIRROR,
    "aws:s3/bucket:Bucket.serverSideEncryptionConfiguration": MIRROR,
    "aws:s3/bucket:Bucket.versioning": MIRROR,
    "aws:s3/bucketObjectv2:BucketObjectv2.arn": NEWER,
    "aws:s3/bucketObjectv2:BucketObjectv2.checksumCrc64nvme": NEWER,
    "aws:s3/bucketObjectv2:BucketObjectv2.id": "the key alone in v5.32, BUCKET/KEY in pulumi-aws 7",
    "aws:s3/bucketObjectv2:BucketObjectv2.metadata": REFRESHED,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock.skipDestroy": NEWER,
    "aws:sns/topic:Topic.fifoThroughputScope": NEWER,
}
"""Each difference that is left, by TYPE.PROPERTY, and why."""

UUID, SHORT, END = (
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])",
    r"-[0-9a-f]{7}$",
)
MADE_UP = re.compile("|".join((UUID, SHORT, END)))
"""Values that AWS or the engine generates anew each time: ids of keys, groups, APIs and routes, and the ends of
names."""

MADE_UP_WHOLE = {"createDate", "lastModified", "policyId", "sourceCodeHash", "uniqueId"}
"""Properties that are made up as a whole."""


def program_s(recorded: Any) -> Any:
    """Recorded inputs without what the provider filled in, at any depth."""
    if isinstance(recorded, list):
        return [program_s(part) for part in recorded]
    if not isinstance(recorded, dict):
        return recorded
    added = {DEFAULTS, "tagsAll", *recorded.get(DEFAULTS, ())}
    return {name: program_s(part) for name, part in recorded.items() if name not in added}


def plain(name: str, value: Any) -> Any:
    """`value` with what is made up blanked, and sets in one order."""
    if name in MADE_UP_WHOLE:
        return type(value)
    if isinstance(value, list):
        return sorted((plain("", part) for part in value), key=repr)
    if isinstance(value, dict):
        return {key: plain(key, value[key]) for key in sorted(value)}
    if isinstance(value, str):
        return re.sub(r"(?<=strata-prod-deploy-)[0-9]{14}[0-9a-f]{12}", "TIME", MADE_UP.sub("ID", value))
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def differences(recorded: dict[str, Any], made: Made) -> dict[str, str]:
    """Return the differences by TYPE.PROPERTY."""
    found = {}
    for kind, theirs, ours in (("input", recorded["inputs"], made.inputs), ("state", recorded["outputs"], made.state)):
        for name in sorted({*theirs, *ours}):
            there, here = (plain(name, bag[name]) if name in bag else "absent" for bag in (theirs, ours))
            if there != here:
                found[f"{recorded['type']}.{name}"] = f"{kind}: {there!r} was recorded, the stand-in has {here!r}"
    return found


def explained(difference: str) -> bool:
    return bool({difference, f"*.{difference.rpartition('.')[2]}"} & DIFFERENT.keys())


@pytest.fixture(scope="module")
def made(attached: str) -> dict[int, Made]:
    """The recorded resources, made once more in their order, each by what the program gave."""
    engine, moved, every = Engine(attached), dict[str, str](), dict[int, Made]()
    for number, recorded in enumerate(RECORDED):
        text = json.dumps(program_s(recorded["inputs"]))
        for theirs, ours in moved.items():
            text = text.replace(theirs, ours)
        inputs = json.loads(text)
        if "code" in inputs:
            inputs["code"] = code("def handler(event, context): return 1")
        engine.configure(
            accessKey=ACCOUNT, secretKey="x", defaultTags=json.dumps({"tags": recorded["inputs"].get("tagsAll", {})})
        )
        every[number] = engine.create(recorded["type"], inputs, recorded["name"])
        if MADE_UP.fullmatch(recorded["id"]):
            moved[recorded["id"]] = every[number].id
    engine.close()
    return every


@pytest.mark.parametrize("number", range(len(RECORDED)), ids=[one["name"] for one in RECORDED])
def test_inputs_and_state_are_those_that_the_real_provider_left(made: dict[int, Made], number: int) -> None:
    found = differences(RECORDED[number], made[number])
    assert {path: what for path, what in found.items() if not explained(path)} == {}


def test_each_difference_that_is_named_is_still_one(made: dict[int, Made]) -> None:
    found = {path for number, recorded in enumerate(RECORDED) for path in differences(recorded, made[number])}
    ends = {f"*.{path.rpartition('.')[2]}" for path in found}
    assert DIFFERENT.keys() <= found | ends
