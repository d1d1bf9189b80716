"""What a stack's file hands over, by value. tests/rehearsal/test_stack_files.py asks the CLI of the same files."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.config import stack_file
from infra.config.go_yaml import LARGEST, LARGEST_UNSIGNED, SMALLEST, YamlError, json_text, load
from infra.config.property_path import PathError, parsed, put, there
from infra.config.stack_file import StackFileError, coerced
from tests.unit.stack_files import GOOD, PROJECT, of_scalars, scalars

# In the order of `scalars`, as JSON.
SCALARS = """
12345678901 | 111111111111 | 83 | 15 | 31 | 5 | 1000 | 1000 | 1000 | 512 | 0.25 | 0.5 | 5 | -3 | 4 | "1e400"
-16 | 9223372036854776000 | 18446744073709552000 | 1e+21 | 1e-07 | "12:30:45" | "1:30" | "yes" | "No" | "on" | "y"
true | true | true | false | "tRUE" | null | null | null | "2026-01-31 00:00:00 +0000 UTC"
"2026-01-03 00:00:00 +0000 UTC" | "2026-01-31 10:20:30 +0000 UTC" | "2026-01-31 10:20:30.25 +0200 +0200"
"2026-01-31 10:20:30 +0000 UTC" | "2026-02-31" | "2026-01-31T10:20:30" | "0.2" | "0.2" | "12" | 12 | 3 | "5"
10 | 31 | 8 | 0 | 0 | 0 | 0 | 1 | ".inf.x" | "=" | "1.2.3" | "1,000" | "0x" | "0b2" | "a#b" | "a\u00e9b"
1000000000000000 | 10000000000000000 | 123456789.5 | "hallo" | 1000000 | 12000 | 685230.15 | "0o8" | -0.5 | 0.5
500 | "" | "<a&b>"
"""
ALONE = {"9223372036854775808": "9223372036854775808", "1e-7": "1e-7"}
"""What is handed over of a number as a key's whole value, where that is not its JSON."""
DEFAULTS = {
    "aws:region": "eu-west-1",
    "shop:plain": "7",
    "shop:account": {"count": 3, "region": "eu-central-1"},
    "shop:all": {"size": 512, "share": 0.25, "words": ["a", "b"], "on": True},
    "shop:text": "yes",
}
HANDED: dict[str, dict[str, Any]] = {
    "null at the top": {"shop:text": "", "shop:other": ""},
    "keys without a namespace": {"shop:text": "a", "shop:size": "3"},
    "the namespace of old": {"shop:text": "a"},
    "anchors and merges": {"shop:one": {"a": 9, "b": 2, "c": 4}, "shop:two": {"b": 3, "c": 4}},
    "an anchor given again": {"shop:one": {"v": 2}},
    "keys that are no strings": {"shop:one": {"1": "a", "true": "b", "16": "c", "<nil>": "d", "1.5": "e"}},
    "a secret": {"shop:one": {"deep": [{"secure": "v1:abc"}, "plain"]}},
    "a secret at the top": {"shop:one": {"secure": "v1:abc"}},
    "secure beside another": {"shop:one": {"secure": "x", "other": "y"}},
    "secure that is no text": {"shop:one": {"secure": 5}},
    "an object as text": {"shop:all": '{"size": 1}'},
    "an object of one's own": {"shop:all": {"size": 3}},
    "part of a path given": {"shop:account": {"region": "us-east-1", "count": 3}},
    "blocks": {"shop:one": "two\nlines\n", "shop:two": "folded text"},
    "two documents": {"shop:one": "1"},
    "a mark of byte order": {"shop:one": "1"},
    "a null within": {"shop:one": {"a": None, "b": None}},
}
"""By the name of the file: what it hands over beside the project's defaults."""
SECRET = {"a secret", "a secret at the top"}


def read(folder: Path, text: str, project: str = PROJECT) -> stack_file.Handed:
    (folder / "Pulumi.yaml").write_text(project)
    (folder / "Pulumi.dev.yaml").write_text(text)
    return stack_file.read(stack_file.project(folder), "dev")


def test_every_form_of_a_scalar_is_handed_over_as_the_cli_does(tmp_path: Path) -> None:
    raw = read(tmp_path, of_scalars()).raw
    expected = [each for line in SCALARS.strip().splitlines() for each in line.split(" | ")]
    for number, (text, as_json) in enumerate(zip(scalars(), expected, strict=True)):
        value = json.loads(as_json)
        alone = value if isinstance(value, str) else "" if value is None else as_json
        assert raw[f"shop:top{number}"] == ALONE.get(text, alone), text
        assert json.loads(raw[f"shop:in{number}"]) == {"a": value, "b": [1, number], "c": [value]}, text


@pytest.mark.parametrize("name", GOOD)
def test_a_file_hands_over_its_own_values_and_the_defaults_of_what_it_lacks(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, GOOD[name])
    wanted = DEFAULTS | HANDED.get(name, {})
    assert found.raw.keys() == wanted.keys()
    for key, value in wanted.items():
        assert (found.raw[key] if isinstance(value, str) else json.loads(found.raw[key])) == value, key
    assert found.secret == ({"shop:one"} if name in SECRET else set())
    assert not found.environment


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("True", "True"), ("yes", "yes"), ("", ""), ("1.5", "1.5")),
        *(("0", 0), ("12", 12), ("-12", -12), ("+12", 12), ("012", "012"), ("1_000", "1_000")),
        *((str(LARGEST), LARGEST), (f"+{LARGEST}", LARGEST), (f"+{LARGEST + 1}", f"+{LARGEST + 1}")),
        *((str(SMALLEST), SMALLEST), (str(SMALLEST - 1), str(SMALLEST - 1))),
        *((str(LARGEST_UNSIGNED), LARGEST_UNSIGNED), (str(LARGEST_UNSIGNED + 1), str(LARGEST_UNSIGNED + 1))),
    ],
)
def test_a_default_below_another_key_is_a_number_or_a_word_of_logic_where_go_can_hold_it(
    text: str, value: object
) -> None:
    found = coerced(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (str(LARGEST), LARGEST),
        (f"+{LARGEST}", LARGEST),
        (f"+{LARGEST + 1}", float(LARGEST + 1)),
        (str(SMALLEST), SMALLEST),
        (str(SMALLEST - 1), float(SMALLEST - 1)),
        (str(LARGEST_UNSIGNED), LARGEST_UNSIGNED),
        (str(LARGEST_UNSIGNED + 1), float(LARGEST_UNSIGNED + 1)),
        ("!!float 5", 5.0),
        ("-010", -8),
    ],
)
def test_a_whole_number_that_go_cannot_hold_is_a_float(text: str, value: object) -> None:
    found = load(text.encode())
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((1e-6, "0.000001"), (9.9e-7, "9.9e-7"), (-1e-6, "-0.000001")),
        *((9e20, "900000000000000000000"), (1e21, "1e+21"), (-1e21, "-1e+21"), (1.5, "1.5")),
        *((0.0, "0"), (-0.0, "0"), (3.0, "3"), (True, "true"), (None, "null"), (LARGEST + 1, str(LARGEST + 1))),
        *(([LARGEST], f"[{LARGEST}]"), ([LARGEST + 1], "[9223372036854776000]"), ([True, 2.0, 2.5], "[true, 2, 2.5]")),
    ],
)
def test_a_value_is_written_as_json_in_the_way_of_go(value: object, text: str) -> None:
    assert json_text(value) == text


def test_a_moment_is_written_as_go_prints_it() -> None:
    assert json_text([load(b"2026-01-31")]) == '["2026-01-31 00:00:00 +0000 UTC"]'


@pytest.mark.parametrize(("text", "said"), [("[.nan]", "NaN"), ("[.inf]", "+Inf"), ("[-.inf]", "-Inf")])
def test_what_json_has_no_word_for_is_refused(text: str, said: str) -> None:
    with pytest.raises(
        YamlError, match=rf"unsupported value: \{said}$" if said != "NaN" else "unsupported value: NaN$"
    ):
        json_text(load(text.encode()))


@pytest.mark.parametrize("content", [b"a: \x00", b"a: \xff", b"\xff\xfe\x00"])
def test_what_is_no_text_is_no_yaml(content: bytes) -> None:
    with pytest.raises(YamlError, match="invalid YAML file"):
        load(content)


# The project's file


@pytest.mark.parametrize(
    ("about", "good", "bad"),
    [
        ("type: array, items: {type: integer}", ["[1, 2]", "[]", '["7"]'], ["[1, a]", "[1.5]", "5", "{a: 1}"]),
        ("type: array, items: {type: array, items: {type: string}}", ["[[a], [b, c]]"], ["[a]", "[[1]]"]),
        ("type: array", [], ["[1]"]),
        ("type: integer", ["5", "'5'", "-5", "5.0"], ["5.5", "true", "[5]", "five"]),
        ("type: boolean", ["true", "'false'"], ["1", "yes"]),
        ("type: string", ["text", "5", "true"], ["[a]", "{a: 1}"]),
        ("type: object", ["{a: 1}", "{secure: v1:abc}"], ["text", "[a]"]),
        ("type: integer, secret: true", ["{secure: v1:abc}"], ["5"]),
        ("type: integer, secret: false", ["5", "{secure: v1:abc}"], ["five"]),
        ("secret: true", ["5", "[a]"], []),
    ],
)
def test_a_value_is_of_the_type_that_the_project_gives(
    tmp_path: Path, about: str, good: list[str], bad: list[str]
) -> None:
    project = f"name: shop\nconfig:\n  one: {{{about}}}\n"
    for text in good:
        assert "shop:one" in read(tmp_path, f"config:\n  one: {text}\n", project).raw
    for text in bad:
        with pytest.raises(StackFileError, match="Stack 'dev' with configuration key 'one' must be"):
            read(tmp_path, f"config:\n  one: {text}\n", project)


def test_the_type_of_a_list_is_said_with_that_of_its_items(tmp_path: Path) -> None:
    project = "name: shop\nconfig:\n  one: {type: array, items: {type: array, items: {type: string}}}\n"
    with pytest.raises(StackFileError, match="must be of type 'array<array<string>>'"):
        read(tmp_path, "config:\n  one: 5\n", project)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("one: {default: 1, value: 2}", "'one' cannot have both a 'default' and 'value' attribute"),
        ("aws:region: {default: a}", "'aws:region' is not namespaced by the project and should not define a default"),
        ("[a]", "expected object or string or null"),
        ("one..two: 1", "invalid config key path"),
        ("one[1]: 1", "array index 1 is out of range"),
    ],
)
def test_a_project_that_the_cli_refuses_is_refused(tmp_path: Path, about: str, said: str) -> None:
    with pytest.raises(StackFileError) as caught:
        read(tmp_path, "", f"name: shop\nconfig:\n  {about}\n")
    assert said in str(caught.value)


def test_a_default_below_another_key_is_what_config_set_path_would_make_of_it(tmp_path: Path) -> None:
    defaults = {
        "a": '"12"',
        "b": "true",
        "c": '"true"',
        "d": "0.5",
        "e": "[1]",
        "f": "text",
        "g": "2026-01-31",
        "h": "3",
    }
    keys = "".join(f"  one.{key}: {{default: {value}}}\n" for key, value in defaults.items())
    found = read(tmp_path, "", f"name: shop\nconfig:\n{keys}")
    wanted = {"a": 12, "b": True, "c": True, "d": 0.5, "e": [1], "f": "text", "g": "2026-01-31T00:00:00Z", "h": 3}
    assert json.loads(found.raw["shop:one"]) == wanted


def test_of_another_namespace_a_key_may_lack_its_value(tmp_path: Path) -> None:
    project = "name: shop\nconfig:\n  aws:region: {type: string, description: where}\n  shop:one: {value: 2}\n"
    assert read(tmp_path, "config:\n  aws:region: a\n", project).raw == {"aws:region": "a", "shop:one": "2"}
    untyped = "name: shop\nconfig:\n  aws:region: {description: where}\n  aws:zone: {value: b}\n"
    assert read(tmp_path, "", untyped).raw == {"aws:zone": "b"}


@pytest.mark.parametrize("text", ["", "name: ''\n", "name: 5\n", "runtime: python\n"])
def test_a_project_has_a_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(StackFileError, match="project is missing a non-empty string 'name' attribute"):
        read(tmp_path, "", text)


def test_a_folder_without_a_project_is_refused_unless_another_name_is_given(tmp_path: Path) -> None:
    with pytest.raises(StackFileError, match=r"no Pulumi\.yaml project file found"):
        stack_file.project(tmp_path)
    assert stack_file.project(tmp_path, "shop").name == "shop"
    (tmp_path / "Pulumi.yaml").write_text("name: own\nconfig: stacks\n")
    assert stack_file.project(tmp_path, "shop").name == "own"
    assert stack_file.project(tmp_path).folder == tmp_path / "stacks"


def test_the_longest_name_of_a_stack_has_100_characters() -> None:
    assert stack_file.short("x" * 100, "shop") == "x" * 100


# Paths


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("one", ["one"]),
        ("one.two", ["one", "two"]),
        ("one[0].two", ["one", 0, "two"]),
        ('one["a.b"]', ["one", "a.b"]),
        (r'["say \"no\""].two', ['say "no"', "two"]),
    ],
)
def test_a_path_has_names_and_indexes(text: str, parts: list[str | int]) -> None:
    assert parsed(text) == parts


@pytest.mark.parametrize("text", ["", ".one", "[0]", "one..two", "one[", "one[a]", '[""]', "one."])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(PathError, match="invalid config key path"):
        parsed(text)


HELD = {"a": [{"b": 1}, 2], "c": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ([], True),
        (["a"], True),
        (["c"], True),
        (["a", 1], True),
        (["a", 2], False),
        (["a", 0, "b"], True),
        (["a", 1, "b"], False),
        (["a", "b"], False),
        (["d"], False),
        ([0], False),
    ],
)
def test_a_path_leads_somewhere_or_not(path: list[str | int], found: bool) -> None:
    assert there(HELD, path) is found


@pytest.mark.parametrize(
    ("value", "path", "changed"),
    [
        (None, [], 9),
        (None, ["a", "b"], {"a": {"b": 9}}),
        (None, ["a", 0, "b"], {"a": [{"b": 9}]}),
        ({"a": 1, "b": 2}, ["a"], {"a": 9, "b": 2}),
        ([1, 2, 3], [1], [1, 9, 3]),
        ([1, 2], [2], [1, 2, 9]),
        ([[1], 2], [0, 1], [[1, 9], 2]),
    ],
)
def test_a_value_is_put_at_a_path_and_what_is_missing_on_the_way_is_made(
    value: object, path: list[str | int], changed: object
) -> None:
    assert put(value, path, 9) == changed


@pytest.mark.parametrize(
    ("value", "path", "said"),
    [
        ([1], [2], "array index 2 is out of range"),
        ({"a": 1}, [0], "array index 0 is out of range"),
        ([1], ["a"], "key 'a' for an array must be an int"),
    ],
)
def test_a_path_that_does_not_fit_the_value_is_refused(value: object, path: list[str | int], said: str) -> None:
    with pytest.raises(PathError, match=said):
        put(value, path, 9)
