"""IAM roles and their policies: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""

import json
import secrets
import time
from contextlib import suppress
from typing import Any

from local.providers.resource import (
    Aws,
    Field,
    Live,
    Resource,
    pairs,
    pascal,
    policy_text,
    props,
    sorted_text,
    to_api,
    unpaired,
    unset,
    version_first,
)
from local.providers.wire import Bag

_OWN_POLICIES = ("inlinePolicies", "managedPolicyArns")
"""The properties by which a role declares policies itself; separate resources may add others."""


class Role(Resource):
    """An IAM role."""

    kind = "aws:iam/role:Role"
    service = "iam"
    label = "IAM Role"
    regional = False
    tagged = True
    fields = props(
        name=Field(replaces=True, api="RoleName"),
        assumeRolePolicy=Field(required=True, form=policy_text, kept=sorted_text, api="AssumeRolePolicyDocument"),
        description=Field(zero=""),
        forceDetachPolicies=Field(default=False, unread=True),
        inlinePolicies=Field(
            computed=True, unordered=True, zero=[], of=props(name=Field(), policy=Field(form=policy_text))
        ),
        managedPolicyArns=Field(computed=True, unordered=True, zero=[]),
        maxSessionDuration=Field(default=3600),
        path=Field(default="/", replaces=True),
        permissionsBoundary=Field(zero=""),
    )
    outputs = ("arn", "createDate", "uniqueId")
    also = unset(namePrefix="")

    def create(self, aws: Aws, new: Bag) -> str:
        elsewhere = {"forceDetachPolicies", "inlinePolicies", "managedPolicyArns"}
        plain = {name: spec for name, spec in self.own.items() if name not in elsewhere}
        aws("iam").create_role(**to_api(plain, new, pascal), Tags=pairs(new["tagsAll"]))
        return str(new["name"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        self._policies(aws, identity, {}, new)

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("iam")
        role = client.get_role(RoleName=identity)["Role"]
        bag = {
            "name": role["RoleName"],
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "description": role.get("Description"),
            "maxSessionDuration": role["MaxSessionDuration"],
            "path": role["Path"],
            "permissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "arn": role["Arn"],
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "uniqueId": role["RoleId"],
            "tags": unpaired(role.get("Tags")),
        }
        attached = client.list_attached_role_policies(RoleName=identity)["AttachedPolicies"]
        bag["managedPolicyArns"] = [policy["PolicyArn"] for policy in attached]
        names = client.list_role_policies(RoleName=identity)["PolicyNames"]
        bag["inlinePolicies"] = [{"name": name, "policy": _inline(client, identity, name)} for name in names]
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        client = aws("iam")
        if "assumeRolePolicy" in changed:
            client.update_assume_role_policy(RoleName=identity, PolicyDocument=new["assumeRolePolicy"])
        if changed & {"description", "maxSessionDuration"}:
            duration = new.get("maxSessionDuration", 3600)
            client.update_role(RoleName=identity, Description=new.get("description", ""), MaxSessionDuration=duration)
        if "permissionsBoundary" in changed and new.get("permissionsBoundary"):
            client.put_role_permissions_boundary(RoleName=identity, PermissionsBoundary=new["permissionsBoundary"])
        elif "permissionsBoundary" in changed:
            client.delete_role_permissions_boundary(RoleName=identity)
        # What the program does not give is computed: it stays.
        self._policies(aws, identity, {name: old[name] for name in _OWN_POLICIES if name in old and name in new}, new)

    def _policies(self, aws: Aws, identity: str, old: Bag, new: Bag) -> None:
        """Bring the policies that are part of the role itself from those of `old` to those of `new`."""
        client = aws("iam")
        attached, wanted = set(old.get("managedPolicyArns", ())), set(new.get("managedPolicyArns", ()))
        for arn in attached - wanted:
            with suppress(client.exceptions.NoSuchEntityException):
                client.detach_role_policy(RoleName=identity, PolicyArn=arn)
        for arn in wanted - attached:
            client.attach_role_policy(RoleName=identity, PolicyArn=arn)
        inline = {policy["name"]: policy["policy"] for policy in new.get("inlinePolicies", ())}
        for name in {policy["name"] for policy in old.get("inlinePolicies", ())} - inline.keys():
            with suppress(client.exceptions.NoSuchEntityException):  # a resource of its own, and deleted before
                client.delete_role_policy(RoleName=identity, PolicyName=name)
        for name, policy in inline.items():
            client.put_role_policy(RoleName=identity, PolicyName=name, PolicyDocument=policy)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("iam").untag_role(RoleName=state["name"], TagKeys=gone)
        if tags:
            aws("iam").tag_role(RoleName=state["name"], Tags=pairs(tags))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        client = aws("iam")
        if state.get("forceDetachPolicies"):
            for policy in client.list_attached_role_policies(RoleName=identity)["AttachedPolicies"]:
                client.detach_role_policy(RoleName=identity, PolicyArn=policy["PolicyArn"])
            for name in client.list_role_policies(RoleName=identity)["PolicyNames"]:
                client.delete_role_policy(RoleName=identity, PolicyName=name)
        else:
            self._policies(aws, identity, state, {})
        client.delete_role(RoleName=identity)


def _inline(client: Any, role: str, name: str) -> str:
    document = client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return document if isinstance(document, str) else json.dumps(document)


class RolePolicy(Resource):
    """A policy written into one role. Its id is ROLE:NAME."""

    kind = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    label = "IAM Role Policy"
    regional = False
    fields = props(
        name=Field(replaces=True),
        role=Field(required=True, replaces=True),
        policy=Field(required=True, form=policy_text, kept=version_first),
    )
    also = unset(namePrefix="")

    def create(self, aws: Aws, new: Bag) -> str:
        aws("iam").put_role_policy(RoleName=new["role"], PolicyName=new["name"], PolicyDocument=new["policy"])
        return f"{new['role']}:{new['name']}"

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        role, name = identity.split(":", 1)
        return Live(identity, {"name": name, "role": role, "policy": _inline(aws("iam"), role, name)})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self.create(aws, new)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        role, name = identity.split(":", 1)
        aws("iam").delete_role_policy(RoleName=role, PolicyName=name)


class RolePolicyAttachment(Resource):
    """A managed policy attached to a role. Its id is ROLE-TIME, which says no more; an import gives ROLE/ARN."""

    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    service = "iam"
    label = "IAM Role Policy Attachment"
    regional = False
    name = None
    fields = props(role=Field(required=True, replaces=True), policyArn=Field(required=True, replaces=True))

    def locate(self, identity: str) -> Bag:
        role, _, arn = identity.partition("/")
        return {"role": role, "policyArn": arn}

    def create(self, aws: Aws, new: Bag) -> str:
        aws("iam").attach_role_policy(RoleName=new["role"], PolicyArn=new["policyArn"])
        return f"{new['role']}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}{secrets.token_hex(6)}"

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        role, arn = state["role"], state["policyArn"]
        pages = aws("iam").get_paginator("list_attached_role_policies").paginate(RoleName=role)
        attached = {policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]}
        found = identity.replace("/arn:", "-arn:")  # as the real provider spells it after an import
        return Live(found, {"role": role, "policyArn": arn}) if arn in attached else None

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        role, arn = state["role"], state["policyArn"]
        aws("iam").detach_role_policy(RoleName=role, PolicyArn=arn)
