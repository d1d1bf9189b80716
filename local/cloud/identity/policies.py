"""Evaluates policies for one call as IAM does: identity, boundary, session and resource policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. How actions, ARNs and
conditions compare is ministack's; which statement decided, and what a boundary or a resource's policy adds, is ours.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from local.cloud.ministack import Seam, ministack

_EVALUATOR = "core.iam_evaluator"
_LETTER = re.compile(r"\$\{[*?$]\}")
NEEDS = [
    Seam(_EVALUATOR, "_action_matches", "request_action actions not_actions"),
    Seam(_EVALUATOR, "_conditions_met", "conditions ctx"),
    Seam(_EVALUATOR, "_resource_matches", "resource_arn resources not_resources"),
]


class Policy(NamedTuple):
    """A policy document and its name."""

    name: str
    document: str


class Statement(NamedTuple):
    """One statement of a policy."""

    policy: str
    sid: str
    """Its Sid, or `#` and its place in the policy if it has none."""
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Caller:
    """The caller. `policies` is None for an administrator, who needs none: the root of the account."""

    arn: str
    account: str
    kind: str = "AWS"
    """The caller's kind in a policy's Principal: AWS, Service or Federated."""
    role: str = ""
    """The ARN of the role whose session it is."""
    policies: Sequence[Policy] | None = ()
    limits: Mapping[str, Sequence[Policy]] = field(default_factory=dict)
    """The permissions boundary and the session policies, if there are any."""
    keys: Mapping[str, Any] = field(default_factory=dict)
    """Condition keys that describe the caller, in lower case."""

    def asks_for(self, key: str) -> bool:
        """Return True if any of its policies has a condition on a key with this prefix, in lower case."""
        every = [*(self.policies or ()), *(policy for policies in self.limits.values() for policy in policies)]
        return any(key in policy.document.lower() for policy in every)


@dataclass(frozen=True)
class Question:
    """May a caller do this? `keys` are condition keys of the call, in lower case."""

    action: str
    resource: str
    region: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""
    """The resource's account; empty if it is the caller's."""
    policy: Policy | None = None
    """The resource's own policy."""
    by_resource: bool = False
    """True if the resource's policy must allow it, even to its own account: keys of KMS, and roles."""


class Decision(NamedTuple):
    """A decision. `by`: every statement that allows the call, each enough by itself; or the one that denies it."""

    allowed: bool
    by: tuple[Statement, ...] = ()
    why: str = ""
    """The end of AWS's sentence about a denial."""


def decide(caller: Caller, question: Question) -> Decision:
    """Return the decision of the policies. An explicit deny wins; a boundary and session policies must allow too."""
    if caller.policies is None:
        return Decision(True)
    context = _context(caller, question)
    own = _about(question, [] if question.policy is None else [question.policy])
    named = [statement for statement in own if _names(statement, caller, delegated=True)]
    limits = {kind: _about(question, policies) for kind, policies in caller.limits.items()}
    layers = {
        "an identity-based policy": _about(question, caller.policies),
        **{f"a {kind}": statements for kind, statements in limits.items()},
        "a resource-based policy": named,
    }
    for kind, statements in layers.items():
        if denied := _fitting(statements, "Deny", context):
            return Decision(False, tuple(denied[:1]), f"with an explicit deny in {kind}")
    identity = _fitting(layers["an identity-based policy"], "Allow", context)
    resource = _fitting(named, "Allow", context)
    allowed, missing = _either(caller, question, identity, resource)
    if not allowed:
        return Decision(False, (), f"because no {missing} allows the {question.action} action")
    for kind, statements in limits.items():
        if not _fitting(statements, "Allow", context):
            return Decision(False, (), f"because no {kind} allows the {question.action} action")
    return Decision(True, tuple(allowed))


def _either(
    caller: Caller, question: Question, identity: list[Statement], resource: list[Statement]
) -> tuple[list[Statement], str]:
    """Return the statements that allow it, or none and the kind of policy in which one is missing.

    A resource's policy that names the caller is enough in its own account; one that names the account leaves it to
    identity policies.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
    """
    direct = [statement for statement in resource if _names(statement, caller, delegated=False)]
    if caller.kind != "AWS":
        return direct, "resource-based policy"
    if question.owner not in {"", caller.account}:
        return (identity if resource else []), "resource-based policy" if identity else "identity-based policy"
    if question.by_resource:
        found = [*direct, *(identity if resource else [])]
        return found, "identity-based policy" if resource else "resource-based policy"
    return [*identity, *direct], "identity-based policy"


def _names(statement: Statement, caller: Caller, *, delegated: bool) -> bool:
    """Return True if a statement's Principal is the caller or, if `delegated`, the caller's account."""
    said = statement.said.get("Principal") or {}
    principal: Mapping[str, Any] = {"AWS": said} if isinstance(said, str) else said
    if "*" in _listed(principal.get("AWS")):  # every principal, services too
        return True
    wanted = {caller.arn, caller.role} - {""}
    if delegated and caller.kind == "AWS":
        wanted |= {caller.account, f"arn:aws:iam::{caller.account}:root"}
    return not wanted.isdisjoint(_listed(principal.get(caller.kind)))


def _context(caller: Caller, question: Question) -> Any:
    evaluator: Any = ministack(_EVALUATOR)
    return evaluator.EvalContext(
        principal_arn=caller.role or caller.arn,
        principal_type="AssumedRole",
        principal_account=caller.account,
        action=question.action,
        resource_arn=question.resource,
        region=question.region,
        secure_transport=True,  # the loopback connection replaces TLS
        service_context={"aws:tagkeys": None, **question.keys},
        principal_keys=dict(caller.keys),
    )


def _fitting(statements: Iterable[Statement], effect: str, context: Any) -> list[Statement]:
    """Return the statements of that effect, of those about the question, whose conditions are met."""
    met: Any = ministack(_EVALUATOR)._conditions_met
    return [
        each for each in statements if each.said["Effect"] == effect and met(each.said.get("Condition") or {}, context)
    ]


def _about(question: Question, policies: Iterable[Policy]) -> list[Statement]:
    """Return the statements of the policies whose actions and resources include the question's."""
    return [each for policy in policies for each in _including(policy, question.action, question.resource)]


@lru_cache(8192)
def _including(policy: Policy, action: str, resource: str) -> tuple[Statement, ...]:
    """A program makes the same few calls again and again, and conditions alone depend on more than these."""
    return tuple(each for each in _parsed(policy) if _fits(each.said, action, resource))


def _fits(said: Mapping[str, Any], action: str, resource: str) -> bool:
    evaluator: Any = ministack(_EVALUATOR)
    actions, others = _listed(said.get("Action")), _listed(said.get("NotAction"))
    resources, elsewhere = _listed(said.get("Resource")), _listed(said.get("NotResource"))
    return bool(
        evaluator._action_matches(action, actions, others)
        and evaluator._resource_matches(resource, _spelled(resources, resource), elsewhere)
    )


def _spelled(patterns: list[str], resource: str) -> list[str]:
    """Return the patterns of a statement. A literal asterisk or question mark in one matches only itself.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
    """
    return [each if "${" not in each else _literally(each, resource) for each in patterns]


def _literally(pattern: str, resource: str) -> str:
    parts = re.split(r"(\$\{[*?$]\}|[*?])", pattern)
    said = "".join(
        {"*": ".*", "?": "."}.get(part, re.escape(part[2:-1] if _LETTER.fullmatch(part) else part)) for part in parts
    )
    return resource if re.fullmatch(said, resource, re.DOTALL) else ""


@lru_cache(1024)
def _parsed(policy: Policy) -> tuple[Statement, ...]:
    found = json.loads(policy.document or "{}").get("Statement", [])
    listed = found if isinstance(found, list) else [found]
    return tuple(Statement(policy.name, said.get("Sid") or f"#{place}", said) for place, said in enumerate(listed, 1))


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
