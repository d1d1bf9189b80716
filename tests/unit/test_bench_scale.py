"""The arithmetic of the scale benchmark, and how it reads the local cloud's record of calls."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bench import calls, policies
from bench.calls import Call, peak
from bench.scale import FACTOR, Taken, bars, runtimes
from infra.permissions import PARTS

SECOND = 1 / FACTOR  # a simulated one
AGENT = "Boto3/1.43 md/Botocore#1.43 strata-release"


def entry(at: float, action: str, agent: str = AGENT) -> dict[str, object]:
    return {
        "at": at,
        "service": "lambda",
        "action": action,
        "status": 200,
        "user_agent": agent,
        "access_key": "333333333333",
    }


@contextmanager
def record(status: int = 200, *entries: dict[str, object]) -> Iterator[tuple[str, list[str]]]:
    """Serve a control plane with these entries; yield its endpoint, and the requests that it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = json.dumps({"calls": list(entries)}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET  # noqa: N815  http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_record_is_read_in_order_and_says_which_calls_are_the_engines() -> None:
    with record(200, entry(2.5, "GetAlias"), entry(1.5, "UpdateFunctionCode", "Boto3/1.43")) as (endpoint, asked):
        calls.clear(endpoint)
        made = calls.made(endpoint)
    assert asked == ["DELETE /_strata/calls", "GET /_strata/calls"]
    assert made == [Call(1.5, "lambda", "UpdateFunctionCode", False), Call(2.5, "lambda", "GetAlias", True)]


def test_a_cloud_without_a_record_is_an_error() -> None:
    with record(404) as (endpoint, _), pytest.raises(OSError, match="GET /_strata/calls answered 404, not 200"):
        calls.made(endpoint)


@pytest.mark.parametrize(
    ("times", "most"),
    [([], 0), ([3.0], 1), ([0.0, 0.5, 0.9, 1.0], 3), ([5.0, 0.0, 5.1, 0.1, 5.2], 3), ([0.0, 1.0, 2.0], 1)],
)
def test_a_peak_is_the_most_within_a_window_that_slides(times: list[float], most: int) -> None:
    assert peak(times, 1.0) == most


def taken(
    functions: int, seconds: float, each: int, *more: Call, shifts: tuple[float, ...] = (), preview: float = 5.0
) -> Taken:
    """`each` calls of CloudWatch for every function, far apart."""
    steady = [Call(float(index), "cloudwatch", "GetMetricData", True) for index in range(functions * each)]
    return Taken(functions, seconds, preview, [*steady, *more], shifts, 0)


def missed(*sizes: Taken) -> list[str]:
    return [bar.what for bar in bars(sizes) if not bar.reached]


def test_what_grows_with_the_number_of_functions_and_no_faster_reaches_every_bar() -> None:
    assert missed(taken(1, 36, 50), taken(10, 40, 50), taken(50, 200, 60)) == []


def test_fifty_functions_may_take_five_times_as_long_as_ten() -> None:
    assert missed(taken(1, 36, 50), taken(10, 40, 50), taken(50, 201, 50)) == ["seconds, 50 functions over 10"]


def test_a_preview_of_fifty_functions_may_take_three_times_as_long_as_one_of_one() -> None:
    one, ten = taken(1, 36, 50, preview=5.0), taken(10, 40, 50, preview=7.0)
    assert missed(one, ten, taken(50, 60, 50, preview=15.0)) == []
    assert missed(one, ten, taken(50, 60, 50, preview=15.1)) == ["seconds of a preview, 50 functions over 1"]


def test_one_service_in_five_is_in_typescript() -> None:
    assert runtimes(1) == {"service01": "python"}
    assert list(runtimes(50).values()).count("node") == 10
    assert len(runtimes(50)) == 50


def test_calls_that_grow_faster_than_the_functions_are_missed() -> None:
    grown = ["calls per function, 50 over 10", "calls per function, 50 over 1"]
    assert missed(taken(1, 36, 50), taken(10, 40, 50), taken(50, 60, 61)) == grown


def test_the_control_planes_rate_counts_codedeploys_moves_and_neither_calls_nor_get_function() -> None:
    """15 in a second, the 16th and 17th by CodeDeploy itself."""
    within = SECOND / 20
    polls = [Call(900 + index * within, "lambda", "GetAlias", True) for index in range(14)]
    apart = [Call(900.0, "lambda", action, True) for action in ("Invoke", "GetFunction") for _ in range(50)]
    ten, fifty = taken(10, 40, 50), taken(50, 60, 50)
    few = taken(1, 36, 200, *polls, *apart, shifts=(900 + within,))
    assert (few.lambda_rate, few.get_function_rate) == (15, 50)
    assert missed(few, ten, fifty) == []
    more = taken(1, 36, 200, *polls, shifts=(900 + within, 900 + 2 * within))
    assert missed(more, ten, fifty) == ["Lambda's control plane, calls a second"]


def test_a_sixth_call_of_codedeploy_in_a_simulated_second_is_one_too_many() -> None:
    burst = [Call(900 + index * SECOND / 10, "codedeploy", "CreateDeployment", True) for index in range(6)]
    ten, fifty = taken(10, 40, 50), taken(50, 60, 50)
    assert missed(taken(1, 36, 200, *burst), ten, fifty) == ["CodeDeploy, calls a second"]
    assert missed(taken(1, 36, 200, *burst[:5]), ten, fifty) == []


def test_the_file_has_its_documented_form() -> None:
    measured = {"functions": 10, "seconds": 40.5, "preview_seconds": 5.0, "api_calls": 30}
    assert taken(10, 40.5, 3).as_json() == {**measured, "policies": policies.sizes(10)}


def test_the_policies_of_fifty_functions_are_as_large_as_those_of_ten_and_leave_a_quarter_free() -> None:
    assert policies.sizes(50) == policies.sizes(10)
    assert max(policies.sizes(50).values()) <= policies.BAR
    assert {name.rpartition("-")[2] for name in policies.sizes(1)} == {*PARTS, "boundary"}
