"""A move's lock and journal in S3: one process has the lock, whoever else takes it, resumes it or gives it back."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from infra.migrate.aws import Bucket
from infra.migrate.backend import Backend
from infra.migrate.checks import OPERATION
from infra.migrate.model import Direction, Journal, Lock, MigrationError, Moved, Thing
from local.tests.cloud.conftest import REGION, Cloud

INFO, AT_ONCE = "layer data of stack prod moves", 6
JOURNAL = Journal(
    "prod",
    "data",
    Direction.IN,
    "lock-1",
    "lineage",
    3,
    (Moved('a.b["c"]', Thing("aws:sns/topic:Topic", "arn:x"), "urn:x", "data/terraform.tfstate.strata/1.tfstate"),),
)


@pytest.fixture
def s3(cloud: Cloud, account: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The account's S3, which the tool finds by its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return cloud.client("s3", account)


@pytest.fixture
def bucket(s3: Any, account: str) -> Bucket:
    name = f"states-{account}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Bucket(Backend(name, "data/terraform.tfstate", REGION, path_style=True))


def held(bucket: Bucket) -> Lock:
    lock = bucket.lock()
    assert lock is not None
    return lock


def winners(acts: list[Callable[[], object]]) -> list[int]:
    """Return which of the acts succeed, all done at once; the others are refused."""

    def outcome(act: Callable[[], object]) -> bool:
        try:
            act()
        except MigrationError:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as pool:
        return [number for number, won in enumerate(pool.map(outcome, acts)) if won]


def test_the_lock_is_terraforms_own_file_with_the_holder_beside_its_fields(bucket: Bucket, s3: Any) -> None:
    assert bucket.lock() is None
    bucket.take_lock(INFO, "me")
    lock = held(bucket)
    assert (lock.operation, lock.info, lock.holder) == (OPERATION, INFO, "me")
    found = s3.get_object(Bucket=bucket.backend.bucket, Key="data/terraform.tfstate.tflock")
    assert found["ServerSideEncryption"] == "AES256"
    written = json.loads(found["Body"].read())
    # statemgr.LockInfo of github.com/hashicorp/terraform, internal/states/statemgr/locker.go, and one field more.
    assert set(written) == {"ID", "Operation", "Info", "Who", "Version", "Created", "Path", "Holder"}
    assert written["Path"] == f"{bucket.backend.bucket}/data/terraform.tfstate"
    bucket.give_lock_back(lock)
    assert bucket.lock() is None


def test_of_those_who_take_a_lock_at_once_one_has_it(bucket: Bucket) -> None:
    acts = [lambda name=str(number): bucket.take_lock(INFO, name) for number in range(AT_ONCE)]
    (winner,) = winners([*acts])
    assert held(bucket).holder == str(winner)


def test_of_those_who_resume_a_move_at_once_one_has_it(bucket: Bucket) -> None:
    bucket.take_lock(INFO, "killed")
    left = held(bucket)
    acts = [lambda name=str(number): bucket.take_over(left, name) for number in range(AT_ONCE)]
    (winner,) = winners([*acts])
    lock = held(bucket)
    assert lock.holder == str(winner)
    assert (lock.id, lock.info, lock.created) == (left.id, left.info, left.created)


def test_a_process_whose_lock_was_taken_over_gives_none_back(bucket: Bucket) -> None:
    bucket.take_lock(INFO, "slow")
    mine = held(bucket)
    bucket.take_over(mine, "fast")
    with pytest.raises(MigrationError, match="was written or deleted by another while this process held it"):
        bucket.give_lock_back(mine)
    theirs = held(bucket)
    assert theirs.holder == "fast"
    bucket.give_lock_back(theirs)
    with pytest.raises(MigrationError, match="was written or deleted"):
        bucket.give_lock_back(theirs)
    with pytest.raises(MigrationError, match="another process goes on with the move, or has ended it"):
        bucket.take_over(theirs, "late")


def test_a_lock_of_terraforms_own_is_read_and_never_written_over(bucket: Bucket, s3: Any) -> None:
    own = {"ID": "1", "Operation": "OperationTypeApply", "Info": "", "Who": "bob@desk", "Created": "2026-11-30"}
    s3.put_object(Bucket=bucket.backend.bucket, Key=bucket.backend.lock, Body=json.dumps(own).encode())
    assert replace(held(bucket), tag="") == Lock("1", "OperationTypeApply", "", "bob@desk", "2026-11-30")
    with pytest.raises(MigrationError, match="was locked a moment ago by another"):
        bucket.take_lock(INFO, "me")


def test_the_journal_is_kept_beside_the_state_and_is_no_workspace(bucket: Bucket) -> None:
    assert bucket.journal() is None
    bucket.put(bucket.backend.state, b"{}")
    bucket.write_journal(JOURNAL)
    assert bucket.journal() == JOURNAL
    bucket.write_journal(replace(JOURNAL, over=True))
    assert bucket.journal() == replace(JOURNAL, over=True)
    blue = Bucket(replace(bucket.backend, workspace="blue"))
    assert blue.journal() is None
    blue.put(blue.backend.state, b"{}")
    blue.write_journal(JOURNAL)
    assert bucket.workspaces() == ["blue", "default"]


def test_a_bucket_that_is_not_there_is_named(bucket: Bucket) -> None:
    gone = Bucket(replace(bucket.backend, bucket="nothing-here-at-all"))
    with pytest.raises(MigrationError, match="there is no bucket nothing-here-at-all"):
        gone.take_lock(INFO, "me")
