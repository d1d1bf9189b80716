"""The configuration: what is read, and every mistake at once."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import config
from infra.config import SECTIONS, ConfigError, StackConfig
from infra.config.schema import key_of
from infra.release.model.spec import ReleasePolicy
from infra.release.verdict.rule import Rule
from infra.source import Source

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["111111111111"]}
STATE = {"bucket": "acme-state", "key": "data/terraform.tfstate"}


def parse(stack: str = "dev", **rooms: object) -> StackConfig:
    raw = {f"strata:{room}": json.dumps(value) for room, value in {"account": ACCOUNT, **rooms}.items()}
    return config.parse(raw, stack)


def mistakes(stack: str = "dev", **rooms: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(stack, **rooms)
    return caught.value.mistakes


def test_a_stack_that_gives_only_its_account_has_every_default() -> None:
    stack = parse()
    assert stack.data.source is Source.MANAGED
    assert (stack.compute.runtime, stack.compute.architecture) == ("python3.11", "x86_64")
    assert (stack.delivery.curve.percent, stack.delivery.curve.minutes) == (10, 10)
    assert stack.release == ReleasePolicy()


def test_what_a_stack_gives_replaces_the_default_and_nothing_else() -> None:
    stack = parse(compute={"memory": 2048}, release={"rule": {"minimumErrors": 6}})
    assert (stack.compute.memory, stack.compute.timeout) == (2048, 10)
    assert stack.release.rule == Rule(minimum_errors=6)


def test_the_legacy_state_lies_in_the_stacks_region_unless_told_otherwise() -> None:
    here = parse(data={"source": "legacy", "legacy": STATE}).data.legacy
    there = parse(data={"source": "legacy", "legacy": {**STATE, "region": "us-east-1"}}).data.legacy
    assert here is not None
    assert there is not None
    assert (here.region, there.region) == ("eu-central-1", "us-east-1")


@pytest.mark.parametrize("project", ["my_orders", "Strata"])
def test_a_project_that_s3_would_not_take_is_a_mistake_beside_all_others(project: str) -> None:
    raw = {f"{project}:account": json.dumps(ACCOUNT), f"{project}:compute": '{"memory": 64}'}
    with pytest.raises(ConfigError) as caught:
        config.parse(raw, "prod", project)
    assert caught.value.mistakes[0].startswith(
        f"the project is named {project!r}, but AWS names are built from its name"
    )
    assert "compute.memory is 64" in caught.value.mistakes[1]


def test_every_mistake_of_every_object_is_in_one_error() -> None:
    found = mistakes(
        account={"region": "eu", "allowedAccountIds": []},
        data={"source": "legcy"},
        compute={"memory": 64, "timeout": "10"},
        observability={"logRetentionDays": 31},
        delivery={"curve": {"percent": 0, "minutes": 1}},
        release={"rule": {"z": 0, "absolute": 1}},
    )
    paths = [line.split(" is ")[0] for line in found]
    assert paths == [
        "strata:account.region",
        "strata:account.allowedAccountIds",
        "strata:data.source",
        "strata:compute.memory",
        "strata:compute.timeout",
        "strata:observability.logRetentionDays",
        "strata:delivery.curve.percent",
        "strata:delivery.curve.minutes",
        "strata:release.rule.z",
        "strata:release.rule.absolute",
    ]


def test_the_error_counts_the_mistakes_and_names_the_file_to_correct() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("prod", compute={"memory": 64, "timeout": 0})
    first, *lines, last = str(caught.value).splitlines()
    assert first == "the configuration of stack prod has 2 mistakes; nothing was declared:"
    assert [line[:22] for line in lines] == ["  - strata:compute.mem", "  - strata:compute.tim"]
    assert "Pulumi.prod.yaml" in last


def test_pulumi_shows_the_error_without_a_traceback() -> None:
    assert issubclass(ConfigError, pulumi.RunError)


def test_a_value_out_of_bounds_is_told_with_the_bounds_and_whose_they_are() -> None:
    (line,) = mistakes(compute={"memory": 64})
    assert line == (
        "strata:compute.memory is 64, out of bounds: Lambda offers no other; "
        "give a whole number of MB from 128 to 10240"
    )


@pytest.mark.parametrize("memory", [127, 10241, 512.5, "512", True, None, [512]])
def test_only_a_whole_number_within_the_bounds_is_one(memory: object) -> None:
    (line,) = mistakes(compute={"memory": memory})
    assert line.startswith(f"strata:compute.memory is {json.dumps(memory)}, ")


def test_true_is_not_a_second() -> None:
    (line,) = mistakes(compute={"timeout": True})
    assert line.startswith("strata:compute.timeout is true, not a whole number")


@pytest.mark.parametrize("memory", [128, 10240])
def test_the_bounds_themselves_are_within_the_bounds(memory: int) -> None:
    assert parse(compute={"memory": memory}).compute.memory == memory


@pytest.mark.parametrize("share", [0, -0.1, 1.01, "0.2", True])
def test_only_a_fraction_above_nothing_is_a_share(share: object) -> None:
    (line,) = mistakes(observability={"errorShare": share})
    assert line.endswith("give a fraction above 0 and up to 1, e.g. 0.25")


def test_a_key_that_nothing_reads_is_a_mistake_and_the_likely_one_is_named() -> None:
    assert mistakes(compute={"memroy": 512}) == (
        'strata:compute.memroy is 512, but there is no such key; did you mean "memory"?',
    )


def test_the_snake_case_of_a_key_is_recognised() -> None:
    (line,) = mistakes(observability={"log_retention_days": 30})
    assert line.endswith('did you mean "logRetentionDays"?')


def test_a_key_like_no_other_is_answered_with_the_keys_there_are() -> None:
    (line,) = mistakes(delivery={"wibble": 1})
    assert line == "strata:delivery.wibble is 1, but there is no such key; the keys here are curve, smoke, bakeMinutes"


def test_an_object_that_nothing_reads_is_a_mistake() -> None:
    (line,) = mistakes(delivry={"curve": {}})
    assert line.endswith('there is no such key; did you mean "delivery"?')


def test_a_provider_setting_beside_the_account_is_a_mistake_since_it_would_change_nothing() -> None:
    raw = {"strata:account": json.dumps(ACCOUNT), "aws:region": "us-east-1", "pulumi:tags": "{}"}
    with pytest.raises(ConfigError) as caught:
        config.parse(raw, "dev")
    (line,) = caught.value.mistakes
    assert line.startswith('aws:region is "us-east-1", without effect')


@pytest.mark.parametrize("text", ["legacy", "{bad", "", "5", "[1]", '{"source": NaN}', '{"source": 1, "source": 2}'])
def test_text_that_is_no_object_is_told_with_the_text(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse({"strata:account": json.dumps(ACCOUNT), "strata:data": text}, "dev")
    (line,) = caught.value.mistakes
    assert line.startswith("strata:data is ")
    assert ";" in line


def test_a_long_value_does_not_drown_its_mistake() -> None:
    (line,) = mistakes(compute={"runtime": "x" * 10_000})
    assert len(line) < 250


def test_a_value_of_several_lines_stays_in_one() -> None:
    (line,) = mistakes(compute={"runtime": "a\nb"})
    assert "\n" not in line


def test_an_account_id_without_quotes_is_told_to_be_quoted() -> None:
    (line,) = mistakes(account={**ACCOUNT, "allowedAccountIds": [111111111111]})
    assert line.startswith("strata:account.allowedAccountIds[0] is 111111111111, not a string")
    assert "in quotes" in line


def test_an_account_that_is_listed_twice_is_a_mistake() -> None:
    (line,) = mistakes(account={**ACCOUNT, "allowedAccountIds": ["111111111111", "111111111111"]})
    assert line.startswith("strata:account.allowedAccountIds[1]")


def test_the_account_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse({}, "dev")
    assert [line.split(";")[0] for line in caught.value.mistakes] == [
        "strata:account.region is missing and has no default",
        "strata:account.allowedAccountIds is missing and has no default",
    ]


def test_a_legacy_table_needs_its_state() -> None:
    (line,) = mistakes(data={"source": "legacy"})
    assert line.startswith("strata:data.legacy is missing, but strata:data.source is legacy")


def test_a_state_that_nobody_reads_is_without_effect() -> None:
    (line,) = mistakes(data={"source": "managed", "legacy": STATE})
    assert "without effect: strata:data.source is managed" in line


@pytest.mark.parametrize(("key", "value"), [("tableName", "orders-x"), ("deletionProtection", True)])
def test_a_legacy_table_cannot_be_configured_here(key: str, value: object) -> None:
    (line,) = mistakes(data={"source": "legacy", "legacy": STATE, key: value})
    assert line.startswith(f"strata:data.{key} is {json.dumps(value)}, without effect")


def test_a_table_to_adopt_must_be_named() -> None:
    (line,) = mistakes(data={"source": "adopted"})
    assert line.startswith("strata:data.tableName is missing, but strata:data.source is adopted")
    assert parse(data={"source": "adopted", "tableName": "orders-prod"}).data.table_name == "orders-prod"


def test_the_protection_of_an_adopted_table_is_not_a_choice() -> None:
    (line,) = mistakes(data={"source": "adopted", "tableName": "orders-prod", "deletionProtection": False})
    assert "always protected" in line


def test_prod_cannot_give_up_the_protection_of_its_table_but_dev_can() -> None:
    (line,) = mistakes("prod", data={"deletionProtection": False})
    assert line.startswith("strata:data.deletionProtection is false, but prod holds")
    assert parse("dev", data={"deletionProtection": False}).data.deletion_protection is False


def test_mistakes_between_keys_are_reported_beside_mistakes_in_them() -> None:
    found = mistakes("prod", data={"source": "managed", "legacy": STATE, "tableName": 3, "deletionProtection": False})
    assert len(found) == 3


@pytest.mark.parametrize("source", ["legacy", "adopted"])
def test_the_other_layers_can_only_be_managed(source: str) -> None:
    (line,) = mistakes(compute={"source": source})
    assert line.endswith("compute, observability and delivery share one, and Pulumi owns them; give managed")


def test_evidence_needs_somebody_who_waits_for_it() -> None:
    (line,) = mistakes(release={"wait": False, "evidence": "enforce"})
    assert line.startswith("strata:release.evidence is enforce, but strata:release.wait is false, so nobody waits")
    (line,) = mistakes(release={"wait": False, "topUp": True})
    assert line.startswith("strata:release.topUp is true, without effect")


@pytest.mark.parametrize("override", ["because", "ann:", "ann: " + "x" * 100, 'ann: "now"', ""])
def test_an_override_names_a_person_and_a_reason(override: str) -> None:
    (line,) = mistakes(release={"override": override})
    assert 'who and why, e.g. "ann: hotfix of the outage"' in line


def test_what_a_release_may_be_told_once_reaches_the_policy() -> None:
    given = parse(release={"retry": "0123456789abcdef", "override": "ann: hotfix of the outage"}).release
    assert (given.retry, given.override) == ("0123456789abcdef", "ann: hotfix of the outage")
    (line,) = mistakes(release={"retry": "0123"})
    assert "16 hexadecimal digits" in line


def test_a_longest_wait_without_waiting_is_without_effect() -> None:
    (line,) = mistakes(release={"wait": False, "longestWaitMinutes": 5})
    assert line.startswith("strata:release.longestWaitMinutes is 5, without effect")


def test_a_version_is_smoked_and_not_baked_unless_the_stack_says_otherwise() -> None:
    assert (parse().delivery.smoke, parse().delivery.bake_minutes) == (True, 0)
    asked = parse(delivery={"smoke": False, "bakeMinutes": 14}).delivery
    assert (asked.smoke, asked.bake_minutes) == (False, 14)


def test_more_minutes_to_bake_than_lambda_runs_are_refused_with_that_reason() -> None:
    (line,) = mistakes(delivery={"bakeMinutes": 15})
    assert line == (
        "strata:delivery.bakeMinutes is 15, out of bounds: a Lambda function holds the deployment open, and it "
        "runs 15 minutes at most; give a whole number of minutes from 0 to 14"
    )


def test_a_bound_of_the_verdict_is_judged_by_the_verdict() -> None:
    (line,) = mistakes(release={"rule": {"minimumErrors": 0}})
    assert line.startswith("strata:release.rule.minimumErrors is 0, outside 1 - 1000 errors")


def test_a_bound_that_the_verdict_does_not_have_is_a_mistake() -> None:
    (line,) = mistakes(release={"rule": {"minimum_error": 4}})
    assert line.endswith('did you mean "minimumErrors"?')


@pytest.mark.parametrize("stack", ["Prod", "1st", "a_b", "a" * 33, ""])
def test_a_stack_whose_name_aws_would_not_take_is_a_mistake(stack: str) -> None:
    (line,) = mistakes(stack)
    assert line.startswith(f"the stack is named {stack!r}")


def names_of(room: type) -> list[str]:
    return [each.name for each in fields(room)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({key_of(name) for cls in SECTIONS.values() for name in names_of(cls)}))


@settings(deadline=None)
@given(
    raw=st.dictionaries(
        st.sampled_from([f"strata:{room}" for room in SECTIONS]) | st.text(max_size=12),
        st.text(max_size=12) | st.dictionaries(KEYS | st.text(max_size=8), JSON, max_size=4).map(json.dumps),
    )
)
def test_whatever_is_given_each_mistake_is_one_line_and_nothing_else_is_raised(raw: dict[str, str]) -> None:
    try:
        config.parse(raw, "dev")
    except ConfigError as error:
        assert all(len(line.splitlines()) == 1 for line in error.mistakes)  # noqa: PT017 - no error is as good


@pytest.mark.parametrize("text", ['{"memory": ' + "9" * 5000 + "}", '{"memory": 9999999999999999}', "[" * 100_000])
def test_text_that_is_too_much_for_json_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse({"strata:account": json.dumps(ACCOUNT), "strata:compute": text}, "dev")
    assert caught.value.mistakes[0].startswith("strata:compute is ")


def project() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return found


@pytest.mark.parametrize("room", [room for room in SECTIONS if room != "account"])
def test_the_defaults_in_the_project_file_are_the_programs(room: str) -> None:
    declared = project()["config"][f"strata:{room}"]["default"]
    assert getattr(parse(**{room: declared}), room) == getattr(parse(), room)


def keys(cls: type) -> list[str]:
    return [key_of(name) for name in getattr(cls, "__dataclass_fields__", {})]


@pytest.mark.parametrize(("room", "cls"), SECTIONS.items())
def test_the_project_file_describes_every_key(room: str, cls: type) -> None:
    described = project()["config"][f"strata:{room}"]["description"]
    nested: dict[str, list[type]] = {
        "data": [config.LegacyState],
        "compute": [config.ApiConfig, config.Throttling, config.Authorizer],
        "delivery": [config.Curve],
        "release": [Rule],
    }
    wanted = [key for each in [cls, *nested.get(room, [])] for key in keys(each)]
    assert [key for key in wanted if key not in described] == []


def test_the_project_file_describes_no_object_that_nothing_reads() -> None:
    assert set(project()["config"]) == {f"strata:{room}" for room in SECTIONS}


@pytest.mark.parametrize(("stack", "source"), [("dev", "managed"), ("staging", "legacy"), ("prod", "legacy")])
def test_the_stack_files_hold_no_mistake(stack: str, source: str) -> None:
    written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    read = config.parse({key: json.dumps(value) for key, value in written.items()}, stack)
    assert read.data.source == source


def test_the_stacks_live_in_accounts_of_their_own() -> None:
    accounts = []
    for stack in ("dev", "staging", "prod"):
        written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        accounts += written["strata:account"]["allowedAccountIds"]
    assert sorted(accounts) == ["111111111111", "222222222222", "333333333333"]
