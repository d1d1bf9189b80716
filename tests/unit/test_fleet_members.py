"""The functions of a fleet are valid for the product's own bundle, and the bad ones are bad."""

import runpy
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from infra import bundle
from rehearsal.fleet import members

ROOT = Path(__file__).resolve().parents[2]


def digests(fleet: Path, *names: str) -> list[str]:
    return [bundle.build(name, fleet).digest for name in names]


def test_a_fleet_of_any_size_has_the_function_that_the_api_invokes() -> None:
    assert members.names(1) == ("orders",)
    assert members.names(3) == ("orders", "member02", "member03")
    assert len(set(members.names(50))) == 50


def test_an_edition_changes_every_member_and_the_same_edition_none(tmp_path: Path) -> None:
    names = members.names(2)
    members.write(tmp_path, names, 1)
    first = digests(tmp_path, *names)
    members.write(tmp_path, names, 2)
    second = digests(tmp_path, *names)
    members.write(tmp_path, names, 1)
    assert digests(tmp_path, *names) == first
    assert len({*first, *second}) == 4


def test_only_a_bad_member_raises_and_on_half_of_its_calls(tmp_path: Path) -> None:
    members.write(tmp_path, ("orders", "invoices"), 2, bad={"invoices"})
    good = runpy.run_path(str(tmp_path / "app/orders/main.py"))["handler"]
    bad = runpy.run_path(str(tmp_path / "app/invoices/main.py"))["handler"]
    assert [good({}, None)["statusCode"] for _ in range(4)] == [200] * 4
    for _ in range(2):
        assert bad({}, None)["statusCode"] == 200
        with pytest.raises(RuntimeError, match="edition 2 of invoices"):
            bad({}, None)


def test_the_fleet_lives_where_the_rehearsals_stack_does() -> None:
    fleet = yaml.safe_load((ROOT / "rehearsal/fleet/Pulumi.rehearsal.yaml").read_text())["config"]
    prod = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())["config"]
    assert fleet["fleet:account"] == prod["strata:account"]


def test_the_fleet_runs_on_the_same_python_and_is_released_by_the_same_provider() -> None:
    fleet = yaml.safe_load((ROOT / "rehearsal/fleet/Pulumi.yaml").read_text())
    product = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    folder = ROOT / "rehearsal/fleet"
    (its,), (ours,) = fleet["plugins"]["providers"], product["plugins"]["providers"]
    assert (its["name"], (folder / its["path"]).resolve()) == (ours["name"], ROOT / ours["path"])
    assert (folder / fleet["runtime"]["options"]["virtualenv"]).parent.resolve() == ROOT
