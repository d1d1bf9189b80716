"""The stand-in for `pulumi-resource-terraform`: the root outputs of a Terraform state, from S3 or from a file.

Its errors are worded as those of the real one, which is Terraform 1.5.7's own backends:
https://developer.hashicorp.com/terraform/language/v1.5.x/settings/backends/s3
"""

import json
import os
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]

from local.providers.resource import ProviderError, error_code
from local.providers.server import Plugin
from local.providers.settings import loopback
from local.providers.wire import Bag

_S3 = frozenset(
    {
        "accessKey",
        "bucket",
        "encrypt",
        "endpoint",
        "forcePathStyle",
        "iamEndpoint",
        "key",
        "maxRetries",
        "region",
        "secretKey",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "stsEndpoint",
        "token",
        "workspace",
        "workspaceKeyPrefix",
    }
)
_DEFAULT = "default"
_TERRAFORM = "1.5.7"
_NOT_FOUND = "remote state not found"


class TerraformPlugin(Plugin):
    """`getS3Reference` and `getLocalReference`. `project`: the folder in which a relative state path starts."""

    package = "terraform"
    version = "6.1.0"

    def __init__(self, project: Path) -> None:
        self.functions = {
            "terraform:state:getS3Reference": (_S3, s3_reference),
            "terraform:state:getLocalReference": (
                frozenset({"path", "workspaceDir"}),
                lambda _, arguments: {"outputs": outputs(_file(project / arguments.get("path", "terraform.tfstate")))},
            ),
        }

    def remedy(self, token: str) -> str:
        return "add it in local/providers/terraform.py"


def s3_reference(_: Any, arguments: Bag) -> Bag:
    """Return the outputs of the state in a bucket, for the requested workspace."""
    for required in ("bucket", "key"):
        if not arguments.get(required):
            raise ProviderError(f'error preparing config: The "{required}" attribute value must not be empty.')
    workspace = arguments.get("workspace") or _DEFAULT
    key = arguments["key"]
    if workspace != _DEFAULT:
        key = f"{arguments.get('workspaceKeyPrefix') or 'env:'}/{workspace}/{key}"
    return {"outputs": outputs(_object(_client(arguments), arguments["bucket"], key, workspace))}


def outputs(state: bytes) -> Bag:
    """Return the root outputs of a state file, sensitive or not. Raises ProviderError if it is empty or not version
    4."""
    if not state.strip():
        raise ProviderError(_NOT_FOUND)
    unsupported = "error refreshing Terraform state: Unsupported state file format: "
    try:
        document = json.loads(state)
    except ValueError as error:
        raise ProviderError(f"{unsupported}The state file could not be parsed as JSON: {error}.") from error
    if not isinstance(document, dict) or "version" not in document:
        missing = (
            'The state file does not have a "version" attribute, which is required to identify the format version.'
        )
        raise ProviderError(unsupported + missing)
    version = document["version"]
    if version != 4:
        newer = isinstance(version, int) and version > 4
        older = "The stand-in reads version 4 only: let `terraform apply -refresh-only` rewrite it."
        reason = "This state file may have been created by a newer version of Terraform." if newer else older
        raise ProviderError(
            f"{unsupported}The state file uses format version {version}, which is not supported by "
            f"Terraform {_TERRAFORM}. {reason}"
        )
    return {name: output.get("value") for name, output in document.get("outputs", {}).items()}


def _client(arguments: Bag) -> Any:
    """Return the S3 client of the backend's endpoint, by default AWS_ENDPOINT_URL, and never off this machine."""
    region = arguments.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ProviderError('error in backend configuration: The "region" attribute value must not be empty.')
    endpoint = arguments.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL", "")
    style = {"addressing_style": "path" if arguments.get("forcePathStyle") else "auto"}
    return boto3.session.Session().client(
        "s3",
        region_name=region,
        endpoint_url=loopback(endpoint, "the state's endpoint"),
        aws_access_key_id=arguments.get("accessKey"),
        aws_secret_access_key=arguments.get("secretKey"),
        aws_session_token=arguments.get("token"),
        config=Config(s3=style, proxies={}, retries={"total_max_attempts": 2}, connect_timeout=5),
    )


def _object(client: Any, bucket: str, key: str, workspace: str) -> bytes:
    try:
        return bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except Exception as error:
        code = error_code(error)
        if code == "NoSuchKey" and workspace != _DEFAULT:
            return b'{"version": 4}'  # Terraform creates a missing workspace, which is then empty
        if code == "NoSuchKey":
            raise ProviderError(_NOT_FOUND) from error
        if code == "NoSuchBucket":
            raise ProviderError(
                f"error constructing backend state manager: S3 bucket {bucket!r} does not exist.\n\n"
                f"The referenced S3 bucket must have been previously created.\n\nError: {error}"
            ) from error
        if code or type(error).__module__.startswith("botocore"):
            raise ProviderError(f"error refreshing Terraform state: {error}") from error
        raise


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ProviderError(_NOT_FOUND) from error
    except OSError as error:
        raise ProviderError(f"error refreshing Terraform state: {error}") from error
