"""Nothing that traffic may need is pruned, and a prune that would leave no way back is refused."""

from datetime import timedelta
from typing import Any

from infra.release.model.ledger import Entry, to_milliseconds
from infra.release.model.observation import Alias, Deployment, Observation, Status
from infra.release.model.tags import First, Tags, parse, written
from infra.release.reports.retention import Published, RetentionPolicy, VersionRetention, last_good, refusal, retentions
from tests.unit.fake_cloud import START, target, version

ORDERS = target(9)
NOW = START + timedelta(days=100)
NINE = [
    Published(str(number), START + timedelta(days=number), version(number).fingerprint, 10) for number in range(1, 10)
]
ALL_BUT_NEEDED = RetentionPolicy(1, 0)
FROM = ["last good", "what the live one came from"]


def deployment(id_: str, canary: int, stable: int, day: float, **values: Any) -> Deployment:
    released, at = version(canary), to_milliseconds(START + timedelta(days=values.pop("moment", day)))
    entry = Entry(released.fingerprint, released.digest, released.contract, "abc1234", at, str(stable), "ann")
    status = values.pop("status", Status.SUCCEEDED)
    return Deployment(id_, status, START + timedelta(days=day), **{"entry": entry, **values})


def seen(*oldest_first: Deployment, live: int = 9, **values: Any) -> Observation:
    usual = {"alias": Alias(str(live)), "wanted": version(9), "live": version(live), "tags": Tags(first=True)}
    return Observation(**{**usual, **values}, ledger=oldest_first[::-1])


def kept(
    what: Observation, bounds: RetentionPolicy = ALL_BUT_NEEDED, versions: list[Published] = NINE
) -> dict[str, list[str]]:
    return {each.version.number: list(each.kept) for each in found(what, bounds, versions) if each.kept}


def found(
    what: Observation, bounds: RetentionPolicy = ALL_BUT_NEEDED, versions: list[Published] = NINE
) -> list[VersionRetention]:
    return retentions(ORDERS, what, versions, bounds, NOW)


UP_TO_9 = (deployment("d-1", 5, 3, 50), deployment("d-2", 9, 5, 60))


def test_live_and_last_good_stay_whatever_the_bounds() -> None:
    assert kept(seen(*UP_TO_9)) == {
        "9": ["live", "proved last", "wanted by the stack", "among the newest 1"],
        "5": FROM,
    }


def test_where_an_operator_moved_the_alias_back_both_ways_from_there_stay() -> None:
    stay = kept(seen(*UP_TO_9, live=5))
    assert stay["9"][0] == "last good"
    assert stay["3"] == FROM[1:]


def test_a_canary_and_its_stable_version_stay() -> None:
    running = deployment("d-3", 7, 9, 70, status=Status.IN_PROGRESS)
    assert kept(seen(*UP_TO_9, running, alias=Alias("9", "7", 0.1)))["7"] == ["weighted, 10%", "in flight"]
    assert "in flight" in kept(seen(*UP_TO_9, running))["9"]


def test_what_a_rollback_in_flight_goes_between_stays() -> None:
    promotion = deployment("d-3", 7, 4, 70, status=Status.STOPPED)
    back = deployment("d-4", 4, 7, 70.1, status=Status.IN_PROGRESS, entry=None, rolls_back="d-3")
    assert {"7", "4"} <= kept(seen(*UP_TO_9, promotion, back)).keys()


def test_the_newest_the_young_and_what_another_alias_needs_stay() -> None:
    others = [*NINE[1:], Published("1", START, version(1).fingerprint, 10, ("blue",))]
    stay = kept(seen(*UP_TO_9), RetentionPolicy(2, 94.5), others)
    assert stay["8"] == ["among the newest 2", "younger than 94.5 days"]
    assert stay["6"] == ["younger than 94.5 days"]
    assert "6" not in kept(seen(*UP_TO_9), RetentionPolicy(2, 94), others), "94 days old is not younger than that"
    assert stay["1"] == ["alias blue"]
    assert {"7", "5"} <= stay.keys()
    assert not {"4", "3", "2"} & stay.keys()


def test_what_was_promoted_and_reverted_is_not_last_good() -> None:
    back = deployment("d-3", 5, 9, 61, moment=60)
    good = last_good(ORDERS, seen(*UP_TO_9, back, live=5), NINE[::-1])
    assert good is not None
    assert good.number == "3"


def test_proved_code_stays_where_its_own_version_is_gone_and_it_was_published_anew() -> None:
    first = First("1", version(1).fingerprint)
    proved = seen(tags=parse(written(first, "user/ann", START)))
    again = [Published(each.number, each.at, first.fingerprint, 10) for each in NINE if each.number in "46"]
    stay = kept(proved, versions=[each for each in NINE if each.number not in "146"] + again)
    assert stay.keys() == {"9", "6"}
    assert stay["6"] == ["proved last"]
    assert kept(proved).keys() == {"9", "1"}


def test_a_version_that_was_deleted_is_not_last_good() -> None:
    deleted = last_good(ORDERS, seen(*UP_TO_9), [each for each in NINE if each.number != "5"][::-1])
    assert deleted is not None
    assert deleted.number == "3"


def test_what_was_rejected_since_or_has_part_of_the_traffic_is_not_last_good() -> None:
    again = deployment("d-3", 5, 9, 61, status=Status.FAILED, error="HOOK_EXECUTION_FAILURE")
    for what in (seen(*UP_TO_9, again), seen(*UP_TO_9, alias=Alias("9", "5", 0.1))):
        good = last_good(ORDERS, what, NINE[::-1])
        assert good is not None
        assert good.number == "3"


def test_a_prune_that_leaves_no_way_back_is_refused() -> None:
    why = refusal(ORDERS, seen(), found(seen()))
    assert why is not None
    assert "nothing to go back to from version 9 of orders would be left" in why
    assert "give a larger --keep" in why
    assert refusal(ORDERS, seen(), found(seen(), RetentionPolicy(2, 0))) is None
    assert refusal(ORDERS, seen(*UP_TO_9), found(seen(*UP_TO_9))) is None


def test_nothing_is_pruned_while_a_deployment_by_hand_moves_unknown_versions() -> None:
    by_hand = deployment("d-3", 7, 9, 70, status=Status.IN_PROGRESS, entry=None)
    assert "d-3 is in flight" in (refusal(ORDERS, seen(*UP_TO_9, by_hand), found(seen(*UP_TO_9, by_hand))) or "")
