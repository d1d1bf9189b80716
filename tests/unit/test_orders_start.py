"""Loading `app.orders.main` calls nothing of AWS, and names a missing variable."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    "TABLE_NAME": "orders",
    "POWERTOOLS_SERVICE_NAME": "orders",
    "POWERTOOLS_METRICS_NAMESPACE": "Strata",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "111111111111",
    "AWS_SECRET_ACCESS_KEY": "local",
}
SERVE = """
import json, socket, sys

def refuse(*_):
    raise AssertionError("the app called out while it loaded")

socket.socket.connect = socket.getaddrinfo = refuse
from app.orders.main import handler
from tests.unit.orders_kit import Context

print(json.dumps(handler(json.load(open("app/orders/smoke/health.json"))["event"], Context())))
"""
LOADED = """
import sys
import app.orders.main
print(*sys.modules)
"""


def run(code: str, without: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != without}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=99
    )


def test_loading_and_health_call_nothing_of_aws() -> None:
    done = run(SERVE)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["statusCode"], answer["headers"]["X-Served-Version"]) == (200, "7")


def test_a_missing_variable_is_named_when_the_function_loads() -> None:
    done = run("import app.orders.main", without="TABLE_NAME")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: TABLE_NAME not set: this function needs TABLE_NAME, POWERTOOLS_SERVICE_NAME,")


def test_loading_brings_in_nothing_heavy_or_foreign() -> None:
    done = run(LOADED)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"app", "boto3", "aws_lambda_powertools", "fastjsonschema"} <= loaded
    assert not loaded & {"infra", "local", "rehearsal", "pulumi", "pydantic", "redis", "aws_xray_sdk"}
