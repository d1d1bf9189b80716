"""The commands of local/README.md work as they are typed."""

import os
import re
import subprocess

from local.tests.cloud.conftest import ROOT, Cloud

BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "local/README.md").read_text(), re.MULTILINE | re.DOTALL)


def test_a_client_reaches_the_cloud_by_what_the_readme_exports(cloud: Cloud) -> None:
    (block,) = (block for block in BLOCKS if "boto3" in block)
    typed = block.replace("http://127.0.0.1:4566", cloud.endpoint)
    assert typed != block, "the README names another address than the default one"
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    ran = subprocess.run(["sh", "-ec", typed], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("arn:aws:iam::111111111111:root\n", "")


def test_the_readme_runs_the_tests_where_they_are() -> None:
    folders = re.findall(r"local/tests/\w+", "".join(block for block in BLOCKS if "pytest" in block))
    there = {f"local/tests/{file.parent.name}" for file in (ROOT / "local/tests").glob("*/__init__.py")}
    assert sorted(folders) == sorted(there)
