"""The tags of an OIDC provider, which change after it was created."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

URL = "https://idp.example"


@pytest.fixture
def iam(client: Callable[[str], Any]) -> Any:
    return client("iam")


def tags(iam: Any, arn: str) -> dict[str, str]:
    found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Tags"]
    return {each["Key"]: each["Value"] for each in found}


def test_tags_are_added_changed_and_taken_away(iam: Any) -> None:
    given = [{"Key": "team", "Value": "shop"}, {"Key": "by", "Value": "terraform"}]
    made = iam.create_open_id_connect_provider(Url=URL, ClientIDList=["x"], Tags=given)
    arn = made["OpenIDConnectProviderArn"]
    changed = [{"Key": "by", "Value": "pulumi"}, {"Key": "stack", "Value": "prod"}]
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=changed)
    assert tags(iam, arn) == {"team": "shop", "by": "pulumi", "stack": "prod"}
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["team", "stack", "never"])
    assert tags(iam, arn) == {"by": "pulumi"}


@pytest.mark.parametrize("operation", ["tag", "untag"])
def test_a_provider_that_is_not_there_has_no_tags(iam: Any, account: str, operation: str) -> None:
    arn = f"arn:aws:iam::{account}:oidc-provider/idp.example"
    given: dict[str, Any] = {"Tags": [{"Key": "a", "Value": "b"}]} if operation == "tag" else {"TagKeys": ["a"]}
    with pytest.raises(ClientError) as caught:
        getattr(iam, f"{operation}_open_id_connect_provider")(OpenIDConnectProviderArn=arn, **given)
    assert caught.value.response["Error"]["Code"] == "NoSuchEntity"
