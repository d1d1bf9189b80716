"""A secret of the configuration goes from the stack file to the function and nowhere else, on the real CLI."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml  # type: ignore[import-untyped]

from rehearsal.environment import sandbox
from rehearsal.environment.sandbox import STACK
from rehearsal.environment.workspace import Edit
from rehearsal.observe.traffic import RECEIPT_HEADER, Api, is_receipt, new_order
from rehearsal.secrets import known, scan
from rehearsal.secrets.known import CONFIG_KEY, Secret
from rehearsal.secrets.scan import Leak, Watch
from tests.rehearsal.scene import Faults
from tests.rehearsal.stage import FACTOR, Said, Stage

PARAMETER = "aws:ssm/parameter:Parameter"
# A one-line mistake in the program: the function's environment has the key, and the app logs it as a parameter's name.
CARELESS = Edit(
    title="Give the function the key itself",
    file="infra/layers/secrets.py",
    before="        return parameter.name\n",
    after="        return Output.unsecret(parameter.value).apply(str)\n",
)


@dataclass
class Keyed:
    """A sandbox of its own whose stack has a receipt key, the last of `keys`."""

    stage: Stage
    keys: list[Secret]
    watch: Watch

    @property
    def key(self) -> Secret:
        return self.keys[-1]

    def order(self) -> tuple[str, bytes]:
        """Place an order; return its receipt and the answer's body."""
        api = Api.at(self.stage.sandbox.outputs()["api_url"])
        headers = {**api.headers, "Content-Type": "application/json", "Idempotency-Key": "test-secrets"}
        request = urllib.request.Request(f"{api.url}/orders", json.dumps(new_order(0.5)).encode(), headers)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310  loopback
            return answer.headers.get(RECEIPT_HEADER, ""), answer.read()

    def typed(self, *command: str) -> Said:
        return Said(*self.stage.sandbox.pulumi(*command, "--stack", STACK))

    def found(self) -> tuple[Leak, ...]:
        """Return every leak so far, of a key or of the credentials in use."""
        running = self.stage.sandbox
        secrets = [*self.keys, *known.in_use(running.env)]
        result = scan.search(secrets, scan.left_by(running, self.watch, "shown", {"report": "x"}))
        assert result.unread_places == ()
        assert (result.planted, result.places) == (len(self.keys) + 2, 8)
        return result.leaks


def keyed(*edits: Edit) -> Iterator[Keyed]:
    with sandbox.running(FACTOR) as running, Watch() as watch:
        for edit in edits:
            running.apply(edit)
        key = known.receipt_key(running)
        stage = Stage(running)
        assert (said := stage.up()).code == 0, said.text
        yield Keyed(stage, [key], watch)


@pytest.fixture(scope="module")
def kept() -> Iterator[Keyed]:
    yield from keyed()


@pytest.fixture(scope="module")
def careless() -> Iterator[Keyed]:
    yield from keyed(CARELESS)


def test_the_stack_file_holds_it_encrypted(kept: Keyed) -> None:
    text = (kept.stage.sandbox.scratch.project / f"Pulumi.{STACK}.yaml").read_text()
    written = yaml.safe_load(text)["config"]["strata:secrets"]["receiptKey"]
    assert list(written) == ["secure"]
    assert kept.key.value not in text
    assert kept.key.value not in kept.typed("config", "--json").text


def test_an_order_comes_with_a_receipt_by_the_key(kept: Keyed) -> None:
    receipt, body = kept.order()
    assert is_receipt(receipt, body, kept.key.value)


def test_the_key_is_a_secret_in_the_state_and_the_function_has_its_name_alone(kept: Keyed) -> None:
    state = json.loads(kept.typed("stack", "export").text)["deployment"]["resources"]
    (parameter,) = [each for each in state if each["type"] == PARAMETER]
    for value in (parameter["inputs"]["value"], parameter["outputs"]["value"]):
        assert {"ciphertext"} < value.keys()
    (function,) = [each for each in state if each["urn"].endswith("Function::compute-orders")]
    variables = function["inputs"]["environment"]["variables"]
    assert variables["RECEIPT_KEY_PARAMETER"] == f"/strata/{STACK}/receipt-key"


def test_refreshing_and_previewing_change_nothing_and_do_not_print_the_key(kept: Keyed) -> None:
    refreshed = kept.typed("refresh")
    assert refreshed.code == 0, refreshed.text
    said = kept.typed("preview", "--diff", "--expect-no-changes")
    assert said.code == 0, said.text
    assert kept.key.value not in said.text


def test_drift_is_found_without_the_permission_to_read_the_key(kept: Keyed) -> None:
    running = kept.stage.sandbox
    faults = Faults(running.env["AWS_ENDPOINT_URL"])
    command = [sys.executable, "-m", "infra.pipeline", "drift", "--stack", STACK]
    faults.put({"kind": "denied", "service": "ssm", "action": "GetParameter", "user_agent": "Boto3/"})
    try:
        folder = running.scratch.project
        ran = subprocess.run(command, cwd=folder, env=running.env, capture_output=True, text=True, check=False)
        assert faults.fired() == [0]
        refreshed = kept.typed("refresh", "--target", f"**{PARAMETER}::*")
        assert "ssm:GetParameter" in refreshed.text, "a refresh of the parameter is denied"
    finally:
        faults.clear()
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, f"stack {STACK} is as its state says"), ran


def test_a_new_key_is_no_release(kept: Keyed) -> None:
    live = kept.stage.live()
    kept.keys.append(known.receipt_key(kept.stage.sandbox))
    said = kept.stage.up()
    assert said.code == 0, said.text
    changes = {name: number for name, number in kept.stage.sandbox.changes().items() if name != "same"}
    assert changes == {"update": 1}, "the parameter alone"
    assert kept.stage.live() == live
    value = kept.stage.sandbox.aws.client("ssm").get_parameter(Name=f"/strata/{STACK}/receipt-key", WithDecryption=True)
    assert value["Parameter"]["Value"] == kept.key.value


def test_in_plain_text_it_is_refused_before_anything_is_declared(kept: Keyed) -> None:
    file = kept.stage.sandbox.scratch.project / f"Pulumi.{STACK}.yaml"
    before = file.read_text()
    plain = "in-plain-text-and-long-enough-to-be-a-key"
    try:
        kept.typed("config", "set", "--plaintext", "--path", CONFIG_KEY, plain)
        said = kept.stage.preview()
    finally:
        file.write_text(before)
    assert said.code != 0
    shown = " ".join(said.text.split())
    assert f"{CONFIG_KEY} is in plain text, so every reader of Pulumi.{STACK}.yaml knows it" in shown
    assert f"`pulumi config set --secret --path {CONFIG_KEY}`" in shown
    assert plain not in said.text


def test_after_all_that_the_key_is_found_nowhere(kept: Keyed) -> None:
    assert [str(leak) for leak in kept.found()] == []


@pytest.mark.faults
def test_a_key_that_the_program_leaks_is_found_in_each_place(careless: Keyed) -> None:
    careless.order()
    found = {leak.place for leak in careless.found() if leak.secret == careless.key.name}
    assert found >= {"Pulumi's state and home", "the functions' configurations", "the logs"}


@pytest.mark.faults
def test_a_key_typed_on_a_command_line_is_found_in_ps(careless: Keyed) -> None:
    careless.typed("config", "set", "--secret", "--path", CONFIG_KEY, careless.key.value)
    assert "the command lines in ps" in {leak.place for leak in careless.found()}


@pytest.mark.faults
def test_a_key_in_a_bundle_or_in_a_commit_is_found_there(careless: Keyed) -> None:
    project = careless.stage.sandbox.scratch.project
    (project / "app/orders/leftover.py").write_text(f"KEY = {careless.key.value!r}\n")
    careless.stage.sandbox.scratch.commit("Leave something behind")
    assert careless.stage.preview().code == 0
    found = {leak.place for leak in careless.found()}
    assert found >= {"the bundles", "the project, its stack files and its commits"}
