"""A review of a stack is a text made from the CLI's own words."""

from contextlib import ExitStack
from pathlib import Path

from rehearsal.environment.workspace import Scratch
from rehearsal.policy_preview import Review, Reviews

ROOT = Path(__file__).resolve().parents[2]

CLEAN = "Policies:\n    ✅ strata@v0.1.0 (local: policy)\n\nOutputs:\n"
BROKEN = "Policies:\n    ❌ strata@v0.1.0 (local: policy)\n        - [mandatory]  r  (t: n)\n          n must\n"


def test_a_stack_without_violations_takes_one_line() -> None:
    review = Review("prod", 0, f"Previewing update (prod):\n{CLEAN}")
    assert (review.passed, review.summary()) == (True, "prod: passed")


def test_advice_is_reported_and_does_not_block() -> None:
    review = Review("dev", 0, BROKEN.replace("mandatory", "advisory"))
    assert review.passed
    assert review.summary().startswith("dev: passed, with 1 to see to\n")


def test_a_violation_blocks_with_the_packs_own_words() -> None:
    review = Review("prod", 1, f"{BROKEN}\nDiagnostics:\n  error: preview failed")
    assert not review.passed
    assert review.summary() == "prod: blocked by 1\n" + BROKEN.removeprefix("Policies:\n").rstrip()


def test_a_preview_that_asked_no_pack_is_no_pass() -> None:
    review = Review("prod", 0, "Previewing update (prod):\nResources:\n    + 33 to create")
    assert not review.passed
    assert review.summary().startswith("prod: no verdict, the preview failed or did not ask the pack\nPreviewing")


def test_a_wrong_configuration_is_reported_in_a_line_without_a_traceback(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.project.mkdir()
    (scratch.project / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    (scratch.project / "Pulumi.wrong-name.yaml").write_text("config:\n  strata:account: [012345678901]\n")
    desk = Reviews(scratch, "", {}, ExitStack())
    assert desk.stacks() == ["wrong-name"]
    review = desk.review("wrong-name")
    assert not review.passed
    assert review.summary().startswith("wrong-name: no verdict, the preview failed or did not ask the pack\n")
    assert "strata:account is [12345678901], not an object" in review.text
