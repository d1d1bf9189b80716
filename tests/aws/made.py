"""What the tests make in the account: functions, roles and deployment groups, each removed by `undo`."""

import io
import json
import os
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

GOOD = "def handler(event, context):\n    return context.function_version\n"
ROLLBACK = {
    "enabled": True,
    "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
}
ENDED = {"Succeeded", "Failed", "Stopped"}
CODEDEPLOY = "arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def minute() -> float:
    """Real seconds of one of AWS's minutes: 60, unless a local cloud runs faster by STRATA_CLOCK_RATE."""
    return 60 / float(os.environ.get("STRATA_CLOCK_RATE", "1"))


def fresh(kind: str = "t") -> str:
    """A name that no other run has."""
    return f"strata-{kind}{uuid.uuid4().hex[:6]}"


def archive(source: str) -> bytes:
    """The zip of a function whose module is `main`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as contents:
        contents.writestr("main.py", source)
    return buffer.getvalue()


def until(condition: Callable[[], Any], minutes: float, what: str) -> Any:
    """The first true result of `condition`, asked four times a minute. Raises AssertionError after `minutes`."""
    deadline = time.monotonic() + minutes * minute()
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what} within {minutes:g} minutes"
        time.sleep(minute() / 4)
    return result


def role(session: Any, undo: list[Any], service: str, *managed: str, **policies: dict[str, Any]) -> str:
    """The ARN of a role for an AWS service, with AWS's policies `managed` and inline ones by name."""
    iam, name = session.client("iam"), fresh("r")
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    undo.append(lambda: iam.delete_role(RoleName=name))
    for each in managed:
        iam.attach_role_policy(RoleName=name, PolicyArn=each)
        undo.append(lambda each=each: iam.detach_role_policy(RoleName=name, PolicyArn=each))
    for inline, document in policies.items():
        iam.put_role_policy(RoleName=name, PolicyName=inline, PolicyDocument=json.dumps(document))
        undo.append(lambda inline=inline: iam.delete_role_policy(RoleName=name, PolicyName=inline))
    return str(arn)


def function(session: Any, undo: list[Any], role_arn: str, source: str = GOOD, name: str = "") -> str:
    """The name of a function that is active, with version 1 published."""
    functions, name = session.client("lambda"), name or fresh("f")

    def created() -> bool:
        try:
            functions.create_function(
                FunctionName=name,
                Role=role_arn,
                Runtime="python3.11",
                Handler="main.handler",
                Code={"ZipFile": archive(source)},
                Publish=True,
            )
        except functions.exceptions.InvalidParameterValueException:  # Lambda does not know a new role at once
            return False
        return True

    until(created, 2, f"Lambda cannot assume {role_arn}")
    undo.append(lambda: functions.delete_function(FunctionName=name))
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def alias(session: Any, name: str) -> str:
    """Point the alias `live` of a new function at version 1; the function's name."""
    session.client("lambda").create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def published(session: Any, name: str, source: str) -> str:
    """The number of a new version with that source."""
    functions = session.client("lambda")
    number = functions.update_function_code(FunctionName=name, ZipFile=archive(source), Publish=True)["Version"]
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    return str(number)


def group(session: Any, undo: list[Any], configuration: str, **more: Any) -> str:
    """The name of a deployment group, and of its application; `more` goes to CreateDeploymentGroup."""
    codedeploy, name = session.client("codedeploy"), fresh("g")
    service = role(session, undo, "codedeploy.amazonaws.com", CODEDEPLOY)
    codedeploy.create_application(applicationName=name, computePlatform="Lambda")
    undo.append(lambda: codedeploy.delete_application(applicationName=name))

    def created() -> bool:
        try:
            codedeploy.create_deployment_group(
                applicationName=name,
                deploymentGroupName=name,
                deploymentConfigName=configuration,
                serviceRoleArn=service,
                deploymentStyle={"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
                autoRollbackConfiguration=ROLLBACK,
                **more,
            )
        except codedeploy.exceptions.InvalidRoleException:  # CodeDeploy does not know a new role at once
            return False
        return True

    until(created, 2, f"CodeDeploy cannot assume {service}")
    undo.append(lambda: codedeploy.delete_deployment_group(applicationName=name, deploymentGroupName=name))
    return name


def deployment(session: Any, group_name: str, name: str, target: str, hooks: dict[str, str] | None = None) -> str:
    """The id of a new deployment that shifts the alias of the function `name` from version 1 to `target`."""
    properties = {"Name": name, "Alias": "live", "CurrentVersion": "1", "TargetVersion": target}
    specification = {
        "version": 0.0,
        "Resources": [{name: {"Type": "AWS::Lambda::Function", "Properties": properties}}],
        "Hooks": [{event: hook} for event, hook in (hooks or {}).items()],
    }
    made = session.client("codedeploy").create_deployment(
        applicationName=group_name,
        deploymentGroupName=group_name,
        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(specification)}},
    )
    return str(made["deploymentId"])


def record(session: Any, id_: str) -> dict[str, Any] | None:
    """CodeDeploy's record of a deployment that has ended; None while it runs."""
    info: dict[str, Any] = session.client("codedeploy").get_deployment(deploymentId=id_)["deploymentInfo"]
    return info if info["status"] in ENDED else None


def ended(session: Any, id_: str, minutes: float) -> dict[str, Any]:
    """The same, once it has ended. Raises AssertionError after `minutes`."""
    found: dict[str, Any] = until(lambda: record(session, id_), minutes, f"deployment {id_} has not ended")
    return found
