"""The services of a repository: each service.yaml is read as it was meant, or every mistake in it is named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from infra import services
from infra.config import Canary, Curve
from infra.services import ServiceError
from infra.services.reader import LARGEST_FILE, parse

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING: Mapping[str, Any] = {
    "runtime": "node",
    "handler": "work.run",
    "http": ["POST /jobs", {"route": "GET /jobs/{id}", "auth": "jwt"}],
    "queue": {"batch": 5, "attempts": 3},
    "stream": {"filter": {"eventName": ["INSERT"]}, "batch": 100, "attempts": 7, "bisect": False},
    "events": {"source": ["shop"], "detail": {"total": [{"numeric": [">", 0, "<=", 9]}]}},
    "schedule": "rate(5 minutes)",
    "reads": ["table/orders", "parameter/receipt-key"],
    "writes": ["table/orders", "topic/alarms", "bus/events"],
    "secrets": ["receiptKey"],
    "environment": {"CURRENCY": "EUR"},
    "memory": 1024,
    "timeout": 20,
    "concurrency": 7,
    "tracing": True,
    "errors": "answered",
    "canary": {
        "curve": {"percent": 20, "minutes": 5},
        "minimumRequests": 5,
        "evidence": "enforce",
        "rule": {"z": 4},
    },
}


def mistakes(text: str | bytes, name: str = "svc") -> list[str]:
    """Return the mistakes of a service.yaml, without its path."""
    try:
        parse(name, text if isinstance(text, bytes) else text.encode())
    except ServiceError as problem:
        return [each.removeprefix(f"app/{name}/service.yaml: ") for each in problem.mistakes]
    return []


def write(root: Path, **files: str) -> Path:
    """Write services of these declarations, each with its code."""
    for name, text in files.items():
        folder = root / "app" / name
        folder.mkdir(parents=True)
        (folder / "service.yaml").write_text(text)
        (folder / "main.py").write_text("def handler(event, context): ...\n")
    return root


def read_mistakes(root: Path) -> list[str]:
    with pytest.raises(ServiceError) as caught:
        services.read(root)
    return list(caught.value.mistakes)


def test_the_repository_has_the_services_of_its_folders() -> None:
    assert services.names(ROOT) == tuple(each.name for each in services.read(ROOT))
    assert "orders" in services.names(ROOT)


def test_an_empty_file_declares_a_python_service_that_nothing_calls() -> None:
    found = parse("svc", b"")
    assert (found.runtime, found.source, found.lambda_handler) == ("python", "app/svc/main.py", "app.svc.main.handler")
    assert (found.http, found.queue, found.stream, found.reads, found.timeout) == ((), None, None, (), None)
    assert found.errors == "raised"


def test_every_key_is_read_as_it_is_written() -> None:
    found = parse("svc", yaml.safe_dump(dict(EVERYTHING)).encode())
    assert (found.source, found.lambda_handler) == ("app/svc/src/work.ts", "work.run")
    assert [(route.key, route.auth) for route in found.http] == [("POST /jobs", None), ("GET /jobs/{id}", "jwt")]
    assert found.queue is not None
    assert (found.queue.batch, found.queue.attempts) == (5, 3)
    assert found.stream is not None
    assert (found.stream.filter, found.stream.batch) == ({"eventName": ["INSERT"]}, 100)
    assert (found.stream.attempts, found.stream.bisect) == (7, False)
    assert (found.events, found.schedule) == (EVERYTHING["events"], "rate(5 minutes)")
    assert [str(each) for each in (*found.reads, *found.writes)] == [*EVERYTHING["reads"], *EVERYTHING["writes"]]
    assert (found.secrets, found.environment) == (("receiptKey",), {"CURRENCY": "EUR"})
    assert (found.memory, found.timeout, found.concurrency, found.tracing) == (1024, 20, 7, True)
    assert found.errors == "answered"
    assert found.canary == Canary(Curve(20, 5), 5, "enforce", {"z": 4})


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("runtime: ruby", 'runtime is "ruby", not supported: these two are built and tested; give python or node'),
        ("handler: handler", 'handler is "handler", not of the form wanted; give MODULE.FUNCTION, e.g. main.handler'),
        ("memry: 5", 'memry is 5, but there is no such key; did you mean "memory"?'),
        ("memory: '512'", 'memory is "512", not a whole number; give a whole number of MB from 128 to 10240'),
        ("timeout: 30\nhttp: [GET /]", "timeout is 30, but the HTTP API gives up after 30 seconds"),
        ("http: [get /x]", 'http[0] is "get /x", not a route'),
        ("http: [GET x]", 'http[0] is "GET x", not a route'),
        ("http: ['GET /{a+}/b']", 'http[0] is "GET /{a+}/b", not a route'),
        ("http: [{route: GET /x, auth: maybe}]", 'http[0].auth is "maybe", not one of the two; give jwt or none'),
        (
            "http: [{route: GET /, path: GET /x}]",
            'http[0].path is "GET /x", but there is no such key; give route and auth',
        ),
        ("http: [GET /x, GET /X]", "http has GET /x more than once, as the API's routes go; leave all but one out"),
        ("http: ['GET /x/{a}', 'GET /x/{b}']", "http has GET /x/{a} more than once, as the API's routes go"),
        ("queue: {batch: 11}", "queue.batch is 11, out of bounds: without a batching window Lambda takes no more"),
        ("queue: {}\nwrites: [queue/svc]", "writes has queue/svc, from which the service is called itself"),
        ("stream: {}\nwrites: [table/orders]", "stream has no filter, but the service writes table/orders"),
        ("reads: [table/users]", "reads[0] is table/users, which no stack has; give table/orders"),
        ("reads: [parameter/x]", "reads[0] is parameter/x, which no stack has; give parameter/receipt-key"),
        (
            "reads: [orders]",
            'reads[0] is "orders", not of the form wanted; give KIND/NAME, the kind table or parameter',
        ),
        ("secrets: [key]", "secrets[0] is key, and strata:secrets has receiptKey; give one of these"),
        ("environment: {TABLE_NAME: x}", 'environment.TABLE_NAME is "x", and Strata or Lambda sets the names'),
        ("environment: {COUNT: 5}", "environment.COUNT is 5, not a text; put it in quotes"),
        ("environment: {'a b': x}", 'environment."a b" is "x", and Lambda takes no variable of that name'),
        ("schedule: rate(1 minutes)", 'schedule is "rate(1 minutes)", and EventBridge wants the singular for 1'),
        ("schedule: cron(0 12 * * * *)", "and of its days, of the month and of the week, exactly one must be ?"),
        ("schedule: daily", "neither a rate nor the six fields of a cron expression"),
        ("canary: {rule: {z: 99}}", "canary.rule.z is 99, outside 1.5 - 10 standard errors"),
        (
            "errors: all\nhttp: [GET /]",
            'errors is "all", not supported: Lambda itself counts what is raised alone; give raised or answered',
        ),
        (
            "errors: answered\nschedule: rate(5 minutes)",
            "errors is answered, but the service has no http, queue or stream, so nothing reads its answers",
        ),
        ("concurrency: 0", "concurrency is 0, out of bounds: 0 would stop the function"),
        ("memory: 128\nmemory: 256", 'mapping key "memory" already defined at line 1'),
        ("a: &x 1\nb: *x", "it refers to an anchor (*NAME), which a declaration does not need"),
        ("1: x", 'the key "1" is no text; put it in quotes'),
        ("- http", 'is ["http"], not an object; write its keys below it, indented'),
        ("{", "cannot be read: invalid YAML file"),
        ("[" * 400 + "]" * 400, "cannot be read: invalid YAML file: it is nested too deeply"),
        ("# " + "x" * LARGEST_FILE, "it has more than 65536 bytes"),
    ],
)
def test_a_mistake_is_named_with_its_path_value_and_remedy(text: str, mistake: str) -> None:
    (found,) = mistakes(text)
    assert mistake in found


@pytest.mark.parametrize(
    ("name", "text", "mistake"),
    [
        ("Svc", "", "app/Svc is a service's folder, but AWS names are built from it"),
        ("hooks", "", "app/hooks is a service's folder, but Strata uses that name itself; choose another"),
        ("removed", "", "app/removed is a service's folder, but Strata uses that name itself; choose another"),
        ("my-svc", "", "app/my-svc is a service's folder, but a package of Python has no hyphen in its name"),
    ],
)
def test_a_folder_whose_name_cannot_be_a_services_is_refused(name: str, text: str, mistake: str) -> None:
    (found,) = mistakes(text, name)
    assert mistake in found


def test_a_node_service_may_have_a_hyphen_in_its_name() -> None:
    assert mistakes("runtime: node", "my-svc") == []


def test_every_mistake_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    write(tmp_path, one="memory: 1\nhttp: [GET /x]\nreads: [table/users]", two="timeout: x\nhttp: [GET /X]", three="{")
    (tmp_path / "app/four").mkdir()
    (tmp_path / "app/four/main.py").write_text("")
    (tmp_path / "app/five/src").mkdir(parents=True)
    (tmp_path / "app/five/src/main.ts").write_text("")
    (tmp_path / "app/six").mkdir()
    (tmp_path / "app/six/service.yaml").write_text("handler: run.it")
    (tmp_path / "app/seven/service.yaml").mkdir(parents=True)
    (tmp_path / "app/assets").mkdir()
    found = read_mistakes(tmp_path)
    assert [each.partition(" is ")[0].partition(" has ")[0].partition(" cannot")[0] for each in found] == [
        "app/five",
        "app/four",
        "app/one/service.yaml: memory",
        "app/one/service.yaml: reads[0]",
        "app/seven/service.yaml",
        "app/six/service.yaml: the handler run.it needs app/six/run.py, which does not exist; write it, or correct "
        "handler or runtime",
        "app/three/service.yaml",
        "app/two/service.yaml: timeout",
        "app/two/service.yaml: http",
    ]


def test_a_repository_without_services_is_refused(tmp_path: Path) -> None:
    assert read_mistakes(tmp_path) == [
        "app has no folder with a service.yaml, so there is no service; `make service NAME=...` writes one"
    ]


@pytest.mark.parametrize("other", ["GET /x/{b}", "GET /X/{a}"])
def test_two_services_of_one_route_are_refused(tmp_path: Path, other: str) -> None:
    write(tmp_path, one="http: ['GET /x/{a}']", two=f"http: ['{other}']")
    (found,) = read_mistakes(tmp_path)
    assert found.startswith(f"app/two/service.yaml: http has {other}, which app/one/service.yaml has already")


def test_routes_that_differ_in_method_or_in_a_greedy_variable_are_two(tmp_path: Path) -> None:
    write(tmp_path, one="http: ['GET /x/{a}']", two="http: ['POST /x/{a}', 'GET /x/{a+}']")
    assert len(services.read(tmp_path)) == 2


def test_two_services_whose_queues_would_have_one_name_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, a="queue: {}")
    (folder / "app/a-dead/src").mkdir(parents=True)
    (folder / "app/a-dead/src/main.ts").write_text("")
    (folder / "app/a-dead/service.yaml").write_text("runtime: node\nqueue: {}")
    (found,) = read_mistakes(folder)
    assert "its queue ...-a-dead is that of app/a/service.yaml too; rename one of the folders" in found


def test_the_dead_letters_of_a_schedule_are_a_queue_as_well(tmp_path: Path) -> None:
    folder = write(tmp_path, a="schedule: rate(1 day)")
    (folder / "app/a-dead/src").mkdir(parents=True)
    (folder / "app/a-dead/src/main.ts").write_text("")
    (folder / "app/a-dead/service.yaml").write_text("runtime: node\nqueue: {}")
    (found,) = read_mistakes(folder)
    assert "its queue ...-a-dead is that of app/a/service.yaml too" in found


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "main.py",
            "app/a has code, but no service.yaml, so nothing declares it; write one (`runtime: python` alone will",
        ),
        (
            "src/main.ts",
            "app/a has code, but no service.yaml, so nothing declares it; write one (`runtime: node` alone",
        ),
        ("service.yml", "app/a has service.yml, which nothing reads; rename it to service.yaml"),
    ],
)
def test_a_folder_that_looks_like_a_service_and_declares_none_is_refused(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / "app/a" / file).parent.mkdir(parents=True)
    (tmp_path / "app/a" / file).write_text("")
    assert next(each for each in read_mistakes(tmp_path) if each.startswith("app/a ")).startswith(said)


def test_a_queue_that_no_service_has_is_refused(tmp_path: Path) -> None:
    write(tmp_path, one="writes: [queue/nobody]", two="queue: {}")
    (found,) = read_mistakes(tmp_path)
    assert found == (
        "app/one/service.yaml: writes has queue/nobody, but no service has that queue; the queues are queue/two"
    )


def test_a_filter_that_may_let_a_services_own_writes_through_is_a_warning() -> None:
    open_ = parse("a", b"stream: {filter: {eventName: [INSERT]}}\nwrites: [table/orders]")
    closed = parse("b", b"stream: {filter: {dynamodb: {Keys: {id: {S: [{prefix: ord_}]}}}}}\nwrites: [table/orders]")
    on_bus = parse("c", b"events: {detail-type: [x]}\nwrites: [bus/events]")
    found = list(services.warnings([open_, closed, on_bus], ROOT))
    assert [each.partition(": ")[0] for each in found] == ["app/a/service.yaml", "app/c/service.yaml"]


@pytest.mark.parametrize(("code", "warned"), [("", True), ('METRIC = "AnsweredFaults"', False)])
def test_answered_faults_that_no_code_counts_are_a_warning(tmp_path: Path, code: str, warned: bool) -> None:
    write(tmp_path, one="errors: answered\nhttp: [GET /one]", two="http: [GET /two]")
    (tmp_path / "app/one/answered.py").write_text(code)
    found = list(services.warnings(services.read(tmp_path), tmp_path))
    assert found == warned * [
        "app/one/service.yaml: errors is answered, but no file of app/one writes AnsweredFaults, so none is counted: "
        "write it as docs/services.md shows"
    ]


def test_the_services_of_the_repository_have_no_warning() -> None:
    assert list(services.warnings(services.read(ROOT), ROOT)) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(EVERYTHING)) | st.text(), JSON, max_size=4))
def test_any_object_is_read_or_its_mistakes_are_named_and_there_is_no_traceback(value: dict[str, Any]) -> None:
    named = mistakes(json.dumps(value))
    assert all(each.strip() and "\n" not in each for each in named)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"a: !!binary x\n")
@example(b"!!int x: 1\n")
@example(b"memory: !!float 5\n")
@example(b"\x00")
def test_any_bytes_are_read_or_their_mistakes_are_named_and_there_is_no_traceback(content: bytes) -> None:
    assert all(each.strip() for each in mistakes(content))


@st.composite
def declarations(draw: st.DrawFn) -> tuple[dict[str, Any], set[str]]:
    """Return a declaration of valid and wrong values, and the keys of the wrong ones."""
    wrong: Mapping[str, Any] = {
        "runtime": "ruby",
        "handler": 5,
        "http": ["x"],
        "queue": {"batch": 0},
        "stream": {"filter": {}},
        "events": {"source": "shop"},
        "schedule": "rate(0 days)",
        "reads": ["table"],
        "writes": ["bucket/x"],
        "secrets": [""],
        "environment": {"1": "x"},
        "memory": 127,
        "timeout": "10",
        "concurrency": -1,
        "tracing": "yes",
        "errors": "all",
        "canary": {"evidence": "perhaps"},
    }
    keys = draw(st.sets(st.sampled_from(list(EVERYTHING))))
    bad = draw(st.sets(st.sampled_from(sorted(keys)))) if keys else set()
    return {key: wrong[key] if key in bad else EVERYTHING[key] for key in keys}, bad


@given(declarations())
def test_a_declaration_is_read_as_it_was_meant_or_each_wrong_key_is_named(
    made: tuple[dict[str, Any], set[str]],
) -> None:
    value, bad = made
    named = mistakes(yaml.safe_dump(value))
    # Of a stream whose filter is wrong, and of a service whose triggers are wrong, or none.
    named = [each for each in named if "has no filter" not in each and "so nothing reads its answers" not in each]
    assert {each.partition(" ")[0].partition(".")[0].partition("[")[0] for each in named} == bad
    answers = {"http", "queue", "stream"} & value.keys()
    if not bad and ("errors" not in value or answers):
        found = parse("svc", yaml.safe_dump(value).encode())
        kept = {"memory", "timeout", "runtime", "errors"}
        assert all(getattr(found, key) == EVERYTHING[key] for key in value if key in kept)


@pytest.mark.parametrize("trigger", ["http: [GET /]", "queue: {}", "stream: {filter: {eventName: [INSERT]}}"])
def test_answered_faults_count_where_something_reads_the_answers(trigger: str) -> None:
    assert parse("svc", f"errors: answered\n{trigger}".encode()).errors == "answered"
