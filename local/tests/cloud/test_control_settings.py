"""The control plane, and the command line of the local cloud."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud import languages
from local.tests.cloud.conftest import PYTHON, ROOT, Cloud, Functions, start_cloud, stop_cloud, until
from local.tests.cloud.languages import Language

PLAIN = {
    "factor": 60,
    "lateness_minutes": 0,
    "duplicates": 0,
    "executed_version_always": False,
    "enforce": False,
    "root": True,
}


@pytest.fixture
def restored(cloud: Cloud) -> Iterator[None]:
    """Puts the settings of the session's cloud back."""
    _, before = cloud.control("GET", "settings")
    yield
    cloud.control("POST", "settings", before)


def test_the_timeline_says_by_how_much_it_is_late(cloud: Cloud) -> None:
    status, answer = cloud.control("GET", "timeline")
    assert (status, list(answer)) == (200, ["behind", "done", "late"])
    assert all(each >= 0 for each in answer.values())


def test_the_settings_are_those_of_the_command_line(cloud: Cloud) -> None:
    assert cloud.control("GET", "settings") == (200, PLAIN)


@pytest.mark.usefixtures("restored")
def test_a_change_of_settings_changes_what_it_names_and_no_more(cloud: Cloud) -> None:
    status, after = cloud.control("POST", "settings", {"lateness_minutes": 2.5})
    assert status == 200
    assert after == {**PLAIN, "lateness_minutes": 2.5}
    assert cloud.control("GET", "settings")[1] == after


@pytest.mark.usefixtures("restored")
def test_every_mistake_in_a_change_is_reported_and_nothing_changes(cloud: Cloud) -> None:
    before = cloud.control("GET", "settings")
    wanted = {"factor": 0, "lateness_minutes": "2", "executed_version_always": 1, "speed": 3}
    status, answer = cloud.control("POST", "settings", wanted)
    assert status == 400
    mistakes = "\n".join(answer["mistakes"])
    assert "factor 0 is out of range" in mistakes
    assert "lateness_minutes is '2': it must be a number" in mistakes
    assert "executed_version_always is 1: it must be true or false" in mistakes
    assert "unknown setting 'speed'" in mistakes
    assert cloud.control("GET", "settings") == before


@pytest.mark.parametrize("body", ["not json", "[1]", ""])
def test_a_body_that_is_no_object_is_a_mistake(cloud: Cloud, body: str) -> None:
    status, text = cloud.http("POST", "/_strata/settings", body)
    assert status == 400
    assert json.loads(text)["mistakes"]


def test_an_unknown_path_of_the_control_plane_names_the_known_ones(cloud: Cloud) -> None:
    status, answer = cloud.control("DELETE", "settings")
    assert status == 404
    assert "POST /_strata/reset" in answer["mistakes"][0]


@pytest.mark.usefixtures("restored")
def test_a_changed_factor_reaches_warm_workers(cloud: Cloud, functions: Functions) -> None:
    functions.create("import os\ndef handler(event, context):\n    return os.environ['STRATA_CLOCK_RATE']\n")
    assert functions.invoke(qualifier="")["Payload"] == "60"
    cloud.control("POST", "settings", {"factor": 61.5})
    assert functions.invoke(qualifier="")["Payload"] == "61.5"


def running(pid: int) -> bool:
    """Return True if a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Own:
    """A cloud of a test's own, with one function in it, which lets nothing else run in its process."""

    def __init__(self, folder: Path, *options: str, language: Language = languages.PYTHON) -> None:
        self.folder = folder
        self.process, self.cloud = start_cloud(folder, *options)
        self.functions = Functions(lambda service: self.cloud.client(service, "123456789012"), "123456789012")
        self.functions.create(language.process, Runtime=language.runtime, Timeout=100)
        self.worker = self.functions.invoke(0, qualifier="")["Payload"]

    @property
    def printed(self) -> str:
        """Return its standard output and error."""
        return (self.folder / "cloud.txt").read_text()

    def keep_busy(self) -> subprocess.Popen[bytes]:
        """Return a client that waits for a long call, once that call runs."""
        path = f"{self.cloud.endpoint}/2015-03-31/functions/orders/invocations"
        authorization = "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-central-1/lambda/aws4_request"
        code = (
            "import urllib.request as r\n"
            f"r.urlopen(r.Request({path!r}, b'60', {{'Authorization': {authorization!r}}}))\n"
        )
        client = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        time.sleep(1)
        assert client.poll() is None
        return client


@pytest.fixture
def own(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Own]:
    """A cloud of the test's own; whatever happens, it does not outlive the test. Its parameter is a language."""
    made = Own(tmp_path, language=getattr(request, "param", languages.PYTHON))
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_it_prints_lines_to_export_and_a_reset_forgets_everything_and_ends_the_workers(own: Own) -> None:
    lines = own.printed.splitlines()
    exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
    assert exports == {
        "AWS_ENDPOINT_URL": own.cloud.endpoint,
        "AWS_ACCESS_KEY_ID": "111111111111",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "STRATA_CLOCK_RATE": "60",
    }
    assert all(line.startswith(("export ", "# ")) for line in lines)

    assert own.cloud.control("POST", "reset") == (200, {"reset": True})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        own.functions.invoke(0, qualifier="")
    assert until(lambda: not running(own.worker))
    metrics = own.cloud.client("cloudwatch", "123456789012").list_metrics()["Metrics"]
    assert metrics == []
    own.functions.create(languages.PYTHON.process)
    assert own.functions.invoke(0, qualifier="")["Payload"] != own.worker


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quickly_and_quietly_even_while_a_call_runs(own: Own, number: signal.Signals) -> None:
    client = own.keep_busy()
    own.process.send_signal(number)
    assert own.process.wait(timeout=30) == 0, "the call takes sixty seconds"
    assert own.printed.splitlines()[-1] == "# Stopped."
    assert "Traceback" not in own.printed
    assert not running(own.worker)
    assert not list(Path("/tmp").glob(f"strata-cloud-{own.process.pid}-*"))  # noqa: S108
    assert not (own.folder / "ready.json").exists()
    client.wait(timeout=600)


@pytest.mark.parametrize("own", [languages.PYTHON, languages.NODE], indirect=True, ids=["python", "node"])
def test_no_worker_outlives_a_cloud_that_was_killed(own: Own) -> None:
    client = own.keep_busy()
    own.process.kill()
    own.process.wait()
    assert until(lambda: not running(own.worker))
    client.wait(timeout=600)
    left = list(Path("/tmp").glob(f"strata-cloud-{own.process.pid}-*"))  # noqa: S108
    process, _ = start_cloud(own.folder)
    assert left
    assert not any(folder.exists() for folder in left)
    stop_cloud(process)


def test_it_takes_its_settings_and_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    own = Own(tmp_path, "--parent", str(parent.pid), "--lateness", "2")
    assert own.cloud.control("GET", "settings") == (200, {**PLAIN, "lateness_minutes": 2})
    parent.kill()
    parent.wait()
    assert own.process.wait(timeout=600) == 0


def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a cloud that is expected not to start."""
    command = [str(PYTHON), "-m", "local.cloud", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, **environment}
    )


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("--port", str(port))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert f"port {port} on 127.0.0.1 cannot be used" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_another_ministack_than_the_patches_were_written_for_is_a_clear_error() -> None:
    code = (
        "import sys\nimport ministack.services.lambda_svc as service\nfrom local.cloud.__main__ import main\n"
        "service._invoke = lambda name, event: None\ndel service._create_alias\n"
        "sys.exit(main(['--port', '0']))\n"
    )
    command = [str(PYTHON), "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 1
    assert "services.lambda_svc._invoke takes (name event), expected (name event headers" in ended.stderr
    assert "services.lambda_svc._create_alias is missing" in ended.stderr
    assert "pin ministack==" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("option", "value"), [("--factor", "-1"), ("--factor", "1e9"), ("--lateness", "100")])
def test_a_setting_out_of_range_is_a_clear_error(option: str, value: str) -> None:
    ended = run("--port", "0", option, value)
    assert ended.returncode == 1
    assert "out of range" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_users_own_aws_settings_do_not_reach_it(tmp_path: Path) -> None:
    mine: dict[str, Any] = {
        "AWS_PROFILE": "missing",
        "GATEWAY_PORT": "1",
        "SERVICES": "s3",
        "LAMBDA_EXECUTOR": "docker",
    }
    before = {name: os.environ.get(name) for name in mine}
    os.environ.update(mine)
    try:
        process, cloud = start_cloud(tmp_path)
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    try:
        make: Callable[[str], Any] = lambda service: cloud.client(service, "123456789012")  # noqa: E731
        functions = Functions(make, "123456789012")
        functions.create(languages.PYTHON.process)
        assert functions.invoke(0, qualifier="")["Payload"] > 0
    finally:
        stop_cloud(process)
