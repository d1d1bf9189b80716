"""Patches of ministack's S3: buckets that their policy opens to another account."""

from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack

_LENT = Seam(
    "services.s3", "_foreign_bucket_allows", "owner_account bucket_name key method query_params caller headers"
)
_FETCHED = Seam("services.lambda_svc", "_fetch_code_from_s3", "bucket key version_id")


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam("core.iam_evaluator", "pin_request_origin", "source_ip secure_transport"),
        Seam("core.responses", "get_account_id", ""),
        Seam("core.responses", "get_region", ""),
        Seam("core.responses", "request_scope", "account_id region"),
        Seam("services.s3", "_bucket_owner_account", "name"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(_LENT, "a loopback stands for what is TLS on AWS, and policies deny what is not", _over_tls),
        Patch(_FETCHED, "Lambda found no code in a bucket of another account, which AWS lets it read", _wherever),
    ]


def _over_tls(original: Callable[..., bool]) -> Callable[..., bool]:
    def allows(*arguments: Any, **named: Any) -> bool:
        ministack("core.iam_evaluator").pin_request_origin("127.0.0.1", True)
        return original(*arguments, **named)

    return allows


def _wherever(original: Callable[..., bytes | None]) -> Callable[..., bytes | None]:
    """Find the bucket of a function's code in any account:
    https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCode.html"""

    def fetched(bucket: str, key: str, version_id: str | None = None) -> bytes | None:
        s3, responses = ministack("services.s3"), ministack("core.responses")
        owner, caller = s3._bucket_owner_account(bucket), responses.get_account_id()
        if owner in {None, caller}:
            return original(bucket, key, version_id)
        version = {"versionId": version_id} if version_id else {}
        if not s3._foreign_bucket_allows(owner, bucket, key, "GET", version, caller):
            return None
        with responses.request_scope(owner, responses.get_region()):
            return original(bucket, key, version_id)

    return fetched
