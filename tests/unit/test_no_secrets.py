"""No file that git tracks holds an access key id, a secret or a token."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.environment.workspace import git

ROOT = Path(__file__).resolve().parents[2]

# Each by a form of its own, so that what merely looks random (hashes, digests, pins) is none.
FORMS = {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    "an AWS access key id": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "an AWS secret access key": (
        r"(?i:secret_?access_?key|aws_?secret|secretkey)[\"'\s]{0,3}(?:[:=]|=>)\s{0,3}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    "a session token of AWS": r"\b(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9/+=]{20,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a token of GitHub's": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})",
    "a token of Pulumi's": r"\bpul-[0-9a-f]{40}\b",
    "a token of Slack's": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a token of a package registry": r"\b(?:pypi-AgEI[\w-]{20,}|npm_[A-Za-z0-9]{36})",
    "a signed web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "a URL with a password": r"://[^/\s:@\"'{}<>\[\]|()]+:[^/\s:@\"'{}<>\[\]|()]{3,}@",
}
# What AWS's own pages show as examples: https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
EXAMPLES = ("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
# Where such a form stands for its own sake: file -> what stands there, and why.
ALLOWED = {
    "tests/policy/test_rule_edges.py": {
        "://app:" + "hunter2@": "what the rule on environments must find; no real password"
    },
}


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """What is in a text, by kind; AWS's examples aside."""
    for kind, form in FORMS.items():
        for match in re.finditer(form, text):
            if not any(example in match[0] for example in EXAMPLES):
                yield kind, match[0]


def tracked() -> Iterator[tuple[str, str]]:
    for name in git(ROOT, "ls-files", "-z").split("\0"):
        file = ROOT / name
        if name and file.is_file() and not file.is_symlink():
            yield name, file.read_bytes().decode(errors="replace")


def test_no_tracked_file_holds_a_secret() -> None:
    found = [
        f"{name}: {kind}"
        for name, text in tracked()
        for kind, what in secrets_in(text)
        if what not in ALLOWED.get(name, {})
    ]
    assert found == []


def test_nothing_is_excused_that_is_not_there() -> None:
    texts = dict(tracked())
    assert [(name, what) for name, all_ in ALLOWED.items() for what in all_ if what not in texts.get(name, "")] == []


# Put together here, so that this file holds none of them.
PLANTED = {
    "an AWS access key id": ["AKIA" + "Z" * 16, "ASIA" + "2" * 16],
    "an AWS secret access key": ["aws_secret_access_key = " + "a/" * 20, '"SecretAccessKey": "' + "Ab3+" * 10],
    "a session token of AWS": ["FwoGZXIvYXdz" + "E" * 30],
    "a private key": ["-----BEGIN RSA " + "PRIVATE KEY-----", "-----BEGIN " + "PRIVATE KEY-----"],
    "a token of GitHub's": ["ghp_" + "a1" * 18, "github_pat_" + "b" * 30],
    "a token of Pulumi's": ["pul-" + "0f" * 20],
    "a token of Slack's": ["xoxb-" + "1" * 12],
    "a token of a package registry": ["pypi-" + "AgEI" + "c" * 40, "npm_" + "d" * 36],
    "a signed web token": [".".join(["eyJ" + "h" * 20, "eyJ" + "p" * 20, "s" * 43])],
    "a URL with a password": ["https://ann:" + "sesame" + "@example.com"],
}


@pytest.mark.parametrize("kind", FORMS)
def test_each_kind_is_found_where_it_is_planted(kind: str) -> None:
    assert PLANTED[kind]
    for planted in PLANTED[kind]:
        assert [found for found, _ in secrets_in(f"x = '{planted}'\n")] == [kind]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_awss_pages_are_none(example: str) -> None:
    assert list(secrets_in(f'aws_secret_access_key = "{example}"')) == []
