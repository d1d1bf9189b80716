"""Creates the legacy layers compute, observability and delivery as Terraform would have left them.

`terraform-legacy/` declares them; a test compares what is written here with its HCL. As for the data layer
(`legacy_state`), AWS's resources are made by boto3 and the states are written as Terraform's aws provider writes them:
tests/recorded/terraform-many-families.tfstate has the attributes of each type.
"""

import io
import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.codedeploy import ROLLBACK_EVENTS
from rehearsal.environment import legacy_http, legacy_metrics
from rehearsal.environment.legacy_document import LAYERS, Instance, beside, document
from rehearsal.environment.legacy_http import log_group
from rehearsal.environment.legacy_state import TABLE, TAGS, Backend, put
from rehearsal.observe.aws_records import AwsRecords

PREFIX, FUNCTION, ALIAS, VERSION = "strata-prod", "strata-prod-orders", "live", "1"
MEMORY, TIMEOUT = 1024, 10
ENVIRONMENT = {"TABLE_NAME": TABLE, "NODE_OPTIONS": "--enable-source-maps"}


def create(aws: AwsRecords, backend: Backend, repository: Path) -> None:
    """Create the resources of all three layers and write their states.

    `backend` is that of the data layer, whose table exists; the states lie beside its state.
    """
    made = Functions(aws, package(repository))
    for layer in LAYERS:
        found = document(made.instances(layer), made.outputs(layer), layer, backend)
        put(aws, beside(backend, layer), found)


def package(repository: Path) -> bytes:
    """Return the zip of the layer's function, as `npm run build` makes it.

    The SDK is in the zip, since no AWS is here whose runtime has it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html
    """
    esbuild = repository / "app/node_modules/.bin/esbuild"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "handler.js"
        subprocess.run(
            [
                *(str(esbuild), "src/handler.ts", "--bundle", "--platform=node", "--target=node22"),
                *("--log-level=error", f"--outfile={file}"),
            ],
            cwd=repository / "terraform-legacy/compute",
            env={"PATH": os.environ["PATH"], "NODE_PATH": str(repository / "app/fulfilment/node_modules")},
            check=True,
        )
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.write(file, "handler.js")
    return buffer.getvalue()


@dataclass
class Functions:
    """The three layers' resources in AWS. Each is made when its layer's instances are first asked for."""

    aws: AwsRecords
    package: bytes

    def instances(self, layer: str) -> list[Instance]:
        """Make the resources of a layer, and return them."""
        return {"compute": self._compute, "observability": self._observability, "delivery": self._delivery}[layer]()

    def outputs(self, layer: str) -> dict[str, str]:
        """Return the layer's root outputs, as its outputs.tf names them."""
        arn = self._function
        return {
            "compute": {
                "alias": ALIAS,
                "alias_arn": f"{arn}:{ALIAS}",
                "api_id": self._api.id,
                "api_stage": "$default",
                "api_url": self._api.url,
                "function_arn": arn,
                "function_name": FUNCTION,
                "function_version": VERSION,
                "invoke_arn": self._invoked,
            },
            "observability": {
                "dashboard": PREFIX,
                "error_alarm": legacy_metrics.ERRORS,
                "log_group": f"/aws/lambda/{FUNCTION}",
                "throttle_alarm": legacy_metrics.THROTTLES,
                "topic_arn": self._topic,
            },
            "delivery": {
                "application": PREFIX,
                "deployment_config": f"{PREFIX}-canary-20-10",
                "deployment_group": FUNCTION,
            },
        }[layer]

    @property
    def _place(self) -> str:
        return f"{self.aws.region}:{self.aws.account}"

    @property
    def _function(self) -> str:
        return f"arn:aws:lambda:{self._place}:function:{FUNCTION}"

    @property
    def _topic(self) -> str:
        return f"arn:aws:sns:{self._place}:{PREFIX}-alarms"

    @property
    def _invoked(self) -> str:
        path = f"path/2015-03-31/functions/{self._function}:{ALIAS}/invocations"
        return f"arn:aws:apigateway:{self.aws.region}:lambda:{path}"

    @cached_property
    def _api(self) -> legacy_http.Api:
        return legacy_http.create(self.aws, self._invoked)

    @cached_property
    def _boundary(self) -> str:
        return f"arn:aws:iam::{self.aws.account}:policy/{PREFIX}-boundary"

    def _compute(self) -> list[Instance]:
        module, functions = "module.orders", self.aws.client("lambda")
        role, policy = self._role(f"{FUNCTION}-execution", "lambda", "calls", self._calls())
        code = functions.create_function(
            FunctionName=FUNCTION,
            Role=role["arn"],
            Code={"ZipFile": self.package},
            Handler="handler.handler",
            Runtime="nodejs22.x",
            Architectures=["x86_64"],
            MemorySize=MEMORY,
            Timeout=TIMEOUT,
            Publish=True,
            Environment={"Variables": ENVIRONMENT},
            TracingConfig={"Mode": "PassThrough"},
            Tags=TAGS,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
        functions.create_alias(FunctionName=FUNCTION, Name=ALIAS, FunctionVersion=VERSION)
        function = {
            "arn": self._function,
            "id": FUNCTION,
            "function_name": FUNCTION,
            "role": role["arn"],
            "handler": "handler.handler",
            "runtime": "nodejs22.x",
            "architectures": ["x86_64"],
            "memory_size": MEMORY,
            "timeout": TIMEOUT,
            "publish": True,
            "filename": "dist/orders.zip",
            "source_code_hash": code["CodeSha256"],
            "environment": [{"variables": ENVIRONMENT}],
            "tracing_config": [{"mode": "PassThrough"}],
            "version": VERSION,
            "reserved_concurrent_executions": -1,
            "tags": None,
            "tags_all": TAGS,
        }
        alias = {
            "arn": f"{self._function}:{ALIAS}",
            "id": f"{self._function}:{ALIAS}",
            "name": ALIAS,
            "description": "",
            "function_name": FUNCTION,
            "function_version": VERSION,
            "invoke_arn": self._invoked,
            "routing_config": [],
        }
        return [
            Instance("aws_iam_role", "execution", role, module),
            Instance("aws_iam_role_policy", "calls", policy, module),
            Instance("aws_lambda_function", "this", function, module),
            Instance("aws_lambda_alias", "live", alias, module),
            *self._api.instances,
        ]

    def _observability(self) -> list[Instance]:
        sns = self.aws.client("sns")
        policy = json.dumps(
            _document(
                {
                    "Sid": "Alarms",
                    "Effect": "Allow",
                    "Action": ["sns:Publish"],
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Resource": [self._topic],
                    "Condition": {"StringEquals": {"aws:SourceAccount": self.aws.account}},
                }
            )
        )
        key = f"alias/{PREFIX}-alarms"
        sns.create_topic(Name=f"{PREFIX}-alarms", Attributes={"KmsMasterKeyId": key, "Policy": policy}, Tags=_tags())
        topic = {
            "arn": self._topic,
            "id": self._topic,
            "name": f"{PREFIX}-alarms",
            "kms_master_key_id": key,
            "policy": policy,
            "tags": None,
            "tags_all": TAGS,
        }
        alarms = legacy_metrics.create(self.aws, self._topic, self._api.id)
        body = legacy_metrics.create_dashboard(self.aws)
        return [
            Instance("aws_cloudwatch_log_group", "orders", log_group(self.aws, f"/aws/lambda/{FUNCTION}", 90)),
            Instance("aws_sns_topic", "alarms", topic),
            *(Instance("aws_cloudwatch_metric_alarm", name, attributes) for name, attributes in alarms.items()),
            Instance(
                "aws_cloudwatch_dashboard", "this", {"id": PREFIX, "dashboard_name": PREFIX, "dashboard_body": body}
            ),
        ]

    def _delivery(self) -> list[Instance]:
        codedeploy, curve = self.aws.client("codedeploy"), f"{PREFIX}-canary-20-10"
        application = codedeploy.create_application(applicationName=PREFIX, computePlatform="Lambda", tags=_tags())[
            "applicationId"
        ]
        codedeploy.create_deployment_config(
            deploymentConfigName=curve,
            computePlatform="Lambda",
            trafficRoutingConfig={
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": 20, "canaryInterval": 10},
            },
        )
        role, policy = self._role(f"{PREFIX}-codedeploy", "codedeploy", "deployments", self._deployments())
        alarm = legacy_metrics.ERRORS
        group = codedeploy.create_deployment_group(
            applicationName=PREFIX,
            deploymentGroupName=FUNCTION,
            deploymentConfigName=curve,
            serviceRoleArn=role["arn"],
            deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
            autoRollbackConfiguration={"enabled": True, "events": list(ROLLBACK_EVENTS)},
            alarmConfiguration={"enabled": True, "alarms": [{"name": alarm}]},
            tags=_tags(),
        )["deploymentGroupId"]
        canary = {"percentage": 20, "interval": 10}
        return [
            Instance(
                "aws_codedeploy_app",
                "this",
                {
                    "id": f"{application}:{PREFIX}",
                    "application_id": application,
                    "arn": f"arn:aws:codedeploy:{self._place}:application:{PREFIX}",
                    "name": PREFIX,
                    "compute_platform": "Lambda",
                    "tags": None,
                    "tags_all": TAGS,
                },
            ),
            Instance(
                "aws_codedeploy_deployment_config",
                "canary",
                {
                    "id": curve,
                    "deployment_config_name": curve,
                    "compute_platform": "Lambda",
                    "traffic_routing_config": [
                        {"type": "TimeBasedCanary", "time_based_canary": [canary], "time_based_linear": []}
                    ],
                },
            ),
            Instance("aws_iam_role", "codedeploy", role),
            Instance("aws_iam_role_policy", "deployments", policy),
            Instance(
                "aws_codedeploy_deployment_group",
                "orders",
                {
                    "id": group,
                    "deployment_group_id": group,
                    "arn": f"arn:aws:codedeploy:{self._place}:deploymentgroup:{PREFIX}/{FUNCTION}",
                    "app_name": PREFIX,
                    "deployment_group_name": FUNCTION,
                    "deployment_config_name": curve,
                    "service_role_arn": role["arn"],
                    "deployment_style": [
                        {"deployment_type": "BLUE_GREEN", "deployment_option": "WITH_TRAFFIC_CONTROL"}
                    ],
                    "auto_rollback_configuration": [{"enabled": True, "events": sorted(ROLLBACK_EVENTS)}],
                    "alarm_configuration": [{"enabled": True, "alarms": [alarm], "ignore_poll_alarm_failure": False}],
                    "tags": None,
                    "tags_all": TAGS,
                },
            ),
        ]

    def _role(self, name: str, service: str, policy: str, body: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make a role with one policy; return the attributes of both."""
        iam = self.aws.client("iam")
        trust = json.dumps(
            _document(
                {
                    "Sid": "Assume",
                    "Effect": "Allow",
                    "Action": ["sts:AssumeRole"],
                    "Principal": {"Service": f"{service}.amazonaws.com"},
                    "Condition": {"StringEquals": {"aws:SourceAccount": self.aws.account}},
                }
            )
        )
        made = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=trust,
            PermissionsBoundary=self._boundary,
            Tags=_tags(),
        )["Role"]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=body)
        attributes = {
            "arn": made["Arn"],
            "id": name,
            "name": name,
            "path": "/",
            "assume_role_policy": trust,
            "permissions_boundary": self._boundary,
            "max_session_duration": 3600,
            "tags": None,
            "tags_all": TAGS,
        }
        return attributes, {"id": f"{name}:{policy}", "name": policy, "role": name, "policy": body}

    def _calls(self) -> str:
        items = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
        via = {"StringEquals": {"kms:ViaService": [f"dynamodb.{self.aws.region}.amazonaws.com"]}}
        log = f"arn:aws:logs:{self._place}:log-group:/aws/lambda/{FUNCTION}:*"
        return json.dumps(
            _document(
                _allow("Orders", items, [f"arn:aws:dynamodb:{self._place}:table/{TABLE}"]),
                {**_allow("Keys", ["kms:Decrypt"], [f"arn:aws:kms:{self._place}:key/*"]), "Condition": via},
                _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [log]),
            )
        )

    def _deployments(self) -> str:
        aliases = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        return json.dumps(
            _document(
                _allow("Alarms", ["cloudwatch:DescribeAlarms"], ["*"]),
                _allow("Aliases", aliases, [self._function, f"{self._function}:*"]),
            )
        )


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _tags() -> list[dict[str, str]]:
    """Return Terraform's default tags as a service's API takes them."""
    return [{"Key": name, "Value": text} for name, text in TAGS.items()]
