"""Creates the legacy layer identity as Terraform would have left it: GitHub's provider, roles, boundary and key.

`terraform-legacy/identity` declares it; a test compares what is written here with its HCL. As for the other layers,
AWS's resources are made by boto3 and the state is written as Terraform's aws provider writes it:
tests/recorded/terraform-many-families.tfstate has the attributes of most types.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rehearsal.environment.legacy_document import Instance, beside, document
from rehearsal.environment.legacy_state import TABLE, TAGS, Backend, put
from rehearsal.observe.aws_records import AwsRecords

LAYER, STACK, REPOSITORY = "identity", "prod", "strata-example/strata"
PREFIX = f"strata-{STACK}"
DEPLOY, PREVIEW, BOUNDARY = f"{PREFIX}-deploy", f"{PREFIX}-preview", f"{PREFIX}-boundary"
ALIAS = f"alias/{PREFIX}-alarms"
ISSUER = "token.actions.githubusercontent.com"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
HOMELESS = ("aws_iam_role_policy.terraform", "aws_iam_role_policy_attachment.preview")
"""What says what Terraform itself may do, by address."""


def create(aws: AwsRecords, backend: Backend, repository: Path) -> None:
    """Create the layer's resources and write its state beside the data layer's, whose backend is given."""
    layer = Identity(aws, repository / "terraform-legacy/identity")
    put(aws, beside(backend, LAYER), document(layer.instances(), layer.outputs, LAYER, backend))


def without_pipelines(aws: AwsRecords) -> None:
    """Delete in AWS what only Terraform's pipelines need, as `terraform apply` does once it is out of the HCL."""
    iam = aws.client("iam")
    iam.delete_role_policy(RoleName=DEPLOY, PolicyName="terraform")
    iam.detach_role_policy(RoleName=PREVIEW, PolicyArn=READ_ONLY)


@dataclass
class Identity:
    """The layer's resources in AWS, each made when it is first asked for. `hcl`: the layer's folder."""

    aws: AwsRecords
    hcl: Path

    def instances(self) -> list[Instance]:
        """Make the resources, and return them."""
        terraform, attachment = HOMELESS
        found: dict[str, Mapping[str, Any]] = {
            "aws_iam_openid_connect_provider.github": self._provider,
            "aws_iam_policy.boundary": self._boundary,
            "aws_kms_key.alarms": self._key,
            "aws_kms_alias.alarms": self._alias,
            "aws_iam_role.deploy": self._deploy,
            "aws_iam_role.preview": self._preview,
            terraform: self._terraform(),
            attachment: self._attachment(),
        }
        return [Instance(kind, name, found[f"{kind}.{name}"]) for kind, name in (each.split(".") for each in found)]

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Return the layer's root outputs, as its outputs.tf names them."""
        return {
            "boundary_arn": self._boundary["arn"],
            "alarms_key_alias": ALIAS,
            "deploy_role_arn": self._deploy["arn"],
            "preview_role_arn": self._preview["arn"],
        }

    @property
    def _iam(self) -> Any:
        return self.aws.client("iam")

    @cached_property
    def _provider(self) -> dict[str, Any]:
        audiences = ["sts.amazonaws.com"]
        made = self._iam.create_open_id_connect_provider(
            Url=f"https://{ISSUER}", ClientIDList=audiences, Tags=_tags("Key", "Value")
        )
        arn = made["OpenIDConnectProviderArn"]
        # AWS answers the URL without its scheme, and the provider writes that into the state.
        named = {"arn": arn, "id": arn, "url": ISSUER, "client_id_list": audiences, "thumbprint_list": []}
        return {**named, "tags": None, "tags_all": TAGS}

    @cached_property
    def _boundary(self) -> dict[str, Any]:
        policy = self._rendered("boundary.json.tftpl")
        made = self._iam.create_policy(PolicyName=BOUNDARY, PolicyDocument=policy, Tags=_tags("Key", "Value"))
        arn = made["Policy"]["Arn"]
        named = {"arn": arn, "id": arn, "name": BOUNDARY, "path": "/", "description": "", "policy": policy}
        return {**named, "tags": None, "tags_all": TAGS}

    @cached_property
    def _key(self) -> dict[str, Any]:
        kms, policy = self.aws.client("kms"), self._rendered("alarms-key.json.tftpl")
        use = f"encrypts what the alarms of {PREFIX} publish"
        made = kms.create_key(Description=use, Policy=policy, Tags=_tags("TagKey", "TagValue"))["KeyMetadata"]
        kms.enable_key_rotation(KeyId=made["KeyId"])
        return {
            "arn": made["Arn"],
            "id": made["KeyId"],
            "key_id": made["KeyId"],
            "description": use,
            "policy": policy,
            "bypass_policy_lockout_safety_check": False,
            "custom_key_store_id": "",
            "customer_master_key_spec": "SYMMETRIC_DEFAULT",
            "deletion_window_in_days": 30,
            "enable_key_rotation": True,
            "is_enabled": True,
            "key_usage": "ENCRYPT_DECRYPT",
            "multi_region": False,
            "tags": None,
            "tags_all": TAGS,
            "timeouts": None,
        }

    @cached_property
    def _alias(self) -> dict[str, Any]:
        self.aws.client("kms").create_alias(AliasName=ALIAS, TargetKeyId=self._key["key_id"])
        arn = f"arn:aws:kms:{self.aws.region}:{self.aws.account}:{ALIAS}"
        named = {"arn": arn, "id": ALIAS, "name": ALIAS, "name_prefix": ""}
        return {**named, "target_key_id": self._key["key_id"], "target_key_arn": self._key["arn"]}

    @cached_property
    def _deploy(self) -> dict[str, Any]:
        return self._role(DEPLOY, 14400, STACK, {f"{ISSUER}:ref": "refs/heads/main"})

    @cached_property
    def _preview(self) -> dict[str, Any]:
        return self._role(PREVIEW, 3600, "preview", {})

    def _role(self, name: str, longest: int, environment: str, more: Mapping[str, str]) -> dict[str, Any]:
        """Make a role that a job of one of GitHub's environments opens, for sessions of `longest` seconds at most."""
        subject = f"repo:{REPOSITORY}:environment:{environment}"
        asked = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject, **more}
        exchange = {
            "Sid": "Exchange",
            "Effect": "Allow",
            "Action": ["sts:AssumeRoleWithWebIdentity"],
            "Principal": {"Federated": self._provider["arn"]},
            "Condition": {"StringEquals": asked},
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [exchange]})
        made = self._iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust, MaxSessionDuration=longest, Tags=_tags("Key", "Value")
        )["Role"]
        return {
            "arn": made["Arn"],
            "id": name,
            "name": name,
            "path": "/",
            "description": "",
            "assume_role_policy": trust,
            "force_detach_policies": False,
            "max_session_duration": longest,
            "permissions_boundary": "",
            "tags": None,
            "tags_all": TAGS,
        }

    def _terraform(self) -> dict[str, Any]:
        bucket = f"arn:aws:s3:::strata-terraform-state-{STACK}"
        services = ("apigateway", "cloudwatch", "codedeploy", "dynamodb", "iam", "kms", "lambda", "logs", "sns")
        layers = {
            "Sid": "Layers",
            "Effect": "Allow",
            "Action": [f"{service}:*" for service in services],
            "Resource": ["*"],
        }
        states = {
            "Sid": "States",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            "Resource": [bucket, f"{bucket}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [layers, states]})
        role = self._deploy["name"]
        self._iam.put_role_policy(RoleName=role, PolicyName="terraform", PolicyDocument=policy)
        return {"id": f"{role}:terraform", "name": "terraform", "name_prefix": "", "role": role, "policy": policy}

    def _attachment(self) -> dict[str, Any]:
        role = self._preview["name"]
        self._iam.attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)
        return {"id": f"{role}-20261129024746082900000001", "role": role, "policy_arn": READ_ONLY}

    def _rendered(self, template: str) -> str:
        """Return a policy as `templatefile` of the layer's HCL renders it."""
        values = {
            "account_id": self.aws.account,
            "region": self.aws.region,
            "environment": STACK,
            "prefix": PREFIX,
            "table": TABLE,
        }
        return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], (self.hcl / template).read_text())


def _tags(key: str, value: str) -> list[dict[str, str]]:
    """Return Terraform's default tags as a service's API takes them, under its own names."""
    return [{key: name, value: text} for name, text in TAGS.items()]
