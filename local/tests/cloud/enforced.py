"""A cloud that enforces IAM's policies, and roles in it with exactly the rights that a test gives them."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import Cloud, start_cloud, stop_cloud
from local.tests.cloud.tokens import GITHUB, NAMED, STS_AUDIENCE, Federation, keys

Json = dict[str, Any]
REFUSALS = ("AccessDenied", "AccessDeniedException")


def allow(action: str | Sequence[str], resource: str | Sequence[str] = "*", **more: Any) -> Json:
    """Return a statement; `more` is its Sid, its Condition, or another Effect."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: Json) -> str:
    """Return a policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Account(Federation):
    """An account of its own; its administrator is the bare account id."""

    def __init__(self, cloud: Cloud, account: str) -> None:
        super().__init__(cloud, account)
        self._names = (f"role-{number}" for number in itertools.count(1))

    def admin(self, service: str) -> Any:
        """Return a client with the administrator's key."""
        return self.cloud.client(service, self.account)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in the account and the tests' region."""
        return f"arn:aws:{service}:eu-central-1:{self.account}:{resource}"

    def session(self, *statements: Json, boundary: str = "", **options: Any) -> Callable[[str], Any]:
        """Makes clients of a new role with one policy, named `rights`; the session is one of a web identity."""
        name = next(self._names)
        limit: Json = {"PermissionsBoundary": boundary} if boundary else {}
        role = self.role(name, GITHUB, STS_AUDIENCE, NAMED, **limit)
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document(*statements))
        given = keys(self.assume(role, self.issued(), **options)["Credentials"])
        return lambda service: self.cloud.client(service, "", keys=given)

    def service_role(self, name: str, service: str, *statements: Json) -> str:
        """Return the ARN of a role for an AWS service."""
        trusted = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trusted))["Role"]["Arn"]
        self.grant(name, *statements)
        return str(arn)

    def grant(self, name: str, *statements: Json) -> None:
        """Give a role these rights in place of those it had."""
        if statements:
            self.iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document(*statements))

    def decisions(self) -> list[Json]:
        """Return the recorded decisions of this account's roles."""
        _, answer = self.cloud.control("GET", "decisions")
        return [entry for entry in answer["decisions"] if f":{self.account}:" in entry["caller"]]


def refusal(call: Callable[[], Any]) -> str:
    """Return the sentence with which a call is denied; empty if it is not denied, even if it fails otherwise."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSALS:
            return str(error.response["Error"]["Message"])
    return ""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One that enforces."""
    process, running = start_cloud(tmp_path_factory.mktemp("cloud"), "--enforce")
    yield running
    stop_cloud(process)


@pytest.fixture
def own(cloud: Cloud, account: str) -> Account:
    """A fresh account."""
    return Account(cloud, account)
