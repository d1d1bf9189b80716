"""Faults as boto3 sees them: each in the service's own words and wire format."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from local.tests.cloud.codedeploy import Deployer, refused
from local.tests.cloud.conftest import REGION, Cloud, Functions, start_cloud, stop_cloud

Inject = Callable[..., None]
READS = {
    "lambda": "list_functions",
    "codedeploy": "list_applications",
    "cloudwatch": "describe_alarms",
    "logs": "describe_log_groups",
    "sts": "get_caller_identity",
    "dynamodb": "list_tables",
    "s3": "list_buckets",
    "iam": "list_roles",
    "sqs": "list_queues",
    "apigatewayv2": "get_apis",
}
ANSWERS = {
    "throttle": {
        "lambda": ("TooManyRequestsException", 429),
        "codedeploy": ("ThrottlingException", 400),
        "cloudwatch": ("Throttling", 400),
        "logs": ("ThrottlingException", 400),
        "sts": ("Throttling", 400),
        "dynamodb": ("ThrottlingException", 400),
        "s3": ("SlowDown", 503),
        "iam": ("Throttling", 400),
        "sqs": ("Throttling", 400),
        "apigatewayv2": ("TooManyRequestsException", 429),
    },
    "error": {
        "lambda": ("ServiceException", 500),
        "codedeploy": ("InternalFailure", 500),
        "cloudwatch": ("InternalServiceFault", 500),
        "logs": ("ServiceUnavailableException", 503),
        "sts": ("InternalFailure", 500),
        "dynamodb": ("InternalServerError", 500),
        "s3": ("InternalError", 500),
    },
    "expired": {
        "lambda": ("ExpiredTokenException", 403),
        "codedeploy": ("ExpiredTokenException", 400),
        "cloudwatch": ("ExpiredToken", 403),
        "logs": ("ExpiredTokenException", 400),
        "sts": ("ExpiredToken", 403),
        "dynamodb": ("ExpiredTokenException", 400),
        "s3": ("ExpiredToken", 400),
    },
    "denied": {
        "lambda": ("AccessDeniedException", 403),
        "codedeploy": ("AccessDeniedException", 400),
        "cloudwatch": ("AccessDenied", 403),
        "logs": ("AccessDeniedException", 400),
        "sts": ("AccessDenied", 403),
        "dynamodb": ("AccessDeniedException", 400),
        "s3": ("AccessDenied", 403),
    },
}


@pytest.fixture
def inject(cloud: Cloud) -> Iterator[Inject]:
    """Puts rules in force until the test ends."""

    def put(*rules: dict[str, Any]) -> None:
        status, answer = cloud.control("POST", "faults", list(rules))
        assert status == 200, answer

    yield put
    cloud.control("DELETE", "faults")


@pytest.fixture
def deployer(client: Callable[[str], Any], functions: Functions) -> Deployer:
    """The function `orders` and its deployment group."""
    return Deployer(client, functions)


def failure(call: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    """Code and status with which a call fails."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def fired(cloud: Cloud) -> list[tuple[int, int]]:
    """Return, for each rule, how many calls it matched and how often it fired."""
    return [(rule["matched"], rule["fired"]) for rule in cloud.control("GET", "faults")[1]["faults"]]


@pytest.mark.parametrize(("kind", "service"), [(kind, service) for kind in ANSWERS for service in ANSWERS[kind]])
def test_a_refusal_has_the_services_own_code_and_status(
    client: Callable[[str], Any], inject: Inject, kind: str, service: str
) -> None:
    inject({"service": service, "kind": kind, "times": 1})
    call = getattr(client(service), READS[service])
    assert failure(call) == ANSWERS[kind][service]
    call()


def test_calls_on_items_are_throttled_by_the_tables_capacity(client: Callable[[str], Any], inject: Inject) -> None:
    inject({"service": "dynamodb", "kind": "throttle"})
    key = {"n": {"N": "1"}}
    for call, named in (("get_item", {"Key": key}), ("put_item", {"Item": key})):
        code, status = failure(getattr(client("dynamodb"), call), TableName="numbers", **named)
        assert (code, status) == ("ProvisionedThroughputExceededException", 400)


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_cloudwatch_refuses_in_the_protocol_that_it_is_asked_in(
    client: Callable[[str], Any], inject: Inject, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr("botocore.model.PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", [protocol])
    cloudwatch = client("cloudwatch")
    assert cloudwatch.meta.service_model.resolved_protocol == protocol
    for kind in ANSWERS:
        inject({"service": "cloudwatch", "action": "DescribeAlarms", "kind": kind})
        assert failure(cloudwatch.describe_alarms) == ANSWERS[kind]["cloudwatch"]
        cloudwatch.list_metrics()


def test_a_modelled_error_is_its_own_exception(client: Callable[[str], Any], inject: Inject) -> None:
    inject({"kind": "throttle"})
    for service in ("lambda", "codedeploy", "logs", "dynamodb"):
        asked = client(service)
        code, _ = ANSWERS["throttle"][service]
        with pytest.raises(getattr(asked.exceptions, code), match="Rate exceeded"):
            getattr(asked, READS[service])()


@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("lambda:InvokeFunction", lambda client: client("lambda").invoke(FunctionName="orders")),
        ("cloudwatch:DescribeAlarms", lambda client: client("cloudwatch").describe_alarms()),
        ("sts:GetCallerIdentity", lambda client: client("sts").get_caller_identity()),
    ],
)
def test_a_denial_names_the_caller_and_the_action_of_iam(
    client: Callable[[str], Any], inject: Inject, account: str, action: str, call: Callable[[Any], Any]
) -> None:
    inject({"kind": "denied"})
    _, message = refused(call, client=client)
    assert message == (
        f"User: arn:aws:iam::{account}:root is not authorized to perform: {action} on resource: * "
        f"because no identity-based policy allows the {action} action"
    )


@pytest.mark.parametrize("kind", ["lost", "drop"])
@pytest.mark.parametrize("service", READS)
def test_a_lost_or_dropped_call_has_no_answer(
    client: Callable[[str], Any], inject: Inject, kind: str, service: str
) -> None:
    inject({"service": service, "kind": kind, "times": 1})
    call = getattr(client(service), READS[service])
    with pytest.raises(ConnectionClosedError):
        call()
    call()


def test_a_lost_deployment_has_been_created(deployer: Deployer, inject: Inject) -> None:
    inject({"service": "codedeploy", "action": "CreateDeployment", "kind": "lost", "times": 1})
    with pytest.raises(ConnectionClosedError):
        deployer.deploy()
    (made,) = deployer.codedeploy.list_deployments(applicationName="shop", deploymentGroupName="orders")["deployments"]
    assert deployer.ended(made)["status"] == "Succeeded"
    assert deployer.alias() == ("2", {})


def test_a_dropped_deployment_has_not_been_created(deployer: Deployer, inject: Inject) -> None:
    inject({"service": "codedeploy", "action": "CreateDeployment", "kind": "drop", "times": 1})
    with pytest.raises(ConnectionClosedError):
        deployer.deploy()
    assert deployer.codedeploy.list_deployments()["deployments"] == []


def test_a_refused_call_is_not_carried_out(functions: Functions, inject: Inject) -> None:
    version = functions.create("def handler(event, context):\n    return 1\n")
    for kind in ANSWERS:
        inject({"service": "lambda", "action": "CreateAlias", "kind": kind})
        failure(functions.client.create_alias, FunctionName="orders", Name="live", FunctionVersion=version)
    assert functions.client.list_aliases(FunctionName="orders")["Aliases"] == []


def test_a_delayed_call_is_carried_out_late(client: Callable[[str], Any], inject: Inject) -> None:
    inject({"service": "sts", "kind": "delay", "seconds": 0.3})
    sts = client("sts")
    began = time.monotonic()
    sts.get_caller_identity()
    assert time.monotonic() - began >= 0.3


def test_only_the_named_action_is_hit(client: Callable[[str], Any], inject: Inject, cloud: Cloud) -> None:
    inject({"service": "lambda", "action": "ListLayers", "kind": "error"})
    asked = client("lambda")
    asked.list_functions()
    client("dynamodb").list_tables()
    assert fired(cloud) == [(0, 0)]
    failure(asked.list_layers)
    assert fired(cloud) == [(1, 1)]


def test_only_clients_with_the_user_agent_are_hit(cloud: Cloud, account: str, inject: Inject) -> None:
    """The release engine's credentials expire midway, and no others."""
    inject({"service": "*", "kind": "expired", "user_agent": "strata-release", "after": 2})
    make: Callable[..., Any] = boto3.client

    def engine(service: str) -> Any:
        settings = Config(user_agent_extra="strata-release", retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "local"}
        return make(service, endpoint_url=cloud.endpoint, region_name=REGION, config=settings, **keys)

    engine("codedeploy").list_applications()
    engine("lambda").list_functions()
    for service in ("lambda", "codedeploy", "cloudwatch", "logs", "sts", "dynamodb"):
        assert failure(getattr(engine(service), READS[service])) == ANSWERS["expired"][service]
        getattr(cloud.client(service, account), READS[service])()
    assert fired(cloud) == [(8, 6)]


def test_a_rule_lets_so_many_calls_pass_and_fires_so_often(client: Callable[[str], Any], inject: Inject) -> None:
    inject({"service": "lambda", "kind": "throttle", "after": 2, "times": 3})
    assert outcomes(client("lambda"), 8) == "..xxx..."


def test_a_share_is_the_same_each_time_by_its_seed(client: Callable[[str], Any], inject: Inject, cloud: Cloud) -> None:
    asked = client("lambda")
    runs = []
    for seed in (7, 7, 8):
        inject({"service": "lambda", "kind": "error", "share": 0.5, "seed": seed})
        runs.append(outcomes(asked, 40))
    first, again, other = runs
    assert first == again != other
    assert 0 < other.count("x") < 40
    assert fired(cloud) == [(40, other.count("x"))]


def test_a_burst_ends(client: Callable[[str], Any], inject: Inject) -> None:
    inject({"service": "lambda", "kind": "error", "after": 1, "seconds": 0.4})
    asked = client("lambda")
    assert outcomes(asked, 2) == ".x"
    time.sleep(0.5)
    assert outcomes(asked, 1) == "."


def test_the_first_rule_that_fires_decides(client: Callable[[str], Any], inject: Inject, cloud: Cloud) -> None:
    inject({"service": "sts", "kind": "denied", "times": 1}, {"kind": "throttle"})
    sts = client("sts")
    assert failure(sts.get_caller_identity)[0] == "AccessDenied"
    assert fired(cloud) == [(1, 1), (0, 0)]
    assert failure(sts.get_caller_identity)[0] == "Throttling"
    assert fired(cloud) == [(2, 1), (1, 1)]


def outcomes(asked: Any, count: int) -> str:
    """Return a mark for each call: x where it failed."""
    marks = ""
    for _ in range(count):
        try:
            asked.list_functions()
        except ClientError:
            marks += "x"
        else:
            marks += "."
    return marks


def test_every_mistake_in_the_rules_is_reported_and_the_old_rules_stay(cloud: Cloud, inject: Inject) -> None:
    inject({"service": "sts", "kind": "denied"})
    before = cloud.control("GET", "faults")
    wanted = [
        {"kind": "slow", "speed": 3, "service": "monitoring", "times": 0, "share": True, "after": -1, "user_agent": ""},
        {"service": "lambda", "action": "updateAlias", "kind": "lost", "seed": 1},
        {"action": "UpdateAlias", "kind": "delay"},
        {"service": ["lambda"], "seconds": 1e400},
        7,
    ]
    status, answer = cloud.control("POST", "faults", wanted)
    assert status == 400
    mistakes = "\n".join(answer["mistakes"])
    for mistake in (
        "rule 1: unknown key 'speed': use kind, service, action",
        "rule 1: kind is 'slow': it must be one of throttle, error",
        "rule 1: service is 'monitoring': it must be * or boto3's name",
        "rule 1: times is 0: it must be a whole number from 1 up",
        "rule 1: share is True: it must be a number above 0 and at most 1",
        "rule 1: after is -1",
        "rule 1: user_agent is ''",
        "rule 2: action is 'updateAlias': lambda has no such operation",
        "rule 2: seed has no effect",
        "rule 3: action is 'UpdateAlias' of any service: name the service",
        "rule 3: a delay has no seconds",
        "rule 4: it has no kind",
        "rule 4: service is ['lambda']",
        "rule 4: seconds is inf: it must be a number above 0 and at most 3600",
        "rule 5: 7 is no JSON object",
    ):
        assert mistake in mistakes
    assert cloud.control("GET", "faults") == before


@pytest.mark.parametrize("body", ["not json", "{}", ""])
def test_rules_that_are_no_list_are_a_mistake(cloud: Cloud, body: str) -> None:
    status, text = cloud.http("POST", "/_strata/faults", body)
    assert status == 400
    assert "mistakes" in text


def test_the_rules_are_read_replaced_and_cleared(cloud: Cloud, inject: Inject) -> None:
    inject({"service": "sts", "kind": "denied"}, {"service": "iam", "kind": "denied"})
    inject({"service": "lambda", "kind": "delay", "seconds": 2, "user_agent": "strata-release"})
    (rule,) = cloud.control("GET", "faults")[1]["faults"]
    assert {"service": "lambda", "action": "*", "kind": "delay", "seconds": 2, "share": 1}.items() <= rule.items()
    assert cloud.control("DELETE", "faults") == (200, {"faults": []})
    assert cloud.control("GET", "faults") == (200, {"faults": []})


def test_a_reset_clears_the_rules_and_the_record(tmp_path: Any) -> None:
    process, own = start_cloud(tmp_path)
    try:
        own.control("POST", "faults", [{"kind": "denied"}])
        failure(own.client("sts", "123456789012").get_caller_identity)
        own.control("POST", "reset")
        assert own.control("GET", "faults") == (200, {"faults": []})
        assert own.control("GET", "calls") == (200, {"calls": []})
        own.client("sts", "123456789012").get_caller_identity()
    finally:
        stop_cloud(process)
