"""`history`, `doctor` and `prune` on the local cloud."""

import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.release.aws import Aws, iam, versions
from infra.release.aws.ahead import AwsAhead, Released
from infra.release.model.observation import Notes
from infra.release.model.outcome import Ending
from infra.release.model.spec import RELEASE, Target
from infra.release.reports.doctor.alias import FIRST_CANARY
from local.tests.cloud.codedeploy import EVERY, appspec
from local.tests.cloud.conftest import REGION, ROOT, until
from tests.cloud.test_release_engine import BAD, GOOD, POLICY, World, cloud, live, world

__all__ = ["cloud", "live", "world"]  # fixtures


def ask(world: World, folder: Path, version: str, *words: str, **changed: Any) -> tuple[int, Any]:
    """Return the exit code and the document of `python -m infra.release WORDS --json`."""
    target = Target(**{**asdict(world.target(version)), **changed})
    inputs = {"region": REGION, "targets": [asdict(target)], "policy": asdict(POLICY)}
    exported = {"deployment": {"resources": [{"type": RELEASE, "inputs": inputs}]}}
    pulumi = folder / "pulumi"
    pulumi.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(exported)}\nEND\n")
    pulumi.chmod(0o755)
    ran = subprocess.run(
        [sys.executable, "-m", "infra.release", *words, "--stack", "prod", "--json"],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "STRATA_CLOCK_RATE": f"{world.cloud.factor:g}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


@pytest.fixture
def seasoned(live: World) -> World:
    """Versions 1 to 4: the first, one promoted, one rolled back, and one promoted by hand."""
    with live.traffic():
        assert live.release(live.functions.publish(GOOD.replace("VERSION", "2"))).ending is Ending.PROMOTED
        assert live.release(live.functions.publish(BAD)).ending is Ending.ROLLED_BACK
    live.functions.publish(GOOD.replace("VERSION", "4"))
    return live


def by_hand(world: World, stable: str, canary: str) -> str:
    made = world.codedeploy.create_deployment(
        applicationName="strata",
        deploymentGroupName="orders",
        deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce",
        revision=appspec(stable, canary),
    )["deploymentId"]
    assert until(lambda: world.deployment(made)["status"] == "Succeeded")
    return str(made)


def test_history_lists_each_release_with_its_versions_and_what_reverted_it(seasoned: World, tmp_path: Path) -> None:
    hand = by_hand(seasoned, "2", "4")
    code, answer = ask(seasoned, tmp_path, "4", "history")
    assert code == 0
    assert [(each["ending"], each["stable"], each["version"]) for each in answer["releases"]] == [
        ("promoted", "2", "4"),
        ("rolled_back", "2", "3"),
        ("promoted", "1", "2"),
        ("first", None, "1"),
    ]
    newest, bad, good, first = answer["releases"]
    assert (newest["deployment"], newest["by_hand"], newest["by"]) == (hand, True, "by hand")
    assert (bad["reason"], bad["by_hand"], bad["commit"], len(bad["back"])) == ("verdict", False, "abc123", 1)
    assert 10 <= good["minutes"] < 30
    assert first["deployment"] is None
    keys = answer["keys"]
    assert (keys["releases"], keys["ended"], keys["failed"], keys["lead_hours"]) == (2, 3, 1, None)  # by hand apart
    assert 0 < keys["restore_minutes"] < 12
    assert ask(seasoned, tmp_path, "4", "history", "--limit", "1")[1]["releases"] == [newest]
    alone = ask(seasoned, tmp_path, "4", "history", "--keys")[1]
    assert (alone["releases"], alone["keys"]) == ([], answer["keys"])


def test_the_doctor_finds_nothing_bad_in_a_sound_release(live: World, tmp_path: Path) -> None:
    live.codedeploy.update_deployment_group(
        applicationName="strata",
        currentDeploymentGroupName="orders",
        alarmConfiguration={"alarms": [{"name": "orders-live-errors"}], "enabled": True},
        autoRollbackConfiguration={"enabled": True, "events": EVERY},
    )
    notify(live)
    live.functions.invoke("order")
    code, answer = ask(live, tmp_path, "1", "doctor")
    assert [each for each in answer["findings"] if each["grade"] == "bad"] == []
    assert code == 0
    said = {each["about"]: each["said"] for each in answer["findings"]}
    assert said["alias orders:live"] == f"is on 1, the first version, which answered its call; {FIRST_CANARY}"
    assert said["alarm orders-live-errors"].endswith("acts, and its metrics have data")
    assert said["clock"].startswith("within ")


def notify(world: World, metric: str = "Errors") -> None:
    """Let the long-lived alarm, on that metric of the alias, notify the topic."""
    [alarm] = world.cloudwatch.describe_alarms(AlarmNames=["orders-live-errors"])["MetricAlarms"]
    kept = ("AlarmName", "Namespace", "Dimensions", "Statistic", "Period", "EvaluationPeriods", "Threshold")
    world.cloudwatch.put_metric_alarm(
        **{name: alarm[name] for name in (*kept, "ComparisonOperator")}, MetricName=metric, AlarmActions=[world.topic]
    )


def test_the_doctor_names_what_is_wrong_with_its_remedy(live: World, tmp_path: Path) -> None:
    notify(live, "Eras")
    live.functions.alias(live.functions.publish(GOOD.replace("VERSION", "2")))
    live.functions.invoke("order")
    code, answer = ask(live, tmp_path, "2", "doctor", before_allow_traffic="CodeDeployHook_gone", curve="canary-9-9")
    assert code == 1
    bad = {each["about"]: each for each in answer["findings"] if each["grade"] == "bad"}
    assert bad.keys() == {
        "alias orders:live",
        "alarm orders-live-errors",
        "deployment group orders",
        "curve canary-9-9",
        "hook CodeDeployHook_gone",
        "version 2",  # live, and no release has promoted it
    }
    assert "it was moved by hand" in bad["alias orders:live"]["said"]
    assert "cannot fire: AWS/Lambda Eras" in bad["alarm orders-live-errors"]["said"]
    assert all(each["remedy"] for each in bad.values())


def test_another_accounts_credentials_are_the_doctors_only_finding(live: World, tmp_path: Path) -> None:
    code, answer = ask(live, tmp_path, "1", "doctor", topic=f"arn:aws:sns:{REGION}:999999999999:alarms")
    assert code == 1
    assert [each["about"] for each in answer["findings"] if each["grade"] == "bad"] == ["credentials"]
    assert not [each for each in answer["findings"] if "alias" in each["about"]]


def test_a_prune_shows_first_and_then_deletes_what_nothing_needs(seasoned: World, tmp_path: Path) -> None:
    everything = ("prune", "--keep", "1", "--older-than", "0")
    code, shown = ask(seasoned, tmp_path, "4", *everything)
    assert (code, shown["deleted"], shown["functions"]["orders"]["gone"]) == (0, False, ["3"])
    kept = {each["version"]: each["kept"] for each in shown["functions"]["orders"]["versions"]}
    assert [number for number, why in kept.items() if why] == ["4", "2", "1"]
    assert (kept["2"], kept["1"][0]) == (["live", "proved last"], "last good")
    assert ask(seasoned, tmp_path, "4", "prune")[1]["functions"]["orders"]["gone"] == []
    code, done = ask(seasoned, tmp_path, "4", *everything, "--yes")
    assert (code, done["deleted"]) == (0, True)
    left = versions.published(seasoned.aws.clients, seasoned.clock, seasoned.target("4"))
    assert sorted(each.number for each in left) == ["1", "2", "4"]
    assert seasoned.alias() == "2"


def test_a_prune_keeps_what_was_proved_last_as_the_way_back(live: World, tmp_path: Path) -> None:
    for number in (2, 3):
        live.functions.publish(GOOD.replace("VERSION", str(number)))
    live.functions.alias("3")
    code, answer = ask(live, tmp_path, "3", "prune", "--keep", "1", "--older-than", "0", "--yes")
    assert (code, answer["functions"]["orders"]["gone"]) == (0, ["2"])
    kept = {each["version"]: each["kept"] for each in answer["functions"]["orders"]["versions"]}
    assert kept["1"] == ["proved last"]
    assert live.alias() == "3"


def test_a_prune_that_would_leave_no_way_back_is_refused(live: World, tmp_path: Path) -> None:
    live.codedeploy.untag_resource(ResourceArn=live.group, TagKeys=["strata:first"])  # no record says what was proved
    for number in (2, 3):
        live.functions.publish(GOOD.replace("VERSION", str(number)))
    live.functions.alias("3")
    code, answer = ask(live, tmp_path, "3", "prune", "--keep", "1", "--older-than", "0", "--yes")
    assert code == 3
    assert "nothing to go back to from version 3 of orders would be left" in answer["error"]
    assert len(versions.published(live.aws.clients, live.clock, live.target("3"))) == 3


def test_impossible_bounds_are_reported(live: World, tmp_path: Path) -> None:
    assert ask(live, tmp_path, "1", "prune", "--keep", "0")[0] == 2
    code, answer = ask(live, tmp_path, "1", "history", "--days", "0")
    assert (code, answer) == (2, {"error": "--days is 0: give 1 to 3650"})


def test_only_a_published_version_can_be_deleted(live: World) -> None:
    with pytest.raises(ValueError, match="'live' is no published version of orders"):
        versions.delete_version(live.aws.clients, "orders", "live")


def test_a_role_is_judged_by_what_iam_simulates_and_whom_it_trusts(world: World) -> None:
    arn, clients = world.functions.role(), world.aws.clients
    assert iam.simulated(clients, arn, [iam.ANSWER], ["*"]) == {iam.ANSWER: False}
    statement = {"Effect": "Allow", "Action": iam.ANSWER, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("iam").put_role_policy(RoleName="execution", PolicyName="answer", PolicyDocument=document)
    asked = [iam.ANSWER, "codedeploy:StopDeployment"]
    assert iam.simulated(clients, arn, asked, ["*"]) == {iam.ANSWER: True, asked[1]: False}
    assert iam.trusts(iam.role(clients, arn), "lambda")
    assert not iam.trusts(iam.role(clients, arn), "codedeploy")
    assert iam.principal(clients) is None


def test_a_sweep_deletes_the_alarms_that_nothing_needs_and_no_other(live: World, tmp_path: Path) -> None:
    at = live.clock.real(live.clock.now() - timedelta(days=1))
    target = live.target("1")
    names = [target.verdict_alarm("1", str(number), at) for number in range(2, 62)]
    [alarm] = live.cloudwatch.describe_alarms(AlarmNames=["orders-live-errors"])["MetricAlarms"]
    kept = ("Namespace", "Dimensions", "Statistic", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator")
    for name in [*names, f"{target.verdict_alarms}of-mine"]:
        live.cloudwatch.put_metric_alarm(**{each: alarm[each] for each in (*kept, "MetricName")}, AlarmName=name)
    dry = ("sweep", "--dry-run")  # those that are younger than ten minutes stay
    assert until(lambda: len(ask(live, tmp_path, "1", *dry)[1]["functions"]["orders"]["alarms"]) == 60)
    code, answer = ask(live, tmp_path, "1", "sweep")
    assert (code, answer["deleted"], answer["functions"]["orders"]) == (0, True, {"alarms": sorted(names), "kept": 1})
    assert [each["AlarmName"] for each in live.verdict_alarms()] == [f"{target.verdict_alarms}of-mine"]


def test_an_observation_costs_the_same_after_ten_deployments_and_after_a_thousand(live: World) -> None:
    with live.traffic():
        end = live.release(live.functions.publish(GOOD.replace("VERSION", "2")))
    line = live.deployment(end.deployment_id)["description"]
    asked = {
        "account": live.topic.split(":")[4],
        "region": REGION,
        "application": "strata",
        "group": "orders",
        "seconds": 3600,
    }
    costs = []
    for more in (9, 990):
        others = [re.sub(r"fp=\w{16}", f"fp={number:016x}", line) for number in range(more)]
        assert live.cloud.control("POST", "past", {**asked, "descriptions": others})[0] == 200
        aws, begun = Aws(REGION, live.clock), time.time()
        seen = aws.observe([live.target("2")], {"orders": Notes()})["orders"]
        assert [each.id for each in seen.ledger if each.id == end.deployment_id]
        assert len(aws.records.every(live.target("2"))) == (10 if more == 9 else 1000)
        made = live.cloud.control("GET", f"calls?since={begun}")[1]["calls"]
        reads = [each["action"] for each in made if each["action"] in {"ListDeployments", "BatchGetDeployments"}]
        costs.append(len(reads))
    assert costs == [2 + 2, 4 + 10 + 40], "of those, the last two, or ten and forty, are for all that there are"


def test_a_past_that_cannot_be_is_refused(live: World) -> None:
    asked = {"account": "1", "region": REGION, "application": "strata", "group": "orders", "seconds": 1}
    code, answer = live.cloud.control("POST", "past", {**asked, "descriptions": ["x"]})
    assert (code, "has not ended, or there is none" in answer["mistakes"][0]) == (400, True)
    assert live.cloud.control("POST", "past", {**asked, "descriptions": "x"})[0] == 400
    assert live.cloud.control("POST", "past", {**asked, "descriptions": [], "seconds": 0})[0] == 400
    assert live.cloud.control("POST", "past", {})[0] == 400


def test_what_a_preview_reads_ahead_is_what_it_would_read_and_is_asked_once(seasoned: World) -> None:
    unread = Released("invoices", "live", "strata", "invoices", seasoned.group.replace("/orders", "/invoices"))
    orders = Released("orders", "live", "strata", "orders", seasoned.group)
    target, notes = seasoned.target("4"), {"orders": Notes()}

    def records(cloud: Aws) -> tuple[object, ...]:
        seen = cloud.observe([target], notes)["orders"]
        return seen.alias, seen.wanted, seen.live, seen.ledger, seen.tags

    plain = records(Aws(REGION, seasoned.clock))
    seasoned.cloud.control("DELETE", "calls")
    ahead = AwsAhead(REGION, seasoned.clock, [orders, unread])
    assert (ahead.alias("orders", "live"), records(ahead)) == (plain[0], plain)
    asked = Counter(each["action"] for each in seasoned.cloud.control("GET", "calls")[1]["calls"])
    once_each = {"GetAlias": 2, "ListTagsForResource": 2}  # though there is no function and no group named invoices
    assert {**asked, **once_each, "GetFunctionConfiguration": 2, "ListDeployments": 1} == asked  # versions 2 and 4
    seasoned.cloud.control("DELETE", "calls")
    assert records(AwsAhead(REGION, seasoned.clock, [unread, orders])) == plain  # as in a new stack
    asked = Counter(each["action"] for each in seasoned.cloud.control("GET", "calls")[1]["calls"])
    assert (asked["GetAlias"], asked["ListTagsForResource"]) == (2, 2)
