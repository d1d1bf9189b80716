"""The artifact bucket: each bundle is written once, by digest, and accepted only if S3's checksum matches."""

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.artifacts import ManifestError, SelectedManifest
from infra.artifacts.manifest import Entry, Manifest
from infra.artifacts.store import Artifacts, Stored, bundle_key, manifest_key
from infra.bundle.model import digest
from infra.release.engine.cloud import AwsError
from local.tests.cloud.conftest import REGION, Cloud

ZIP = b"a zip"
COMMIT = "0123456789" * 4


@pytest.fixture
def s3(cloud: Cloud, account: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The account's S3, which the store finds by its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return cloud.client("s3", account)


def bucket(s3: Any, name: str, versions: str = "Enabled") -> Artifacts:
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versions})
    return Artifacts(name, REGION)


@pytest.fixture
def artifacts(s3: Any, account: str) -> Artifacts:
    return bucket(s3, f"artifacts-{account}")


def versions(s3: Any, artifacts: Artifacts) -> list[str]:
    return [each["Key"] for each in s3.list_object_versions(Bucket=artifacts.bucket).get("Versions", [])]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(AwsError) as caught:
        call()
    return str(caught.value)


def test_a_bundle_is_stored_by_its_digest_and_found_by_it(artifacts: Artifacts) -> None:
    stored = artifacts.put(ZIP)
    assert stored.key == f"bundles/{hashlib.sha256(ZIP).hexdigest()}.zip"
    assert artifacts.find(digest(ZIP)) == stored
    assert artifacts.get(digest(ZIP)) == ZIP


def test_the_same_bundle_is_found_and_not_written_again(artifacts: Artifacts, s3: Any) -> None:
    assert artifacts.put(ZIP) == artifacts.put(ZIP)
    assert len(versions(s3, artifacts)) == 1


def test_a_bundle_that_was_never_published_is_not_found(artifacts: Artifacts) -> None:
    assert artifacts.find(digest(b"other")) is None
    assert artifacts.get(digest(b"other")) is None
    assert artifacts.built(COMMIT) is None


@pytest.mark.parametrize("call", ["find", "get", "put"])
def test_an_object_that_was_altered_is_never_taken(artifacts: Artifacts, s3: Any, call: str) -> None:
    artifacts.put(ZIP)
    body = b"altered"
    key = bundle_key(digest(ZIP))
    s3.put_object(Bucket=artifacts.bucket, Key=key, Body=body, ChecksumSHA256=digest(body))
    said = refused(lambda: artifacts.put(ZIP) if call == "put" else getattr(artifacts, call)(digest(ZIP)))
    assert f"holds bytes with the SHA-256 {digest(body)}, not {digest(ZIP)}: it was altered after" in said


def test_an_object_whose_bytes_s3_did_not_sum_is_not_believed(artifacts: Artifacts, s3: Any) -> None:
    s3.put_object(Bucket=artifacts.bucket, Key=bundle_key(digest(ZIP)), Body=ZIP, ChecksumAlgorithm="CRC32")
    assert "holds bytes with the SHA-256 none" in refused(lambda: artifacts.find(digest(ZIP)))


def test_bytes_that_were_corrupted_on_the_way_are_not_stored(artifacts: Artifacts, s3: Any) -> None:
    key = bundle_key(digest(ZIP))
    with pytest.raises(s3.exceptions.ClientError, match=r"BadDigest|InvalidRequest"):
        s3.put_object(Bucket=artifacts.bucket, Key=key, Body=b"corrupted", ChecksumSHA256=digest(ZIP))
    assert artifacts.find(digest(ZIP)) is None


def test_a_bucket_without_versions_is_refused(s3: Any, account: str) -> None:
    plain = bucket(s3, f"plain-{account}", versions="")
    assert "keeps no versions; bring `bootstrap/` up" in refused(lambda: plain.put(ZIP))


def test_the_error_names_a_bucket_that_does_not_exist(s3: Any) -> None:
    said = refused(lambda: Artifacts("no-such-bucket", REGION).put(ZIP))
    assert "AWS refuses s3 PutObject (s3://no-such-bucket/bundles/" in said


def test_the_manifest_of_a_commit_is_published_once(artifacts: Artifacts, s3: Any) -> None:
    artifacts.publish(COMMIT, "first")
    artifacts.publish(COMMIT, "first")
    assert artifacts.built(COMMIT) == "first"
    assert versions(s3, artifacts) == [manifest_key(COMMIT)]


def test_a_commit_that_was_built_to_something_else_before_is_refused(artifacts: Artifacts) -> None:
    artifacts.publish(COMMIT, "first")
    said = refused(lambda: artifacts.publish(COMMIT, "second"))
    assert said.startswith(f"commit {COMMIT} was built before, with another outcome")
    assert artifacts.built(COMMIT) == "first"


def test_a_digest_with_slashes_is_one_name_in_the_bucket() -> None:
    key = bundle_key(base64.b64encode(b"\xff" * 32).decode())
    assert key == f"bundles/{'ff' * 32}.zip"


def test_a_deploy_takes_published_bundles_and_a_plan_names_those_that_will_be_published(artifacts: Artifacts) -> None:
    entries = {name: entry(name.encode()) for name in ("orders", "hooks")}
    manifest = Manifest(COMMIT, datetime(2026, 1, 31, tzinfo=UTC), "python3.11", "x86_64", entries)
    kept = artifacts.put(b"orders")
    with pytest.raises(ManifestError) as caught:
        SelectedManifest(Path(), Path("manifest.json"), manifest).find(["orders"], artifacts.bucket, REGION)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"hooks is {digest(b'hooks')}, but the bucket {artifacts.bucket} has no such bundle")
    planned = SelectedManifest(Path(), Path("manifest.json"), manifest, planned=True)
    services, hooks = planned.find(["orders"], artifacts.bucket, REGION)
    assert services["orders"].stored == kept
    assert {each.stored for each in hooks.values()} == {
        Stored(artifacts.bucket, bundle_key(digest(b"hooks")), "not there yet")
    }


def entry(zipped: bytes) -> Entry:
    return Entry(digest(zipped), len(zipped), len(zipped), {}, {})
