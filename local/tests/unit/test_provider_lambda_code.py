"""The stand-in of Lambda's functions sees code that was edited in AWS's console, as the provider does by codeSha256."""

from typing import Any, cast

import pytest

from local.providers.assets import Assets
from local.providers.aws.lambda_ import Function
from local.providers.resource import Aws

GIVEN = {"name": "orders", "publish": True, "s3Bucket": "b", "s3Key": "k", "s3ObjectVersion": "v", "codeSha256": "new="}


class Client:
    """Lambda, which notes what it is asked to change."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> dict[str, Any]:
            self.calls.append((name, given))
            return {"State": "Active", "LastUpdateStatus": "Successful"}

        return call


@pytest.mark.parametrize(("changed", "uploads"), [("codeSha256", True), ("s3Key", True), ("skipDestroy", False)])
def test_code_that_is_not_what_was_given_is_uploaded_again_and_published(changed: str, *, uploads: bool) -> None:
    client, function = Client(), Function(cast(Assets, None))
    aws = cast(Aws, lambda _: client)
    function.update(aws, "orders", {**GIVEN, changed: "old"}, GIVEN, frozenset({changed}))
    done = [name for name, _ in client.calls if name in {"update_function_code", "publish_version"}]
    assert done == (["update_function_code", "publish_version"] if uploads else [])
    assert ("version" in function.unknown_after(GIVEN, frozenset({changed}))) is uploads
    if uploads:
        wanted = {"FunctionName": "orders", "S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"}
        assert ("update_function_code", wanted) in client.calls
