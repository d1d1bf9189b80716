"""The pipeline changes GitHub's environments and comments, over real HTTP against a GitHub on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from typer.testing import CliRunner, Result

from infra.console import CommandError
from infra.pipeline.__main__ import app
from infra.pipeline.comment import LONGEST, MARK, body
from infra.pipeline.github import GitHub
from tests.unit.hub import REPOSITORY, TOKEN, Hub, serving

ONLY_CUSTOM = {"protected_branches": False, "custom_branch_policies": True}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub(people={"/orgs/acme/teams/oncall": 7, "/users/ann": 8})) as running:
        monkeypatch.setenv("GITHUB_API_URL", running.root)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with bootstrap/'s files of two accounts."""
    for stack, more in (("dev", {}), ("prod", {"reviewers": ["acme/oncall", "ann"]})):
        identity: dict[str, object] = {
            "github": {"repository": REPOSITORY},
            "artifacts": {"accountId": "2" * 12} if stack == "dev" else {},
        }
        identity["stacks"] = [{"name": stack, "environment": stack, **more}]
        account = {"region": "eu-central-1", "allowedAccountIds": ["1" * 12]}
        config = {"strata-bootstrap:account": account, "strata-bootstrap:identity": identity}
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    return tmp_path


def run(*arguments: str) -> Result:
    ran = CliRunner().invoke(app, arguments)
    assert TOKEN not in ran.output
    return ran


def environments(folder: Path, *more: str) -> Result:
    return run("environments", "--folder", str(folder), *more)


def test_without_apply_it_says_what_differs_and_changes_nothing(hub: Hub, folder: Path) -> None:
    ran = environments(folder)
    assert (ran.exit_code, hub.written) == (1, [])
    assert ran.output.splitlines() == [
        "acme/shop: environment preview: restrict its branches; reviewers: none",
        "acme/shop: environment preview: allow branch main",
        "acme/shop: environment preview: allow branch refs/pull/*/merge",
        "acme/shop: environment dev: restrict its branches; reviewers: none",
        "acme/shop: environment dev: allow branch main",
        "acme/shop: environment build: restrict its branches; reviewers: none",
        "acme/shop: environment build: allow branch main",
        "acme/shop: environment preview-prod: restrict its branches; reviewers: acme/oncall, ann",
        "acme/shop: environment preview-prod: allow branch main",
        "acme/shop: environment preview-prod: allow branch refs/pull/*/merge",
        "acme/shop: environment prod: restrict its branches; reviewers: acme/oncall, ann",
        "acme/shop: environment prod: allow branch main",
        "Nothing was changed; give --apply to change it (make environments APPLY=1)",
    ]


def test_with_apply_main_alone_deploys_pull_requests_preview_and_prod_has_reviewers(hub: Hub, folder: Path) -> None:
    assert environments(folder, "--apply").exit_code == 0
    allowed_branches = {name: [each["name"] for each in known] for name, known in hub.branches.items()}
    assert allowed_branches == {
        **{name: ["main", "refs/pull/*/merge"] for name in ("preview", "preview-prod")},
        **{name: ["main"] for name in ("build", "dev", "prod")},
    }
    assert all(each["deployment_branch_policy"] == ONLY_CUSTOM for each in hub.environments.values())
    rules = {each["type"]: each for each in hub.environments["prod"]["protection_rules"]}
    assert rules["required_reviewers"]["reviewers"] == [
        {"type": "Team", "reviewer": {"id": 7}},
        {"type": "User", "reviewer": {"id": 8}},
    ]
    assert hub.tokens == {f"Bearer {TOKEN}"}


def test_a_second_run_changes_nothing(hub: Hub, folder: Path) -> None:
    environments(folder, "--apply")
    hub.asked.clear()
    ran = environments(folder, "--apply")
    assert (ran.exit_code, hub.written) == (0, [])
    assert ran.output == "acme/shop: every environment is as configured\n"


def test_branches_and_reviewers_that_were_added_by_hand_are_removed(hub: Hub, folder: Path) -> None:
    environments(folder, "--apply")
    hub.branches["prod"] += [{"id": 1000 + number, "name": f"feature/{number}"} for number in range(120)]
    hub.environments["dev"]["protection_rules"].append(
        {"type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"id": 666}}]}
    )
    ran = environments(folder, "--apply")
    assert ran.exit_code == 0
    assert [each["name"] for each in hub.branches["prod"]] == ["main"]
    assert "required_reviewers" not in {each["type"] for each in hub.environments["dev"]["protection_rules"]}


def test_settings_that_are_not_configured_here_stay(hub: Hub, folder: Path) -> None:
    review = {"type": "required_reviewers", "prevent_self_review": True, "reviewers": []}
    hub.environments["prod"] = {"protection_rules": [{"type": "wait_timer", "wait_timer": 30}, review]}
    environments(folder, "--apply")
    rules = {each["type"]: each for each in hub.environments["prod"]["protection_rules"]}
    assert rules["wait_timer"]["wait_timer"] == 30
    assert rules["required_reviewers"]["prevent_self_review"] is True


def test_an_environment_of_protected_branches_is_corrected(hub: Hub, folder: Path) -> None:
    environments(folder, "--apply")
    hub.environments["dev"]["deployment_branch_policy"] = {"protected_branches": True, "custom_branch_policies": False}
    hub.branches["dev"].clear()
    assert environments(folder, "--apply").exit_code == 0
    assert hub.environments["dev"]["deployment_branch_policy"] == ONLY_CUSTOM
    assert [each["name"] for each in hub.branches["dev"]] == ["main"]


def test_a_reviewer_whom_github_does_not_know_is_reported_before_anything_is_changed(hub: Hub, folder: Path) -> None:
    del hub.people["/users/ann"]
    ran = environments(folder, "--apply")
    assert ran.exit_code == 4
    assert ran.output == (
        "error: GitHub does not know or does not show the person 'ann', a reviewer in bootstrap/; correct it, or "
        "give a token that may read it\n"
    )
    assert hub.written == []


@pytest.mark.parametrize(
    ("variable", "code", "said"),
    [
        ("GITHUB_TOKEN=", 2, "error: GITHUB_TOKEN is not set: set it to a token that may do this"),
        ("GITHUB_API_URL=http://api.example.com", 2, "error: GITHUB_API_URL is http://api.example.com: the token"),
        ("GITHUB_API_URL=http://127.0.0.1:9", 4, "error: GitHub cannot be reached at http://127.0.0.1:9: "),
    ],
)
def test_a_wrong_variable_is_reported_with_the_remedy(
    hub: Hub, folder: Path, variable: str, code: int, said: str
) -> None:
    name, _, value = variable.partition("=")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, value)
        ran = environments(folder)
    assert ran.exit_code == code
    assert ran.output.startswith(said)


def test_a_repository_of_the_wrong_form_is_reported(hub: Hub, folder: Path) -> None:
    ran = environments(folder, "--repository", "shop")
    assert (ran.exit_code, ran.output) == (2, "error: the repository is 'shop': give OWNER/NAME, e.g. acme/strata\n")


def test_neither_the_object_nor_an_error_shows_the_token(hub: Hub) -> None:
    github = GitHub(REPOSITORY, TOKEN, hub.root)
    assert TOKEN not in repr(github)
    with pytest.raises(CommandError) as caught:
        github.send("POST", "issues/13/comments", {"body": "x"})
    assert str(caught.value) == (
        "GitHub answers 403 to POST issues/13/comments: Resource not accessible by integration; "
        "does the token have the permission?"
    )


def plans(folder: Path, **texts: str) -> Path:
    for stack, text in texts.items():
        (folder / f"{stack}.md").write_text(text)
    return folder


def commented(folder: Path, number: str = "12") -> Result:
    return run("comment", "--pull-request", number, "--folder", str(folder))


def test_a_pull_request_has_one_comment_which_each_push_writes_anew(hub: Hub, tmp_path: Path) -> None:
    hub.comments += [{"id": 1000 + number, "body": "fine by me"} for number in range(150)]
    assert commented(plans(tmp_path, dev="### dev: passed", prod="### prod: passed")).exit_code == 0
    second = commented(plans(tmp_path, prod="### prod: blocked"))
    assert second.output == f"{hub.root}/c/101\n"
    ours = [each["body"] for each in hub.comments if each["body"].startswith(MARK)]
    assert ours == [f"{MARK}\n\n### dev: passed\n\n### prod: blocked"]
    assert [method for method, *_ in hub.written] == ["POST", "PATCH"]


@pytest.mark.parametrize(("job", "login"), [("", "ann"), ("true", "github-actions[bot]")])
def test_another_users_comment_with_our_mark_is_left_as_it_is(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, login: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", job)
    hub.login = login
    theirs = [{"id": 7, "body": f"{MARK} mine", "user": {"login": "mallory"}}, {"id": 8, "body": MARK, "user": None}]
    hub.comments += [dict(each) for each in theirs]
    assert commented(plans(tmp_path, dev="### dev: passed")).exit_code == 0
    assert commented(plans(tmp_path, dev="### dev: blocked")).exit_code == 0
    assert hub.comments[:2] == theirs
    assert hub.comments[2]["body"] == f"{MARK}\n\n### dev: blocked"


def test_plans_that_are_too_long_are_cut_each_and_say_so() -> None:
    text = body(["```\n" + "x" * LONGEST, "### prod: passed"])
    assert len(text) <= LONGEST
    assert "The rest is left out: it is in the job's log." in text
    assert text.endswith("### prod: passed")


def test_without_a_plan_there_is_no_comment(hub: Hub, tmp_path: Path) -> None:
    ran = commented(tmp_path)
    assert (ran.exit_code, hub.asked) == (2, [])
    assert "run `make plan STACK=...` first" in ran.output
