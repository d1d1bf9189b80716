"""A report of a migration's rehearsal has no problems if all ended as expected, and names each problem otherwise."""

from dataclasses import replace
from typing import Any

import yaml  # type: ignore[import-untyped]

from infra import config
from infra.source import Source
from rehearsal.environment.legacy_state import Backend
from rehearsal.environment.sandbox import REPOSITORY
from rehearsal.migration import stack
from rehearsal.migration.report import EXPECTED, Report, Row
from rehearsal.observe.traffic import Orders
from tests.adopted_ids import IDS

ROWS = tuple(Row(layer, source, to, int(to == "adopted"), 0, 0, 0, 0, 2.5, 50, 0) for layer, source, to in EXPECTED)
GOOD = Report(
    seconds=1.5,
    layers=ROWS,
    orders=Orders(20, 20),
    requests=100,
    failed_requests=0,
    interrupted={"killed": True, "resumed": True},
    back={"layer": "data", "to": "legacy"},
)


def first(**changed: Any) -> Report:
    return replace(GOOD, layers=(replace(ROWS[0], **changed), *ROWS[1:]))


OTHERWISE = {
    "compute: never moved from legacy to adopted": replace(GOOD, layers=ROWS[1:]),
    "compute, legacy to adopted: 1 created": first(created=1),
    "compute, legacy to adopted: 0 created, 1 replaced": first(replaced=1),
    "compute, legacy to adopted: 0 created, 0 replaced, 1 deleted": first(deleted=1),
    "compute, legacy to adopted: nothing was imported": first(imported=0),
    "compute, legacy to adopted: 2 of 50 requests failed": first(failed_requests=2),
    "compute, legacy to adopted: exit code 3": first(problem="exit code 3: refused"),
    "2 of 100 requests failed": replace(GOOD, failed_requests=2),
    "1 of 20 acknowledged orders are lost": replace(GOOD, orders=Orders(20, 19)),
    "0 of 0 acknowledged orders are lost": replace(GOOD, orders=Orders(0, 0)),
    "interrupted: no move was killed": replace(GOOD, interrupted={"killed": True, "resumed": False}),
    "back: no layer came back": replace(GOOD, back={}),
    "the last preview": replace(GOOD, other_problems=("the last preview shows changes",)),
}


def test_a_report_has_its_documented_form() -> None:
    assert GOOD.problems() == []
    found = GOOD.as_json()
    assert set(found) >= {"layers", "orders", "interrupted", "back", "seconds"}
    wanted = {"layer", "from", "to", "imported", "created", "replaced", "deleted", "seconds", "failed_requests"}
    assert wanted <= set(found["layers"][0])
    assert found["orders"]["lost"] == 0
    assert GOOD.table().row_count == len(ROWS)


def test_what_does_not_end_as_expected_is_a_problem() -> None:
    for starts, report in OTHERWISE.items():
        (problem,) = report.problems()
        assert problem.startswith(starts)


def test_the_stacks_file_is_right_at_each_stage(tmp_path: Any) -> None:
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        (tmp_path / name).write_text((REPOSITORY / name).read_text())
    for functions in Source:
        for data in Source:
            if functions is Source.LEGACY and data is not Source.LEGACY:
                continue  # the page moves data last
            backend = Backend("strata-terraform-state-prod", "data/terraform.tfstate", "eu-central-1")
            found = stack.sections(functions, data, backend=backend, endpoint="http://127.0.0.1:1", ids=IDS)
            stack.write(tmp_path / "Pulumi.prod.yaml", found)
            read = config.of(tmp_path, "prod")
            assert (read.compute.source, read.data.source) == (functions, data)
            assert "account" in str(yaml.safe_load((tmp_path / "Pulumi.prod.yaml").read_text()))
