"""The configuration: what is read, and every mistake at once."""

import json
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import config, schema
from infra.config import SECTIONS, ConfigError, StackConfig, bootstrap_files
from infra.release.model.spec import ReleasePolicy
from infra.release.verdict.rule import Rule
from infra.source import Source
from tests.golden import Golden, listed

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = {"region": "eu-central-1", "allowedAccountIds": ["111111111111"]}
CERTIFICATE = "arn:aws:acm:eu-central-1:111111111111:certificate/0a1b2c3d-0000-4000-8000-000000000001"
STATE = {"bucket": "acme-state", "key": "data/terraform.tfstate"}


def parse(stack: str = "dev", **sections: object) -> StackConfig:
    raw = {f"strata:{section}": json.dumps(value) for section, value in {"account": ACCOUNT, **sections}.items()}
    return config.parse(raw, stack)


def mistakes(stack: str = "dev", **sections: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(stack, **sections)
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


def test_the_keys_of_earlier_releases_still_make_their_rule() -> None:
    former = {"z": 3.15, "correction": 1, "minimumErrors": 4, "absolute": 0.25, "forgiven": 0}
    assert parse(release={"rule": former}).release.rule == Rule(statistic="z")
    assert parse(release={"rule": {"statistic": "z"}}).release.rule == Rule(statistic="z")
    assert parse(release={"rule": {"z": 3.5, "absolute": 0.3}}).release.rule == Rule(z=3.5, absolute=0.3)


def test_the_legacy_state_lies_in_the_stacks_region_unless_configured_otherwise() -> None:
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


@pytest.mark.parametrize("memory", [127, 10241, 512.5, "512", True, None, [512]])
def test_only_a_whole_number_within_the_bounds_is_one(memory: object) -> None:
    (line,) = mistakes(compute={"memory": memory})
    assert line.startswith(f"strata:compute.memory is {json.dumps(memory)}, ")


@pytest.mark.parametrize("memory", [128, 10240])
def test_the_bounds_themselves_are_within_the_bounds(memory: int) -> None:
    assert parse(compute={"memory": memory}).compute.memory == memory


def test_a_provider_setting_beside_the_account_is_a_mistake_since_it_would_change_nothing() -> None:
    raw = {"strata:account": json.dumps(ACCOUNT), "aws:region": "us-east-1", "pulumi:tags": "{}"}
    with pytest.raises(ConfigError) as caught:
        config.parse(raw, "dev")
    (line,) = caught.value.mistakes
    assert line.startswith('aws:region is "us-east-1", without effect')


@pytest.mark.parametrize("text", ["legacy", "{bad", "", "5", "[1]", '{"source": NaN}', '{"source": 1, "source": 2}'])
def test_text_that_is_no_object_is_reported_with_the_text(text: str) -> None:
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


def test_the_account_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse({}, "dev")
    assert [line.split(";")[0] for line in caught.value.mistakes] == [
        "strata:account.region is missing and has no default",
        "strata:account.allowedAccountIds is missing and has no default",
    ]


def test_what_is_right_where_another_stack_would_be_wrong() -> None:
    assert parse(data={"source": "adopted", "tableName": "orders-prod"}).data.table_name == "orders-prod"
    assert parse("dev", data={"deletionProtection": False}).data.deletion_protection is False
    given = parse(release={"retry": "0123456789abcdef", "override": "ann: hotfix of the outage"}).release
    assert (given.retry, given.override) == ("0123456789abcdef", "ann: hotfix of the outage")


def test_what_starts_a_release_is_no_part_of_the_policy_that_a_release_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap_files, "FOLDER", "elsewhere")
    found = parse("prod", release=BY_EVENT, promotion={"frozen": FROZEN, "windows": [WINDOW]})
    assert found.release == ReleasePolicy(source="staging")
    assert (found.promoted_by_event, parse().promoted_by_event) == (True, False)
    assert str(found.promotion.frozen) == "ann: inventory until Monday"
    assert found.promotion.windows == (config.Window(("monday", "tuesday"), time(9), time(16)),)


def test_a_window_may_last_until_the_end_of_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap_files, "FOLDER", "elsewhere")
    [window] = parse("prod", release=BY_EVENT, promotion={"windows": [{**WINDOW, "until": "24:00"}]}).promotion.windows
    assert window.is_open(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))


LEGACY = {"source": "legacy", "legacy": STATE}
BY_EVENT = {"from": "staging", "promoteBy": "event"}
FROZEN = {"by": "ann", "why": "inventory until Monday"}
WINDOW = {"days": ["monday", "tuesday"], "from": "09:00", "until": "16:00"}
SWITCHES: list[dict[str, Any]] = [
    {"frozen": FROZEN},  # these two are right where an event starts a release
    {"windows": [WINDOW]},
    {"frozen": True},
    {"frozen": {"by": "ann"}},
    {"frozen": {**FROZEN, "why": "a\nb"}},
    {"windows": []},
    {"windows": [{**WINDOW, "days": []}]},
    {"windows": [{**WINDOW, "days": ["Monday"]}]},
    {"windows": [{**WINDOW, "from": "9:00"}]},
    {"windows": [{**WINDOW, "until": "24:01"}]},
    {"windows": [{**WINDOW, "from": "22:00", "until": "02:00"}]},
    {"freeze": FROZEN},
]
ADOPTED = {"source": "adopted", "tableName": "orders-prod"}
MISTAKES: list[dict[str, Any]] = [
    {"compute": {"memory": 64}},
    {"compute": {"timeout": True}},
    *[{"observability": {"errorShare": share}} for share in (0, -0.1, 1.01, "0.2", True)],
    {"compute": {"memroy": 512}},
    {"observability": {"log_retention_days": 30}},
    {"delivery": {"wibble": 1}},
    {"delivry": {"curve": {}}},
    {"account": {**ACCOUNT, "allowedAccountIds": [111111111111]}},
    {"account": {**ACCOUNT, "allowedAccountIds": ["111111111111", "111111111111"]}},
    {"data": {"source": "legacy"}},
    {"data": {"source": "managed", "legacy": STATE}},
    {"data": {**LEGACY, "tableName": "orders-x"}},
    {"data": {**LEGACY, "deletionProtection": True}},
    {"data": {"source": "adopted"}},
    {"data": {**ADOPTED, "deletionProtection": False}},
    {"stack": "prod", "data": {"deletionProtection": False}},
    {"compute": {"source": "terraform"}},
    {"compute": {"adopted": {"services": ["orders"]}}},
    {"compute": {"source": "adopted", "adopted": {"services": []}}, "delivery": {"smoke": False}, "data": ADOPTED},
    {
        "compute": {"source": "adopted", "adopted": {"services": ["orders"], "ids": {"http-api": 5}}},
        "delivery": {"smoke": False},
        "data": ADOPTED,
    },
    {"release": {"wait": False, "evidence": "enforce"}},
    {"release": {"wait": False, "topUp": True}},
    {"release": {"wait": False, "longestWaitMinutes": 5}},
    *[{"release": {"override": given}} for given in ("because", "ann:", "ann: " + "x" * 100, 'ann: "now"', "")],
    {"release": {"retry": "0123"}},
    {"release": {"rule": {"minimumErrors": 0}}},
    {"release": {"rule": {"statistic": "chi"}}},
    {"release": {"rule": {"statistic": "likelihood", "correction": 1}}},
    {"release": {"rule": {"minimum_error": 4}}},
    {"release": {"proofDays": 3}},
    {"release": {"promoteBy": "push"}},
    {"release": {"promoteBy": "event"}},
    *[{"promotion": given} for given in SWITCHES[:2]],
    *[{"release": BY_EVENT, "promotion": given} for given in SWITCHES[2:]],
    {"delivery": {"bakeMinutes": 15}},
    {"delivery": {"curve": "manual"}},
    {"delivery": {"curve": "auto", "detect": {"points": 0}}},
    {"delivery": {"curve": "auto", "detect": {"chance": 1}}},
    {"delivery": {"curve": "auto", "longest": 4}},
    {"delivery": {"curve": "auto", "curves": [{"percent": 20, "minutes": 45}, {"percent": 20, "minutes": 45}]}},
    *[{"stack": name} for name in ("Prod", "1st", "a_b", "a" * 33, "")],
    {"compute": {"api": {"throttling": {"rate": 0}}}},
    {"compute": {"api": {"throttling": {"burst": True}}}},
    {"compute": {"api": {"throttling": False}}},
    {"compute": {"api": {"accessLogDays": 2}}},
    {"compute": {"api": {"accessLogDays": False}}},
    {"compute": {"api": {"authorizer": {"issuer": "https://i.example"}}}},
    {"compute": {"api": {"authorizer": {"issuer": "http://i.example", "audience": ["a"]}}}},
    {"compute": {"api": {"authorizer": {"issuer": "https://i.example", "audience": []}}}},
    {"compute": {"api": {"authorizer": {"issuer": "https://i.example", "audience": "a"}}}},
    {"compute": {"api": {"throttle": {}}}},
    {"compute": {"api": {"cors": {}}}},
    {"compute": {"api": {"cors": {"origins": []}}}},
    *[{"compute": {"api": {"cors": {"origins": [origin]}}}} for origin in ("shop.example.com", "https://a.example/b")],
    {"compute": {"api": {"cors": {"origins": ["*"], "credentials": True}}}},
    {"compute": {"api": {"cors": {"origins": ["https://a.example"], "methods": ["get"]}}}},
    {"compute": {"api": {"cors": {"origins": ["https://a.example"], "headers": ["a b"]}}}},
    {"compute": {"api": {"cors": {"origins": ["https://a.example"], "headers": ["*"], "credentials": True}}}},
    {"compute": {"api": {"cors": {"origins": ["https://a.example"], "maxAge": 86401}}}},
    {"compute": {"api": {"domain": {"certificateArn": CERTIFICATE}}}},
    {"compute": {"api": {"domain": {"name": "api.example.com"}}}},
    *[
        {"compute": {"api": {"domain": {"name": name, "certificateArn": CERTIFICATE}}}}
        for name in ("API.example.com", "https://api.example.com", "*.example.com", "localhost")
    ],
    {"compute": {"api": {"domain": {"name": "api.example.com", "certificateArn": "arn:aws:iam::1:server-cert/x"}}}},
    {
        "compute": {
            "api": {"domain": {"name": "a.example.com", "certificateArn": CERTIFICATE.replace("eu-central", "us-east")}}
        }
    },
    {"compute": {"api": {"domain": {"name": "a.example.com", "certificateArn": CERTIFICATE, "zoneId": "zone/Z1"}}}},
    {"observability": {"api": {"errorShare": 0}}},
    {"observability": {"api": {"p99Milliseconds": 30001}}},
    {"observability": {"logRetentionDays": "30"}},
    {"compute": {"memory": "512"}},
    {"delivery": {"smoke": "false"}},
    {"release": {"wait": "true"}},
    {"release": {"rule": {"z": "3.15"}}},
]
"""Each is one mistake."""


def test_a_mistake_is_reported_with_the_value_the_bound_and_the_remedy(golden: Golden) -> None:
    reported = [(json.dumps(each, sort_keys=True), mistakes(**each)) for each in MISTAKES]
    assert [name for name, lines in reported if len(lines) != 1] == []
    golden("config", listed(reported))


def test_mistakes_between_keys_are_reported_beside_mistakes_in_them() -> None:
    found = mistakes("prod", data={"source": "managed", "legacy": STATE, "tableName": 3, "deletionProtection": False})
    assert len(found) == 3


def test_a_version_is_smoked_and_not_baked_unless_the_stack_says_otherwise() -> None:
    assert (parse().delivery.smoke, parse().delivery.bake_minutes) == (True, 0)
    asked = parse(delivery={"smoke": False, "bakeMinutes": 14}).delivery
    assert (asked.smoke, asked.bake_minutes) == (False, 14)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({key for cls in SECTIONS.values() for key in schema.settings(cls)}))


@settings(deadline=None)
@given(
    raw=st.dictionaries(
        st.sampled_from([f"strata:{section}" for section in SECTIONS]) | st.text(max_size=12),
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


@pytest.mark.parametrize("section", [section for section in SECTIONS if section != "account"])
def test_the_defaults_in_the_project_file_are_the_programs(section: str) -> None:
    declared = project()["config"][f"strata:{section}"]["default"]
    assert getattr(parse(**{section: declared}), section) == getattr(parse(), section)


@pytest.mark.parametrize(("section", "cls"), SECTIONS.items())
def test_the_project_file_describes_every_key(section: str, cls: type) -> None:
    described = project()["config"][f"strata:{section}"]["description"]
    nested: dict[str, list[type]] = {
        "data": [config.LegacyState],
        "compute": [config.LegacyState, config.Adopted, config.ApiConfig, config.Throttling, config.Authorizer],
        "delivery": [config.Curve, config.Detect],
        "release": [Rule],
        "promotion": [config.Freeze, config.Window],
        "services": [config.ServiceOverride, config.Canary],
    }
    wanted = [key for each in [cls, *nested.get(section, [])] for key in schema.settings(each)]
    assert [key for key in wanted if key not in described] == []


def test_the_project_file_describes_no_object_that_nothing_reads() -> None:
    assert set(project()["config"]) == {f"strata:{section}" for section in SECTIONS}


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
