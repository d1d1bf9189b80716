"""Checks the caller of each call and its permissions, and those of AWS's services that act as a role or for a resource.

An expired session is always refused. Permissions are checked only while the setting `enforce` is on.
"""

import json
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from local.cloud.faults.answers import Answer, answer
from local.cloud.faults.calls import Call, Message, Receive, again, received
from local.cloud.identity import callers, policies, requests
from local.cloud.identity.actions import FREE, Need, needs
from local.cloud.identity.decisions import DECISIONS
from local.cloud.identity.keys import keys, resource_tags
from local.cloud.identity.policies import Caller, Policy, Question, decide
from local.cloud.ministack import Seam, ministack
from local.cloud.settings import SWITCHES

NEEDS = [
    *policies.NEEDS,
    *callers.NEEDS,
    *requests.NEEDS,
    Seam("core.iam_evaluator", "_resource_policy", "service resource_arn"),
    Seam("core.responses", "request_scope", "account_id region"),
]
_TOKEN = b"x-amz-security-token"
_BY_RESOURCE = ("kms", "sts")


async def check(call: Call | None, scope: Message, receive: Receive) -> tuple[Answer | None, Receive]:
    """Return the answer that refuses a call, or None, and what receives its body from now on. An unsigned request has
    no call."""
    if call is None:
        return (_anonymous() if SWITCHES.enforce else None), receive
    if (call.service, call.action) == ("sts", "AssumeRoleWithWebIdentity"):
        return None, receive
    try:
        if not SWITCHES.enforce:
            callers.session(call.access_key)
            return None, receive
        caller = callers.identify(call.access_key, _session_token(scope))
    except callers.UnknownCallerError as error:
        return answer(error.kind, call), receive
    if (call.service, call.action) in FREE:
        return None, receive
    messages = await received(receive)
    body = b"".join(message.get("body", b"") for message in messages)
    with _scope(caller.account, call.region):
        denial = _denial(caller, call, requests.facts(call, scope, body, caller.account))
    return answer("denied", call, denial) if denial else None, again(messages, receive)


def acts(
    role: str, session: str, action: str, resource: str, context: Mapping[str, Any] = MappingProxyType({})
) -> bool:
    """Return True if a service that acts as the role with this ARN may do this; always True without enforcement.

    `resource`: an ARN, or `*` for an action that knows none. `context`: condition keys of the call, in lower case.
    """
    if not SWITCHES.enforce:
        return True
    caller = callers.acting(role, session)
    region = "" if resource == "*" else resource.split(":")[3]
    with _scope(caller.account, region):
        return not _sentence(caller, _question(caller, Need(action, resource), region, context))


def serves(principal: str, source: str, action: str, resource: str) -> bool:
    """Return True if a resource's policy permits an AWS service to do this for the resource `source`."""
    if not SWITCHES.enforce:
        return True
    region, account = resource.split(":")[3:5]
    with _scope(account, region):
        caller = callers.service(principal, source.split(":")[4], source)
        return not _sentence(caller, _question(caller, Need(action, resource), region, {}))


def worker_credentials(config: Mapping[str, Any]) -> dict[str, str]:
    """Return a session of the execution role of a function configuration, as its environment names it."""
    return role_credentials(config["Role"], config["FunctionName"][:64])


def role_credentials(role: str, name: str) -> dict[str, str]:
    """Return a session of the role with this ARN, as the variables by which AWS's clients find it."""
    credentials = {
        "AccessKeyId": f"ASIA{secrets.token_hex(8).upper()}",
        "SecretAccessKey": secrets.token_urlsafe(30),
        "SessionToken": secrets.token_urlsafe(96),
    }
    callers.remember(callers.session_arn(role, name), name, credentials)
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def _anonymous() -> Answer:
    said = {"__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"}
    return 403, {"content-type": "application/json"}, json.dumps(said).encode()


def _session_token(scope: Message) -> str:
    given: bytes = dict(scope["headers"]).get(_TOKEN, b"")
    return given.decode("latin-1") or parse_qs(scope["query_string"].decode()).get("X-Amz-Security-Token", [""])[0]


def _scope(account: str, region: str) -> Any:
    return ministack("core.responses").request_scope(account, region or "us-east-1")


def _denial(caller: Caller, call: Call, known: requests.Facts) -> str:
    """Return AWS's sentence about the first action that the caller may not do; empty if it may do all."""
    for need in needs(call, known):
        context = keys(call, need, known)
        if sentence := _sentence(caller, _question(caller, need, call.region, context)):
            return sentence
    return ""


def _question(caller: Caller, need: Need, region: str, context: Mapping[str, Any]) -> Question:
    service = need.action.partition(":")[0]
    policy, owner = _resource_policy(service, need)
    tags = resource_tags(need.resource) if caller.asks_for("aws:resourcetag/") else {}
    return Question(
        need.action,
        need.resource,
        region,
        {**tags, **context},
        owner,
        policy,
        by_resource=service in _BY_RESOURCE and need.resource != "*",
    )


def _resource_policy(service: str, need: Need) -> tuple[Policy | None, str]:
    """Return the policy of a resource, and the account that it is in."""
    if need.action == "sts:AssumeRole":
        account = need.resource.split(":")[4]
        trust = callers.role_of(account, need.resource.rsplit("/", 1)[-1]).get("AssumeRolePolicyDocument")
        return Policy("trust policy", callers.text(trust or {})), account
    if need.action == "events:PutEvents":
        region, account = need.resource.split(":")[3:5]
        buses = ministack("services.eventbridge")._event_bus_policies
        held = buses.get_scoped(account, region, need.resource.rpartition("event-bus/")[2])
        return (Policy("resource-based policy", callers.text(held)) if held else None), account
    if service not in {"kms", "lambda", "s3", "sns", "sqs"}:
        return None, ""
    document, owner = ministack("core.iam_evaluator")._resource_policy(service, need.resource) or ("", "")
    return (Policy("resource-based policy", callers.text(document)) if document else None), owner


def _sentence(caller: Caller, question: Question) -> str:
    decision = decide(caller, question)
    DECISIONS.add(caller, question, decision)
    if decision.allowed:
        return ""
    return (
        f"User: {caller.arn} is not authorized to perform: {question.action} on resource: {question.resource} "
        f"{decision.why}"
    )
