"""Fingerprint published versions: the same fingerprint is the same release.

The *fingerprint* hashes a version's code and everything that it does not share with other versions; the *contract*
hashes the same with what differs by stack replaced by its key, so that a release can be followed from stack to stack.
Both read what GetFunctionConfiguration(Qualifier=version) reports:
https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.release.model.observation import Version

# Lambda publishes these with a version. Not its description, which runs nothing, nor the patch of the runtime, which
# AWS chooses and not the release.
PUBLISHED = (
    "Architectures",
    "CodeSha256",
    "DeadLetterConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "Handler",
    "ImageConfigResponse",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "SnapStart",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)
# Of those, what names things of one stack and account.
BY_STACK = ("DeadLetterConfig", "FileSystemConfigs", "KMSKeyArn", "Role", "VpcConfig")


def version(configuration: Mapping[str, Any]) -> Version:
    """Return the version that a GetFunctionConfiguration answer describes."""
    published = _published(configuration)
    return Version(
        number=configuration["Version"],
        fingerprint=_hash(published),
        digest=configuration["CodeSha256"],
        contract=_hash(_contract(published)),
        published=dict(_flat(published)),
    )


def next_version(live: Mapping[str, Any], declared: Mapping[str, Any]) -> Version:
    """Return the version that will be published: `live`, a GetFunctionConfiguration answer, with what is `declared`."""
    return version({**live, **declared, "Version": ""})


def changes(before: Version, after: Version) -> list[str]:
    """Return the differences of two versions: "code", and keys of the configuration, never their values."""
    keys = sorted({*before.published, *after.published})
    changed = [key for key in keys if before.published.get(key) != after.published.get(key)]
    return ["code" if key == "CodeSha256" else key for key in changed]


def _published(configuration: Mapping[str, Any]) -> dict[str, Any]:
    published: dict[str, Any] = {key: configuration[key] for key in PUBLISHED if key in configuration}
    if "Layers" in published:  # their sizes say nothing that their ARNs do not
        published["Layers"] = [layer["Arn"] for layer in published["Layers"]]
    if "SnapStart" in published:  # its OptimizationStatus comes and goes
        published["SnapStart"] = published["SnapStart"].get("ApplyOn")
    variables: dict[str, str] = published.pop("Environment", {}).get("Variables", {})
    # A variable that is set to nothing is not one left out, so the variables stay as they are.
    return {**_without_blanks(published), "Environment": variables}


def _flat(published: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value as text, by its path."""
    for key, value in published.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value if isinstance(value, str) else json.dumps(value)


def _contract(published: Mapping[str, Any]) -> dict[str, Any]:
    contract: dict[str, Any] = {key: key if key in BY_STACK else value for key, value in published.items()}
    contract["Environment"] = sorted(contract["Environment"])
    if "Layers" in contract:  # arn:aws:lambda:region:account:layer:name:version
        contract["Layers"] = [arn.split(":layer:")[-1] for arn in contract["Layers"]]
    if "LoggingConfig" in contract:
        contract["LoggingConfig"] = {**contract["LoggingConfig"], "LogGroup": "LogGroup"}
    return contract


def _without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without what Lambda now reports as empty and now leaves out."""
    kept = {key: _without_blanks(each) if isinstance(each, Mapping) else each for key, each in values.items()}
    return {key: each for key, each in kept.items() if each not in ("", None, [], {})}


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
