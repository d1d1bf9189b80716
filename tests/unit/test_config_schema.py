"""The readers of single values: what lies at a bound, and what is wrong on either side of it."""

import pytest

from infra.config.curves import Chance
from infra.schema import (
    LONGEST_SHOWN,
    MOST_DIGITS,
    Check,
    Flag,
    InvalidValueError,
    Key,
    ListOf,
    OneOf,
    Reader,
    Sealed,
    Secret,
    Share,
    Text,
    Whole,
    decode,
    mask,
    shown,
    typed,
    unknown,
)

WHOLE = Whole(2, 5, "MB", "Lambda's bounds")


def read(reader: Reader, value: object) -> tuple[list[object], list[str]]:
    mistakes: list[str] = []
    return list(reader.read(value, "strata:compute.key", mistakes)), mistakes


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (WHOLE, [2, 5], [1, 6, 2.0, True, "3", None]),
        (Share(), [0.001, 1, 1.0, 0.5], [0, 0.0, 1.001, -0.5, True, "0.5", None]),
        (Flag(), [True, False], [0, 1, "true", None]),
        (OneOf("a", 1, why="so"), ["a", 1], ["b", True, "1", 1.0, None]),
        (Text("[a-z]+", "letters"), ["a", "abc"], ["", "a1", "a\n", 5, None]),
        (Key(3, 5), [Secret("abc"), Secret("a+/=_"), Sealed()], [Secret("ab"), Secret("abcdef"), Secret("a b"), "abc"]),
    ],
)
def test_a_value_is_taken_up_to_its_bounds_and_refused_beyond_them(
    check: Check, good: list[object], bad: list[object]
) -> None:
    for value in good:
        assert read(check, value) == ([value], [])
    for value in bad:
        found, (mistake,) = read(check, value)
        assert found == []
        assert mistake.startswith("strata:compute.key is ")
        assert mistake.endswith(f"; give {check.expected}")


@pytest.mark.parametrize(
    ("value", "found", "mistakes"),
    [
        ([2, 3], [(2, 3)], 0),
        ([2], [], 1),
        ([], [], 1),
        ("23", [], 1),
        ([2, 2], [(2, 2)], 1),
        ([2, 9], [], 1),
        ([2, 3, 2, 3], [(2, 3, 2, 3)], 2),
    ],
)
def test_a_list_has_as_many_items_as_it_needs_and_each_once(value: object, found: list[object], mistakes: int) -> None:
    read_, wrong = read(ListOf(WHOLE, 2), value)
    assert (read_, len(wrong)) == (found, mistakes)


@pytest.mark.parametrize(("least", "value", "what"), [(1, [], "shorter than 1"), (1, "a", "not a list")])
def test_what_is_wrong_with_a_list_is_said(least: int, value: object, what: str) -> None:
    _, (mistake,) = read(ListOf(WHOLE, least), value)
    assert what in mistake


def test_a_value_is_cut_where_it_is_longer_than_a_line_takes() -> None:
    assert shown("x" * (LONGEST_SHOWN - 2)) == f'"{"x" * (LONGEST_SHOWN - 2)}"'
    cut = shown("x" * (LONGEST_SHOWN - 1))
    assert (len(cut), cut[-1]) == (LONGEST_SHOWN, "…")
    assert shown("Größe") == '"Größe"'
    assert shown("a\u2028b") == '"a\\u2028b"'
    assert shown({"key": Secret("word")}) == '{"key": "[secret]"}'


def test_a_number_has_as_many_digits_as_a_float_holds() -> None:
    assert decode("9" * MOST_DIGITS) == 10**MOST_DIGITS - 1
    with pytest.raises(InvalidValueError, match=f"a number of {MOST_DIGITS + 1} digits"):
        decode("1" + "0" * MOST_DIGITS)


@pytest.mark.parametrize(
    ("text", "said"), [('{"a": 1, "b": 2, "a": 3}', 'the key "a" twice'), ("[NaN]", "with NaN in it")]
)
def test_what_json_leaves_open_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        decode(text)
    assert decode('{"a": {"b": 1}, "c": {"b": 2}}') == {"a": {"b": 1}, "c": {"b": 2}}


@pytest.mark.parametrize(
    ("value", "taken", "name"),
    [
        ("true", True, "bool"),
        ("false", False, "bool"),
        ("12", 12, "int"),
        ("-12", -12, "int"),
        ("0.5", 0.5, "float"),
        (12, "12", "string"),
        (True, "true", "string"),
        ("yes", True, None),
        ("12x", 12, None),
        (None, "null", None),
        ([1], "[1]", None),
        ("", "", None),
    ],
)
def test_a_value_of_another_type_is_reported_with_the_remedy(value: object, taken: object, name: str | None) -> None:
    said = typed(value, "strata:a.b", lambda each: type(each) is type(taken) and each == taken)
    assert (f"--type {name} strata:a.b {value if isinstance(value, str) else taken}`" in said) is (name is not None)
    assert name is not None or said == ""


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("logLevl", 'did you mean "logLevel"?'),
        ("LOG_LEVEL", 'did you mean "logLevel"?'),
        ("colour", "the keys here are logLevel, memory"),
    ],
)
def test_a_key_that_nothing_reads_is_named_with_the_closest_or_all(key: str, remedy: str) -> None:
    said = unknown(f"strata:compute.{key}", key, 1, ["logLevel", "memory"])
    assert said == f"strata:compute.{key} is 1, but there is no such key; {remedy}"


def test_every_value_of_a_section_of_secrets_is_hidden_and_what_is_encrypted_stays_sealed() -> None:
    assert mask({"a": "x", "b": {"c": 5}, "d": {"secure": "v1"}}) == {
        "a": Secret("x"),
        "b": {"c": Secret("5")},
        "d": Sealed(),
    }
    assert mask({"secure": 5}) == {"secure": Secret("5")}
    assert mask({"secure": "v1", "other": "y"}) == {"secure": Secret("v1"), "other": Secret("y")}


@pytest.mark.parametrize("chance", [0.5, 0.999])
def test_a_chance_may_be_as_its_bounds_say(chance: float) -> None:
    assert Chance().check(chance) == chance
    with pytest.raises(InvalidValueError, match="out of bounds"):
        Chance().check(chance + (0.0001 if chance > 0.9 else -0.0001))
