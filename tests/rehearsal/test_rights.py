"""IAM denies what a token does not permit: to the deploy role beyond its stack, to the preview role any change."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from infra.naming import AwsLocation, Names, Shared
from infra.permissions import boundary_arn
from rehearsal.environment.oidc import OidcJob
from rehearsal.environment.sandbox import STACK, Sandbox
from rehearsal.release import enforced

PROD, STAGING = Names("strata", "prod"), Names("strata", "staging")
PLACE = AwsLocation("aws", "eu-central-1", "333333333333")
BUCKET = Shared("strata").state_bucket(PLACE)
AN_HOUR = 3600  # simulated seconds, the longest session of these roles
FACTOR = 10  # nothing here waits for simulated time, and a session lasts the longer
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}  # the last: S3's, without a body
SERVICES = ("apigatewayv2", "cloudwatch", "codedeploy", "dynamodb", "iam", "kms", "lambda", "logs", "s3", "sns", "ssm")
# Names of calls that change nothing begin with these. All other calls are tried.
READING = (
    *("BatchGet", "Check", "Describe", "Decrypt", "DeriveSharedSecret", "Encrypt", "Export", "Filter", "Generate"),
    *("Get", "Head", "List", "Query", "ReEncrypt", "Scan", "Select", "Sign", "Simulate", "Test", "Verify"),
)
OURS = {  # a value for each parameter that names a resource: resources that exist and that the role may read
    "Alias": "live",
    "AliasName": "alias/strata-secrets",
    "Bucket": BUCKET,
    "FunctionName": PROD.function("orders"),
    "RoleName": PROD.preview_role,
    "TableName": "orders-prod",
    "applicationName": PROD.application,
    "currentDeploymentGroupName": PROD.deployment_group("orders"),
    "deploymentGroupName": PROD.deployment_group("orders"),
    "logGroupName": PROD.log_group("orders"),
    "TopicArn": PLACE.arn("sns", PROD.topic),
}


@dataclass(frozen=True)
class Stood:
    """A deployed stack, with a job in the role that may change it and one in the role that may only read it."""

    stage: Sandbox
    deploy: OidcJob
    preview: OidcJob

    def client(self, job: OidcJob, service: str) -> Any:
        """Return a client with a session of its own: a slow machine must not outlast it."""
        config = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        keys = job.session(self.stage.region, seconds=AN_HOUR).get_credentials()
        assert keys is not None
        make: Any = boto3.client  # which shares what it has read of the service with the clients before
        client = make(
            service,
            self.stage.region,
            endpoint_url=self.stage.endpoint,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            config=config,
        )
        # Some calls put a prefix before the host, which is an IP address here.
        client.meta.events.register("before-sign", _to_the_endpoint)
        return client


def _to_the_endpoint(request: Any, **_: object) -> None:
    parts = urlsplit(request.url)
    request.url = urlunsplit(parts._replace(netloc=parts.netloc[parts.netloc.index("127.0.0.1") :]))


@pytest.fixture(scope="module")
def stood() -> Iterator[Stood]:
    with enforced.running(FACTOR, stacks=(STACK,), neighbours=()) as stage:
        code, text = stage.pulumi("up", "--stack", STACK, "--skip-preview")
        assert code == 0, text
        deploy = stage.identities[STACK].job
        subject = deploy.subject.rpartition(":")[0] + ":preview"
        preview = OidcJob(stage.endpoint, subject, deploy.role.replace("-deploy", "-preview"), deploy.file, FACTOR)
        yield Stood(stage, deploy, preview)


def code_of(call: Callable[[], Any]) -> str:
    """Return the error code of a call; "" if it succeeds."""
    try:
        call()
    except ClientError as refused:
        return str(refused.response["Error"]["Code"])
    return ""


def test_both_roles_may_read_their_own_stack(stood: Stood) -> None:
    for job in (stood.deploy, stood.preview):
        found = stood.client(job, "lambda").get_function(FunctionName=PROD.function("orders"))
        assert found["Configuration"]["FunctionName"] == PROD.function("orders")


def _role(place: AwsLocation, name: str) -> str:
    return place.global_arn("iam", f"role/{name}")


TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
HIDDEN = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
FUNCTION, THEIRS = ({"FunctionName": names.function("orders")} for names in (PROD, STAGING))
EXECUTION, OWN = {"RoleName": PROD.execution_role("orders")}, {"RoleName": PROD.deploy_role}
GROUP = {"applicationName": PROD.application, "deploymentGroupName": PROD.deployment_group("orders")}
CURRENT = {"applicationName": PROD.application, "currentDeploymentGroupName": PROD.deployment_group("orders")}
STATE = {"Bucket": BUCKET, "Key": ".pulumi/stacks/strata/staging.json"}
OPEN = {"Qualifier": "live", "StatementId": "all", "Action": "lambda:InvokeFunction", "Principal": "*"}


def _created(role: str, **limit: str) -> dict[str, str]:
    return {"RoleName": role, "AssumeRolePolicyDocument": TRUST, **limit}


BOUND, OTHERWISE = ({"PermissionsBoundary": boundary_arn(names, PLACE)} for names in (PROD, STAGING))
FORBIDDEN: dict[str, tuple[str, dict[str, Any]]] = {
    "another stack's function": ("lambda.update_function_configuration", {**THEIRS, "Timeout": 3}),
    "another stack's function, called": ("lambda.invoke", THEIRS),
    "another stack's alias": ("lambda.update_alias", {**THEIRS, "Name": "live", "FunctionVersion": "1"}),
    "another stack's table": ("dynamodb.delete_table", {"TableName": STAGING.table}),
    "another stack's items": ("dynamodb.scan", {"TableName": STAGING.table}),
    "its own table, deleted": ("dynamodb.delete_table", {"TableName": "orders-prod"}),
    "a role without the boundary": ("iam.create_role", _created(EXECUTION["RoleName"])),
    "a role with another stack's boundary": ("iam.create_role", _created(EXECUTION["RoleName"], **OTHERWISE)),
    "a role of any other name": ("iam.create_role", _created("strata-prod-admin", **BOUND)),
    "a user": ("iam.create_user", {"UserName": "ci"}),
    "its execution role, to another service": (
        "codedeploy.update_deployment_group",
        {**CURRENT, "serviceRoleArn": _role(PLACE, EXECUTION["RoleName"])},
    ),
    "CodeDeploy's role, to a function": (
        "lambda.update_function_configuration",
        {**FUNCTION, "Role": _role(PLACE, PROD.codedeploy_role)},
    ),
    "its own trust": ("iam.update_assume_role_policy", {**OWN, "PolicyDocument": TRUST}),
    "its own rights": ("iam.put_role_policy", {**OWN, "PolicyName": "all", "PolicyDocument": HIDDEN}),
    "its own rights, by a policy that is there": ("iam.attach_role_policy", {**OWN, "PolicyArn": ADMIN}),
    "the boundary itself": (
        "iam.create_policy_version",
        {"PolicyArn": boundary_arn(PROD, PLACE), "PolicyDocument": HIDDEN, "SetAsDefault": True},
    ),
    "the boundary of a role": ("iam.delete_role_permissions_boundary", EXECUTION),
    "another boundary for a role": (
        "iam.put_role_permissions_boundary",
        {**EXECUTION, "PermissionsBoundary": ADMIN},
    ),
    "another stack's state": ("s3.get_object", STATE),
    "another stack's state, written": ("s3.put_object", {**STATE, "Body": b"{}"}),
    "the bucket's policy": ("s3.delete_bucket_policy", {"Bucket": BUCKET}),
    "the ledger: its group": ("codedeploy.delete_deployment_group", GROUP),
    "the ledger: its application": ("codedeploy.delete_application", {"applicationName": PROD.application}),
    "the key of the secrets": ("kms.disable_key", {"KeyId": "alias/strata-secrets"}),
    "its own function, deleted": ("lambda.delete_function", FUNCTION),
    "a caller from anywhere": ("lambda.add_permission", {**FUNCTION, **OPEN}),
}


@pytest.mark.parametrize(("call", "given"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_deploy_role_does_not_reach(stood: Stood, call: str, given: dict[str, Any]) -> None:
    service, _, method = call.partition(".")
    client = stood.client(stood.deploy, service)
    assert code_of(lambda: getattr(client, method)(**given)) in DENIED


def test_only_a_token_of_the_environment_preview_opens_the_preview_role(stood: Stood) -> None:
    deploy = stood.stage.identities[STACK].job
    role = deploy.role.replace("-deploy", "-preview")
    for other in (deploy.subject, deploy.subject.replace("environment:prod", "pull_request")):
        job = OidcJob(stood.stage.endpoint, other, role, deploy.file, FACTOR)
        with pytest.raises(ClientError, match="AccessDenied"):
            job.session(stood.stage.region)


def changing(service: str) -> list[str]:
    """Return every call of a service that may change something, from boto3's own model."""
    operations = boto3.client(service, "eu-central-1").meta.service_model.operation_names  # type: ignore[call-overload]
    return [name for name in operations if not name.startswith(READING)]


def example(shape: Shape, name: str = "", depth: int = 0) -> Any:
    """Return the smallest valid value of a shape: for a structure, the required members and those that OURS names."""
    if name in OURS and shape.type_name == "string":
        return OURS[name]
    match shape:
        case StructureShape():
            wanted = [key for key in shape.members if key in shape.required_members or (not depth and key in OURS)]
            return {key: example(shape.members[key], key, depth + 1) for key in wanted}
        case ListShape():
            return [example(shape.member, name, depth + 1)]
        case MapShape():
            return {"a": example(shape.value, "", depth + 1)}
    plain: dict[str, Any] = {
        "string": (getattr(shape, "enum", None) or ["a" * max(shape.metadata.get("min", 1), 1)])[0],
        "boolean": True,
        "blob": b"{}",
        "timestamp": "2026-11-24T00:00:00Z",
    }
    return plain.get(shape.type_name, shape.metadata.get("min", 1))


@pytest.mark.parametrize("service", SERVICES)
def test_the_preview_role_cannot_change_anything_by_any_call(stood: Stood, service: str) -> None:
    client = stood.client(stood.preview, service)
    calls = {client.meta.method_to_api_mapping[method]: method for method in client.meta.method_to_api_mapping}
    model, tried = client.meta.service_model, {}
    for operation in changing(service):
        shape = model.operation_model(operation).input_shape
        given = example(shape) if shape is not None else {}
        tried[operation] = code_of(lambda: getattr(client, calls[operation])(**given))  # noqa: B023
    assert len(tried) >= 3
    assert {name: code for name, code in tried.items() if code not in DENIED} == {}
