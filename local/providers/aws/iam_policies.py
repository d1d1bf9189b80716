"""Managed policies, and the issuers whose tokens an account accepts.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html
"""

import json

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
)
from local.providers.wire import Bag

_MOST_VERSIONS = 5  # of a managed policy


class Policy(Resource):
    """A managed policy. Its id is its ARN. A change is a new version, the oldest of five making room for it."""

    kind = "aws:iam/policy:Policy"
    service = "iam"
    label = "IAM Policy"
    regional = False
    tagged = True
    fields = props(
        name=Field(replaces=True, api="PolicyName"),
        description=Field(replaces=True, zero=""),
        path=Field(default="/", replaces=True),
        policy=Field(required=True, form=policy_text, kept=sorted_text, api="PolicyDocument"),
    )
    outputs = ("arn", "attachmentCount", "policyId")
    also = unset(namePrefix="")

    def locate(self, identity: str) -> Bag:
        return {}

    def create(self, aws: Aws, new: Bag) -> str:
        answer = aws("iam").create_policy(**to_api(self.own, new, pascal), Tags=pairs(new["tagsAll"]))
        return str(answer["Policy"]["Arn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        client = aws("iam")
        found = client.get_policy(PolicyArn=identity)["Policy"]
        version = client.get_policy_version(PolicyArn=identity, VersionId=found["DefaultVersionId"])["PolicyVersion"]
        document = version["Document"]
        bag = {
            "name": found["PolicyName"],
            "description": found.get("Description"),
            "path": found["Path"],
            "policy": document if isinstance(document, str) else json.dumps(document),
            "arn": identity,
            "attachmentCount": found["AttachmentCount"],
            "policyId": found["PolicyId"],
            "tags": unpaired(found.get("Tags")),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        client = aws("iam")
        versions = client.list_policy_versions(PolicyArn=identity)["Versions"]
        if len(versions) >= _MOST_VERSIONS:
            oldest = min(
                (each for each in versions if not each["IsDefaultVersion"]), key=lambda each: each["CreateDate"]
            )
            client.delete_policy_version(PolicyArn=identity, VersionId=oldest["VersionId"])
        client.create_policy_version(PolicyArn=identity, PolicyDocument=new["policy"], SetAsDefault=True)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("iam").untag_policy(PolicyArn=state["arn"], TagKeys=gone)
        if tags:
            aws("iam").tag_policy(PolicyArn=state["arn"], Tags=pairs(tags))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        client = aws("iam")
        for each in client.list_policy_versions(PolicyArn=identity)["Versions"]:
            if not each["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=identity, VersionId=each["VersionId"])
        client.delete_policy(PolicyArn=identity)


class OpenIdConnectProvider(Resource):
    """An issuer and the audiences of its tokens. Its id is its ARN."""

    kind = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service = "iam"
    label = "IAM OIDC Provider"
    regional = False
    name = None
    tagged = True
    fields = props(
        url=Field(required=True, replaces=True, form=lambda value: str(value).removeprefix("https://")),
        clientIdLists=Field(required=True, unordered=True),
        thumbprintLists=Field(computed=True, zero=[]),
    )
    outputs = ("arn",)

    def locate(self, identity: str) -> Bag:
        return {}

    def create(self, aws: Aws, new: Bag) -> str:
        thumbprints = {"ThumbprintList": new["thumbprintLists"]} if new.get("thumbprintLists") else {}
        answer = aws("iam").create_open_id_connect_provider(
            Url=new["url"], ClientIDList=new["clientIdLists"], Tags=pairs(new["tagsAll"]), **thumbprints
        )
        return str(answer["OpenIDConnectProviderArn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=identity)
        bag = {
            "url": found["Url"],
            "clientIdLists": found["ClientIDList"],
            "thumbprintLists": found.get("ThumbprintList", []),
            "arn": identity,
            "tags": unpaired(found.get("Tags")),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        client, before, after = aws("iam"), set(old["clientIdLists"]), set(new["clientIdLists"])
        for audience in sorted(after - before):
            client.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=identity, ClientID=audience)
        for audience in sorted(before - after):
            client.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=identity, ClientID=audience)
        if "thumbprintLists" in changed:
            client.update_open_id_connect_provider_thumbprint(
                OpenIDConnectProviderArn=identity, ThumbprintList=new["thumbprintLists"]
            )

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("iam").untag_open_id_connect_provider(OpenIDConnectProviderArn=state["arn"], TagKeys=gone)
        if tags:
            aws("iam").tag_open_id_connect_provider(OpenIDConnectProviderArn=state["arn"], Tags=pairs(tags))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=identity)
