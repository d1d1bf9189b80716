"""Creates keys that AWS manages, such as `alias/aws/dynamodb`, when they are first requested.

https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html: a predefined alias without a key gets one.
https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk
"""

import json
import re
from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack

_KMS, _DYNAMODB = "services.kms", "services.dynamodb"
_ALIAS = re.compile(r"(?:arn:aws:kms:[^:]*:\d{12}:)?(alias/aws/([a-z0-9-]+))")
_LOOKED_AT = ("kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant")
_USED = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey")


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(_KMS, "_alias_arn", "alias_name"),
        Seam(_KMS, "_create_key", "data"),
        Seam("core.responses", "get_account_id", ""),
        Seam("core.responses", "get_region", ""),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(Seam(_KMS, "_resolve_key", "key_id_or_arn"), "keys that AWS manages did not exist", _managed),
        Patch(Seam(_KMS, "_key_metadata", "rec"), "the manager of a key was always the customer", _by_its_manager),
        Patch(
            Seam(_DYNAMODB, "_sse_description_from_spec", "spec"),
            "a table named an alias where AWS names the key, and a key where there is none",
            _by_key,
        ),
    ]


def _managed(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def resolve(key_id_or_arn: str) -> Any:
        found = original(key_id_or_arn)
        named = None if found else _ALIAS.fullmatch(key_id_or_arn or "")
        if named is None:
            return found
        kms: Any = ministack(_KMS)
        made = json.loads(kms._create_key(_request(named[2]))[2])["KeyMetadata"]["KeyId"]
        kms._keys[made]["strata_managed"] = True
        kms._aliases[kms._alias_arn(named[1])] = made
        return kms._keys[made]

    return resolve


def _request(service: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html, and the policies of such keys."""
    responses: Any = ministack("core.responses")
    account, region = responses.get_account_id(), responses.get_region()
    through = {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}
    statements = [
        {
            "Sid": f"Allow access through {service} for all principals in the account that are authorized to use it",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": _USED,
            "Resource": "*",
            "Condition": {"StringEquals": through},
        },
        {
            "Sid": "Allow direct access to key metadata to the account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": _LOOKED_AT,
            "Resource": "*",
        },
    ]
    policy = {"Version": "2012-10-17", "Id": f"auto-{service}-1", "Statement": statements}
    return {
        "Description": f"Default key that protects data of {service} when no other key is defined",
        "Policy": json.dumps(policy),
    }


def _by_its_manager(original: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def metadata(rec: dict[str, Any]) -> dict[str, Any]:
        return {**original(rec), "KeyManager": "AWS"} if rec.get("strata_managed") else original(rec)

    return metadata


def _by_key(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html"""

    def describe(spec: dict[str, Any] | None) -> Any:
        if not spec or not spec.get("Enabled"):
            return None  # an AWS owned key, which is not shown
        named = spec.get("KMSMasterKeyId") or "alias/aws/dynamodb"
        key = ministack(_KMS)._resolve_key(named)
        return original({**spec, "KMSMasterKeyId": key["Arn"] if key else named})

    return describe
