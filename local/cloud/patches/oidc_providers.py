"""Tags an OIDC provider, which ministack does only when it creates one.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagOpenIDConnectProvider.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagOpenIDConnectProvider.html
"""

from collections.abc import Callable
from typing import Any

from local.cloud.ministack import Patch, Seam, ministack

_IAM = "services.iam"
Operation = Callable[[Any], Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(_IAM, "_p", "params key default"),
        Seam(_IAM, "_error", "status code message ns"),
        Seam(_IAM, "_extract_tags", "p"),
        Seam(_IAM, "_extract_tag_keys", "p"),
        Seam(_IAM, "_xml", "status root_tag inner ns"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    return [
        Patch(Seam(_IAM, "_list_oidc_providers", "p"), "the tags of a provider could not be changed", _with_tags),
    ]


def _with_tags(original: Operation) -> Operation:
    """Put the operations beside the original one into ministack's table, and leave that one as it is."""
    service: Any = ministack(_IAM)
    service._IAM_HANDLERS |= {
        "TagOpenIDConnectProvider": lambda p: _tagged(p, "TagOpenIDConnectProvider"),
        "UntagOpenIDConnectProvider": lambda p: _tagged(p, "UntagOpenIDConnectProvider"),
    }
    return original


def _tagged(p: Any, action: str) -> Any:
    """Give a provider the tags of a request, or take those from it whose keys the request has."""
    iam: Any = ministack(_IAM)
    arn = iam._p(p, "OpenIDConnectProviderArn")
    provider = iam._oidc_providers.get(arn)
    if provider is None:
        return iam._error(404, "NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}", ns="iam")
    tags = {each["Key"]: each for each in provider["Tags"]} | {each["Key"]: each for each in iam._extract_tags(p)}
    gone = iam._extract_tag_keys(p)
    provider["Tags"] = [each for key, each in tags.items() if key not in gone]
    return iam._xml(200, f"{action}Response", "", ns="iam")
