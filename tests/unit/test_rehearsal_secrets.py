"""The search for secrets finds one however it is written, and says where it is but never its value."""

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.secrets import scan
from rehearsal.secrets.known import Secret, in_use
from rehearsal.secrets.scan import Search, Watch, command_lines, search

VALUE = "sx9/Qm+vT0aZ/kLw8Rb+e5YhN1c/7dGf3i+o6tXqSn/vCzKjHg+y4uWl"
SECRET = Secret("the key", VALUE)


def found(text: str | bytes, secret: Secret = SECRET) -> list[str]:
    """Return the forms in which a text holds the secret."""
    what = text.encode() if isinstance(text, str) else text
    return [leak.form for leak in search([secret], {"a place": [("a file", what)]}).leaks]


WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": lambda value: f"key={value}",
    "percent-encoded": lambda value: quote(value, safe=""),
    "reversed": lambda value: value[::-1],
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "hexadecimal": lambda value: value.encode().hex(),
    "split": lambda value: "\n".join(value[at : at + 5] for at in range(0, len(value), 5)),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_a_secret_is_found_in_each_form(form: str) -> None:
    assert found(f"before {WRITTEN[form](VALUE)} after") == [form]


@given(st.binary(max_size=40), st.lists(st.binary(min_size=1, max_size=14), max_size=6), st.data())
def test_pieces_are_found_in_one_pass_as_one_by_one(text: bytes, pieces: list[bytes], data: st.DataObject) -> None:
    inside = data.draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 14)), max_size=4))
    pieces += [piece for at, size in inside if (piece := text[at : at + size])]
    assert scan.Pieces(pieces).held_by(text) == {piece for piece in pieces if piece in text}


def test_every_form_that_is_known_is_tried_here() -> None:
    assert {form for form, _, _ in scan.forms(VALUE)} == set(WRITTEN)


@pytest.mark.parametrize("before", ["", "a", "ab"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_it_is_found_in_the_base64_of_something_around_it(before: str, encode: Callable[[bytes], bytes]) -> None:
    assert found(encode(f"{before}{VALUE}: after".encode())) == ["base64"]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(list(VALUE)),
        json.dumps("\n".join(VALUE[at : at + 7] for at in range(0, len(VALUE), 7))),
        "\n    | ".join(VALUE[at : at + 8] for at in range(0, len(VALUE), 8)),
    ],
    ids=["characters in a list", "escaped line ends", "indented lines"],
)
def test_it_is_found_among_separators(text: str) -> None:
    assert found(text) == ["split"]


def test_half_of_it_is_found() -> None:
    assert found(VALUE[5:33]) == ["plain"]
    assert found(VALUE.encode().hex().upper()[: len(VALUE)]) == ["hexadecimal"]


@given(st.binary(max_size=2000))
def test_nothing_is_found_where_it_is_not(what: bytes) -> None:
    assert found(what) == []


def test_its_name_alone_is_no_leak() -> None:
    assert found("the key is in /strata/prod/receipt-key, 56 characters") == []


def test_a_leak_says_which_secret_where_and_how_but_not_what() -> None:
    result = search([SECRET, Secret("another", VALUE[::-1])], {"the logs": [("app.log", f"x{VALUE}".encode())]})
    assert [str(leak) for leak in result.leaks] == [
        "the key was found in app.log (plain)",
        "another was found in app.log (reversed)",
    ]
    assert VALUE not in repr(result) + repr(SECRET)


def test_a_place_with_nothing_in_it_is_reported() -> None:
    assert search([SECRET], {"here": [("a", b"x")], "there": [], "nowhere": [("b", b"")]}) == Search(
        1, 3, unread_places=("there", "nowhere")
    )


def test_the_files_in_a_zip_are_searched(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "orders.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app/settings.py", f"KEY = {VALUE!r}" * 3)
    (leak,) = search([SECRET], {"the bundles": scan._zips(tmp_path)}).leaks
    assert leak.where == f"{tmp_path}/orders.zip: app/settings.py"


def test_a_secret_on_a_command_line_is_seen_by_the_watch() -> None:
    sleeper = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "--key", VALUE]
    with Watch() as watch, subprocess.Popen(sleeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while not any(VALUE.encode() in line for line in watch.seen.copy()):
            assert process.poll() is None
        process.communicate()
    assert search([SECRET], {"ps": [("a command line", line) for line in watch.seen]}).leaks != ()


def test_command_lines_are_those_of_this_process_too() -> None:
    assert Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").strip() in command_lines()


def test_the_credentials_of_an_environment_are_secrets_and_its_names_and_places_are_not() -> None:
    env = {
        "AWS_ACCESS_KEY_ID": "333333333333",
        "AWS_SECRET_ACCESS_KEY": VALUE,
        "AWS_SESSION_TOKEN": VALUE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/somewhere/that/is/long/enough",
        "AWS_REGION": "eu-central-1",
        "PULUMI_CONFIG_PASSPHRASE": VALUE,
        "PULUMI_ACCESS_TOKEN": "short",
        "GREETING": "a text that is long enough",
    }
    names = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PULUMI_CONFIG_PASSPHRASE"]
    assert [secret.name for secret in in_use(env)] == names


def test_the_id_of_an_access_key_is_one_as_well() -> None:
    assert [secret.name for secret in in_use({"AWS_ACCESS_KEY_ID": "ASIA" + "Q" * 16})] == ["AWS_ACCESS_KEY_ID"]
