"""The compute layer publishes versions that get no requests before their release."""

import ast
import inspect
import json
from dataclasses import replace
from pathlib import Path

import pulumi
import pytest
from pulumi import Output
from pulumi_aws.lambda_.alias import AliasArgs

from infra import services
from infra.artifacts import Artifact
from infra.artifacts.store import Stored
from infra.bundle import Bundle, Code
from infra.config import ApiConfig, Authorizer, ComputeConfig, Throttling
from infra.contracts import DataOutputs, SecretsOutputs, TriggerOutputs
from infra.layers.compute import MOVED_BY_CODEDEPLOY, Compute
from infra.layers.http import Http
from infra.naming import AwsLocation, Names
from infra.services import Service
from infra.services.model import Queue, Stream
from infra.services.values import Resource
from tests.layers.recorder import ACCOUNT, REGION, Recorder, known, record

NAMES = Names("strata", "prod")
PLACE = AwsLocation("aws", REGION, ACCOUNT)
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders-prod"
STREAM = f"{TABLE}/stream/2026-01-01T00:00:00.000"
(ORDERS,) = (each for each in services.read(Path(__file__).resolve().parents[2]) if each.name == "orders")
made: list[Compute] = []


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path = tmp_path_factory.mktemp("dist") / "orders.zip"
    path.write_bytes(b"zip")
    return Bundle(path, "app.orders.main.handler", "digest", ("app/orders/main.py",))


def declare(
    bundle: Code,
    *,
    opened: bool = False,
    config: ComputeConfig | None = None,
    signing: bool = False,
    service: Service = ORDERS,
) -> Recorder:
    """Record the functions, and the API in front of them."""

    def program() -> None:
        own = config or ComputeConfig()
        data = DataOutputs(Output.from_input("orders-prod"), Output.from_input(TABLE), Output.from_input(STREAM))
        settled = replace(service, memory=service.memory or own.memory, timeout=service.timeout or own.timeout)
        auth = "jwt" if own.api.authorizer else "none"
        settled = replace(settled, http=tuple(replace(each, auth=each.auth or auth) for each in settled.http))
        urls = {"workers": Output.from_input("https://sqs.example.com/workers")}
        dead = {"orders": Output.from_input("https://sqs.example.com/orders-dead")}
        compute = Compute(
            "compute",
            names=NAMES,
            place=PLACE,
            config=own,
            services=[settled],
            bundles={"orders": bundle},
            triggers=TriggerOutputs(urls, dead, Output.from_input(NAMES.bus)),
            data=data,
            secrets=SecretsOutputs(Output.from_input(NAMES.receipt_key) if signing else None),
        )
        made[:] = [compute]
        http = Http("http", names=NAMES, config=own.api, services=[settled], functions=compute.functions)
        if opened:
            release = pulumi.CustomResource("strata:release:Release", "release", {})
            http.open(after=[release])

    return record(program)


def test_the_function_is_published_from_the_bundle(bundle: Bundle) -> None:
    function = declare(bundle).one("lambda/function:Function").inputs
    assert function["publish"] is True
    assert isinstance(function["code"], pulumi.FileArchive)
    assert function["code"].path == str(bundle.path)
    assert function["handler"] == "app.orders.main.handler"


def test_no_hash_is_given_beside_the_code(bundle: Bundle) -> None:
    assert declare(bundle).one("lambda/function:Function").inputs.keys().isdisjoint({"sourceCodeHash", "codeSha256"})


def test_the_function_is_as_configured(bundle: Bundle) -> None:
    config = ComputeConfig(runtime="python3.12", architecture="arm64", memory=256, timeout=5, log_level="DEBUG")
    function = declare(bundle, config=config).one("lambda/function:Function").inputs
    assert (function["runtime"], function["architectures"]) == ("python3.12", ["arm64"])
    assert (function["memorySize"], function["timeout"]) == (256, 5)
    assert function["environment"]["variables"]["POWERTOOLS_LOG_LEVEL"] == "DEBUG"


def test_the_function_gets_its_table_and_only_the_variables_that_the_app_reads(bundle: Bundle) -> None:
    variables = declare(bundle).one("lambda/function:Function").inputs["environment"]["variables"]
    assert variables == {
        "TABLE_NAME": "orders-prod",
        "POWERTOOLS_SERVICE_NAME": "orders",
        "POWERTOOLS_METRICS_NAMESPACE": "strata",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


def test_every_variable_that_the_app_requires_is_given(bundle: Bundle) -> None:
    source = (Path(__file__).resolve().parents[2] / "app/orders/main.py").read_text()
    variables = declare(bundle).one("lambda/function:Function").inputs["environment"]["variables"]
    (required,) = [line for line in source.splitlines() if line.startswith("REQUIRED = ")]
    assert set(ast.literal_eval(required.removeprefix("REQUIRED = "))) <= variables.keys()


def test_the_function_waits_for_its_rights(bundle: Bundle) -> None:
    assert "compute-orders-calls" in declare(bundle).one("lambda/function:Function").after


def test_the_role_may_do_what_the_app_does_to_its_own_table_and_log_group(bundle: Bundle) -> None:
    policy = json.loads(declare(bundle).one("iam/rolePolicy:RolePolicy").inputs["policy"])
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert resources == {
        "Orders": [TABLE],
        "Keys": [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"],
        "Logs": [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/strata-prod-orders:*"],
    }


def test_only_lambda_may_take_the_role(bundle: Bundle) -> None:
    trust = json.loads(declare(bundle).one("iam/role:Role").inputs["assumeRolePolicy"])
    assert [statement["Principal"] for statement in trust["Statement"]] == [{"Service": "lambda.amazonaws.com"}]
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_the_alias_begins_at_the_first_version_and_is_codedeploys_from_then_on(bundle: Bundle) -> None:
    alias = declare(bundle).one("lambda/alias:Alias")
    assert alias.inputs == {"name": "live", "functionName": "strata-prod-orders", "functionVersion": "7"}
    assert set(alias.ignores) == {"functionVersion", "routingConfig", "description"}


def test_every_input_of_an_alias_that_can_change_is_left_to_codedeploy() -> None:
    changeable = set(inspect.signature(AliasArgs.__init__).parameters) - {"__self__", "function_name", "name", "region"}
    assert changeable == set(MOVED_BY_CODEDEPLOY)


def test_the_function_and_its_versions_change_with_the_program(bundle: Bundle) -> None:
    assert declare(bundle).one("lambda/function:Function").ignores == ()


def test_the_api_calls_the_alias_and_never_a_version(bundle: Bundle) -> None:
    integration = declare(bundle).one("apigatewayv2/integration:Integration").inputs
    assert integration["integrationUri"].endswith("path/live/invocations")  # the alias's, in the recorder's words
    assert (integration["integrationType"], integration["payloadFormatVersion"]) == ("AWS_PROXY", "2.0")


def test_the_api_may_invoke_the_alias_alone(bundle: Bundle) -> None:
    permission = declare(bundle).one("lambda/permission:Permission").inputs
    assert (permission["function"], permission["qualifier"]) == ("strata-prod-orders", "live")
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["sourceArn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:api/*/*"


def test_the_default_stage_follows_its_routes(bundle: Bundle) -> None:
    stage = declare(bundle).one("apigatewayv2/stage:Stage").inputs
    assert (stage["name"], stage["autoDeploy"]) == ("$default", True)


def test_the_stage_bounds_what_it_lets_through(bundle: Bundle) -> None:
    stage = declare(bundle, config=ComputeConfig(api=ApiConfig(Throttling(7, 9))))
    settings = stage.one("apigatewayv2/stage:Stage").inputs["defaultRouteSettings"]
    assert settings == {"throttlingRateLimit": 7, "throttlingBurstLimit": 9}


def test_the_access_log_ends_and_says_nothing_of_the_caller(bundle: Bundle) -> None:
    recorded = declare(bundle, config=ComputeConfig(api=ApiConfig(access_log_days=7)))
    group = recorded.one("cloudwatch/logGroup:LogGroup").inputs
    assert (group["name"], group["retentionInDays"]) == ("/aws/vendedlogs/strata-prod-api", 7)
    settings = recorded.one("apigatewayv2/stage:Stage").inputs["accessLogSettings"]
    assert "http-access-log" in recorded.one("apigatewayv2/stage:Stage").after
    variables = set(json.loads(settings["format"]).values())
    assert "$context.requestId" in variables  # API Gateway takes no format without it
    personal = ("identity", "path", "claims", "body", "header", "userAgent", "domain")
    assert [each for each in variables for word in personal if word in each] == []


def test_without_days_there_is_no_access_log(bundle: Bundle) -> None:
    recorded = declare(bundle, config=ComputeConfig(api=ApiConfig(access_log_days=0)))
    assert recorded.of("cloudwatch/logGroup:LogGroup") == []
    assert "accessLogSettings" not in recorded.one("apigatewayv2/stage:Stage").inputs


def test_all_routes_but_health_ask_for_a_token_of_the_issuer(bundle: Bundle) -> None:
    issuer = Authorizer("https://issuer.example.com", ("orders",))
    recorded = declare(bundle, opened=True, config=ComputeConfig(api=ApiConfig(authorizer=issuer)))
    authorizer = recorded.one("apigatewayv2/authorizer:Authorizer").inputs
    assert authorizer["jwtConfiguration"] == {"issuer": "https://issuer.example.com", "audiences": ["orders"]}
    assert (authorizer["authorizerType"], authorizer["identitySources"]) == ("JWT", ["$request.header.Authorization"])
    aws_call = {
        route.inputs["routeKey"]: route.inputs.get("authorizationType")
        for route in recorded.of("apigatewayv2/route:Route")
    }
    assert aws_call == {"POST /orders": "JWT", "GET /orders/{id}": "JWT", "GET /health": None}


def test_without_an_issuer_no_route_asks_for_a_token(bundle: Bundle) -> None:
    recorded = declare(bundle, opened=True)
    assert recorded.of("apigatewayv2/authorizer:Authorizer") == []
    assert all("authorizationType" not in route.inputs for route in recorded.of("apigatewayv2/route:Route"))


def test_no_route_leads_to_the_alias_until_the_api_is_opened(bundle: Bundle) -> None:
    assert declare(bundle).of("apigatewayv2/route:Route") == []


def test_every_route_waits_for_the_release(bundle: Bundle) -> None:
    routes = declare(bundle, opened=True).of("apigatewayv2/route:Route")
    assert [route.inputs["routeKey"] for route in routes] == ["POST /orders", "GET /orders/{id}", "GET /health"]
    assert all("release" in route.after for route in routes)
    assert {route.inputs["target"] for route in routes} == {"integrations/http-orders-integration-id"}


def test_nothing_but_the_routes_waits_for_the_release(bundle: Bundle) -> None:
    waiting = [resource.type for resource in declare(bundle, opened=True) if "release" in resource.after]
    assert set(waiting) == {"aws:apigatewayv2/route:Route"}


def test_the_contract_names_the_version_wanted_and_the_alias_that_shall_have_it(bundle: Bundle) -> None:
    declare(bundle)
    (compute,) = made
    orders = compute.functions["orders"]
    assert known(Output.all(orders.name, orders.alias, orders.version)) == ["strata-prod-orders", "live", "7"]
    assert orders.log_group == "/aws/lambda/strata-prod-orders"


def test_every_resource_is_a_child_of_the_layer(bundle: Bundle) -> None:
    others = [made.name for made in declare(bundle, opened=True) if made.parent not in {"compute", "http"}]
    assert others == ["compute", "http", "release"]


def test_the_layer_declares_no_log_group_of_a_function_and_no_table(bundle: Bundle) -> None:
    recorded = declare(bundle, opened=True)
    assert [each.inputs["name"] for each in recorded.of("cloudwatch/logGroup:LogGroup")] == [NAMES.api_log_group]
    assert recorded.of("dynamodb/table:Table") == []


def test_a_bundle_that_was_built_before_is_read_from_the_bucket_and_never_uploaded() -> None:
    stored = Stored("strata-artifacts", "bundles/1.zip", "v1")
    function = declare(Artifact(stored, "app.orders.main.handler", "digest")).one("lambda/function:Function").inputs
    assert "code" not in function
    assert (function["s3Bucket"], function["s3Key"]) == ("strata-artifacts", "bundles/1.zip")
    assert (function["s3ObjectVersion"], function["codeSha256"]) == ("v1", "digest")


def statements(recorded: Recorder) -> dict[str, list[str]]:
    """Return the resources of each statement of the function's role, by Sid."""
    policy = json.loads(recorded.one("iam/rolePolicy:RolePolicy").inputs["policy"])
    return {each["Sid"]: each["Resource"] for each in policy["Statement"]}


def test_a_service_that_declares_nothing_may_write_its_log_and_no_more(bundle: Bundle) -> None:
    recorded = declare(bundle, service=Service(name="orders"))
    assert list(statements(recorded)) == ["Logs"]
    assert "TABLE_NAME" not in recorded.one("lambda/function:Function").inputs["environment"]["variables"]


def test_a_role_has_a_statement_for_each_thing_that_its_service_uses(bundle: Bundle) -> None:
    sends = [Resource("topic", "alarms"), Resource("queue", "workers"), Resource("bus", "events")]
    service = Service(name="orders", stream=Stream(), queue=Queue(), writes=tuple(sends), tracing=True)
    recorded = declare(bundle, service=service)
    assert statements(recorded) == {
        "Keys": [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"],
        "TopicKey": [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*"],
        "Logs": [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/strata-prod-orders:*"],
        "Topics": [PLACE.arn("sns", "strata-prod-alarms")],
        "Messages": [PLACE.arn("sqs", "strata-prod-workers"), PLACE.arn("sqs", "strata-prod-orders-dead")],
        "Events": [PLACE.arn("events", "event-bus/strata-prod")],
        "Stream": [STREAM],
        "Streams": ["*"],
        "Queue": [PLACE.arn("sqs", "strata-prod-orders")],
        "Traces": ["*"],
    }
    variables = recorded.one("lambda/function:Function").inputs["environment"]["variables"]
    names = {name: value for name, value in variables.items() if not name.startswith("POWERTOOLS")}
    assert names == {
        "TABLE_NAME": "orders-prod",
        "DEAD_LETTERS_URL": "https://sqs.example.com/orders-dead",
        "WORKERS_QUEUE_URL": "https://sqs.example.com/workers",
        "ALARMS_TOPIC_ARN": PLACE.arn("sns", "strata-prod-alarms"),
        "EVENT_BUS_NAME": "strata-prod",
    }


def test_a_function_has_the_settings_of_its_service(bundle: Bundle) -> None:
    service = Service(
        name="orders",
        runtime="node",
        memory=256,
        timeout=33,
        concurrency=5,
        tracing=True,
        environment={"CURRENCY": "EUR"},
    )
    function = declare(bundle, service=service).one("lambda/function:Function").inputs
    assert (function["runtime"], function["memorySize"], function["timeout"]) == ("nodejs22.x", 256, 33)
    assert (function["reservedConcurrentExecutions"], function["tracingConfig"]) == (5, {"mode": "Active"})
    assert function["environment"]["variables"]["CURRENCY"] == "EUR"


@pytest.mark.parametrize(
    ("runtime", "own", "options"),
    [
        ("python", {}, None),
        ("node", {}, "--enable-source-maps"),
        ("node", {"NODE_OPTIONS": "--trace-warnings"}, "--trace-warnings"),
    ],
)
def test_node_reads_source_maps_unless_the_service_has_options_of_its_own(
    bundle: Bundle, runtime: str, own: dict[str, str], options: str | None
) -> None:
    service = Service(name="orders", runtime=runtime, environment=own)
    function = declare(bundle, service=service).one("lambda/function:Function").inputs
    assert function["environment"]["variables"].get("NODE_OPTIONS") == options


@pytest.mark.parametrize(("tracing", "mode"), [(True, "Active"), (False, "PassThrough")])
def test_the_mode_of_tracing_is_always_declared_so_that_switching_it_off_is_a_change(
    bundle: Bundle, tracing: bool, mode: str
) -> None:
    recorded = declare(bundle, service=Service(name="orders", tracing=tracing))
    assert recorded.one("lambda/function:Function").inputs["tracingConfig"] == {"mode": mode}
    assert json.loads(known(made[0].functions["orders"].configuration))["TracingConfig"] == {"Mode": mode}


def test_a_secret_that_the_service_does_not_declare_is_not_given(bundle: Bundle) -> None:
    recorded = declare(bundle, signing=True, service=Service(name="orders"))
    assert "Secrets" not in statements(recorded)
    assert "Secrets" in statements(declare(bundle, signing=True))
