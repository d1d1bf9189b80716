"""The stand-in providers' operations on any resource type, shown on one that lives in a dict."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from local.providers import operations
from local.providers.assets import Assets
from local.providers.operations import PartialError
from local.providers.resource import Aws, Change, Field, Live, ProviderError, Resource, archive_hash, policy_text, props
from local.providers.settings import Settings, loopback
from local.providers.wire import ARCHIVE, ASSET, DEFAULTS, SECRET, SIGNATURE, UNKNOWN, Bag, from_struct, holds_unknown


class RefusalError(Exception):
    """The error that botocore raises when AWS refuses a call."""

    operation_name = "PutThing"

    def __init__(self, code: str) -> None:
        super().__init__(code)
        metadata = {"HTTPStatusCode": 400, "RequestId": "r-1"}
        self.response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}


class Thing(Resource):
    """A thing in a dict, which stands for AWS."""

    kind = "aws:things/thing:Thing"
    service = "things"
    label = "Things Thing"
    tagged = True
    fields = props(
        name=Field(replaces=True),
        size=Field(default=128),
        zone=Field(computed=True),
        policy=Field(form=policy_text),
        code=Field(unread=True, form=archive_hash),
        labels=Field(unordered=True),
        settings=Field(of=props(mode=Field(default="on"), limits=Field(), key=Field(computed=True))),
        kind=Field(replaces=True),
    )
    outputs = ("arn",)

    def __init__(self) -> None:
        self.made: dict[str, Bag] = {}
        self.refuses: dict[str, str] = {}
        self.calls: list[Any] = []

    def _call(self, verb: str, *details: Any) -> None:
        self.calls.append((verb, *details))
        if verb in self.refuses:
            raise RefusalError(self.refuses[verb])

    def create(self, aws: Aws, new: Bag) -> str:
        self._call("create")
        made = {key: value for key, value in new.items() if key not in ("tagsAll", "code")}
        self.made[new["name"]] = {"zone": "a", **made, "tags": new["tagsAll"]}
        return str(new["name"])

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        self._call("settle")

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        self._call("read")
        return Live(identity, {"size": 128, **self.made[identity], "arn": f"arn:{identity}"})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        self._call("update", changed)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        self._call("retag", gone, tags)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        self._call("delete")

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        return frozenset({"arn"} if "code" in changed else ())


class Nowhere:
    """AWS of a region, of which only the region and the default tags are asked."""

    region, account = "eu-central-1", "111111111111"
    default_tags = {"stack": "prod"}  # noqa: RUF012 (never changed)

    def __call__(self, service: str) -> Any:
        raise AssertionError(f"{service} was asked")


AWS = Nowhere()


def archive(content: str) -> Bag:
    return {SIGNATURE: ARCHIVE, "hash": content, "path": f"/{content}.zip"}


def changes(state: Bag, new: Bag) -> set[Change]:
    return set(operations.diff(Thing(), state, new)[0])


def checked(new: Bag, old: Bag | None = None, seed: bytes = b"s") -> Bag:
    inputs, failures = operations.check(Thing(), "thing", old or {}, new, seed=seed, tags=AWS.default_tags)
    assert failures == []
    return inputs


def failures(new: Bag) -> dict[str, str]:
    return {one.path: one.reason for one in operations.check(Thing(), "t", {}, new, seed=b"", tags={})[1]}


# Checks


def test_a_name_that_is_left_out_is_the_logical_one_and_seven_digits() -> None:
    name = checked({})["name"]
    assert len(name.removeprefix("thing-")) == 7
    assert int(name.removeprefix("thing-"), 16) >= 0


def test_a_preview_and_its_update_agree_on_a_generated_name() -> None:
    assert checked({}, seed=b"1") == checked({}, seed=b"1") != checked({}, seed=b"2")


def test_a_generated_name_stays_and_a_given_one_does_not_come_back() -> None:
    first = checked({})
    assert checked({}, old=first, seed=b"other") == first
    assert checked({}, old={"name": "given"})["name"] != "given"


def test_default_tags_join_those_of_the_resource_which_win() -> None:
    assert checked({"tags": {"a": "1", "stack": "mine"}})["tagsAll"] == {"a": "1", "stack": "mine"}
    assert checked({})["tagsAll"] == {"stack": "prod"}
    assert checked({"tags": {"a": UNKNOWN}})["tagsAll"] == UNKNOWN


def test_an_unknown_property_is_refused_with_its_path_and_the_file_to_add_it_in() -> None:
    found = failures({"sizee": 1, "settings": {"mod": "on"}})
    assert found.keys() == {"sizee", "settings.mod"}
    assert "aws:things/thing:Thing" in found["sizee"]
    assert "local/tests/unit/test_provider_operations.py" in found["sizee"]


# Diffs


def test_equal_settings_are_no_change() -> None:
    state = {"name": "x", "size": 128, "zone": "a", "settings": {"mode": "on", "key": "k"}, "labels": ["a", "b"]}
    assert changes(state, {"name": "x", "settings": {}, "labels": ["b", "a"]}) == set()


@pytest.mark.parametrize("nothing", ["", False, [], {}])
def test_an_empty_value_says_no_more_than_leaving_it_out(nothing: Any) -> None:
    assert changes({"labels": nothing}, {}) == changes({}, {"labels": nothing}) == set()


def test_a_property_that_aws_fills_in_may_be_left_out_but_not_changed() -> None:
    assert changes({"zone": "a"}, {}) == set()
    assert changes({"zone": "a"}, {"zone": "b"}) == {Change("zone", "UPDATE", replaces=False)}


def test_changes_are_named_by_their_paths() -> None:
    state = {"settings": {"limits": {"a": 1, "b-c": 2}}, "tags": {"x": "1"}}
    new = {"settings": {"limits": {"a": 2}, "mode": "off"}, "tags": {"x": "1", "y": "2"}, "size": 256}
    assert changes(state, new) == {
        Change("settings.limits.a", "UPDATE", replaces=False),
        Change('settings.limits["b-c"]', "DELETE", replaces=False),
        Change("settings.mode", "UPDATE", replaces=False),
        Change("tags.y", "ADD", replaces=False),
        Change("size", "UPDATE", replaces=False),
    }


def test_a_value_that_becomes_empty_is_an_update_and_a_block_that_is_dropped_one_entry() -> None:
    state = {"zone": "a", "settings": {"mode": "off", "limits": {"a": 1}, "key": "k"}}
    assert changes(state, {"zone": "", "settings": state["settings"]}) == {Change("zone", "UPDATE", replaces=False)}
    assert changes(state, {}) == {Change("settings", "DELETE", replaces=False)}
    assert changes({}, {"settings": state["settings"]}) == {Change("settings", "ADD", replaces=False)}


def test_a_policy_written_differently_is_the_same_policy() -> None:
    long = json.dumps({"Statement": [{"Action": ["b", "a"], "Effect": "Allow"}], "Version": "1"}, indent=4)
    short = json.dumps({"Version": "1", "Statement": {"Effect": "Allow", "Action": ["a", "b"]}})
    assert changes({"policy": long}, {"policy": short}) == set()
    assert changes({"policy": long}, {"policy": short.replace("Allow", "Deny")}) != set()
    two = [{"Sid": "z", "Action": "a"}, {"Sid": "y", "Action": "b"}]
    turned = [dict(sorted(each.items())) for each in two]
    assert changes({"policy": json.dumps(two)}, {"policy": json.dumps(turned)}) == set()


def test_code_is_compared_by_its_hash() -> None:
    elided = {SIGNATURE: ARCHIVE, "hash": "one"}
    assert changes({"code": elided}, {"code": archive("one")}) == set()
    assert changes({"code": elided}, {"code": archive("two")}) == {Change("code", "UPDATE", replaces=False)}


def test_a_value_that_is_not_yet_known_is_a_change() -> None:
    assert changes({"size": 128}, {"size": UNKNOWN}) == {Change("size", "UPDATE", replaces=False)}
    assert changes({"kind": "a"}, {"kind": UNKNOWN}) == {Change("kind", "UPDATE", replaces=True)}


def test_a_thing_with_a_given_name_goes_before_its_replacement_comes() -> None:
    state = {"name": "x", "kind": "a"}
    assert operations.diff(Thing(), state, {"name": "x", "kind": "b"})[1]
    assert not operations.diff(Thing(), state, {"name": "x", "kind": "b", DEFAULTS: ["name"]})[1]
    assert not operations.diff(Thing(), state, {"name": "y", "kind": "b"})[1]
    assert not operations.diff(Thing(), state, {"name": "x", "kind": "a", "size": 1})[1]


# Calls


def test_a_created_thing_is_read_back_in_the_user_s_own_words() -> None:
    thing = Thing()
    policy = '{"Statement": [{"Effect": "Allow"}]}'
    new = checked({"name": "x", "policy": policy, "code": archive("one"), "tags": {"a": "1"}})
    identity, state = operations.create(thing, AWS, new, preview=False)
    assert identity == "x"
    assert state == {
        "id": "x",
        "name": "x",
        "kind": None,
        "labels": None,
        "settings": None,
        "policy": policy,
        "code": archive("one"),
        "size": 128,
        "zone": "a",
        "arn": "arn:x",
        "region": "eu-central-1",
        "tags": {"a": "1"},
        "tagsAll": {"a": "1", "stack": "prod"},
    }


def test_a_preview_of_a_creation_calls_nothing_and_knows_only_what_is_given() -> None:
    thing = Thing()
    identity, state = operations.create(thing, AWS, checked({"name": "x", "size": UNKNOWN}), preview=True)
    assert (identity, thing.calls) == ("", [])
    assert state["arn"] == state["zone"] == state["size"] == UNKNOWN
    assert state["name"] == "x"


def test_a_preview_of_an_update_knows_what_stays() -> None:
    old = {"name": "x", "size": 1, "arn": "arn:x", "zone": "a", "code": archive("one")}
    kept = operations.update(Thing(), AWS, "x", old, {"name": "x", "code": archive("one")}, preview=True)
    assert kept == {"name": "x", "arn": "arn:x", "zone": "a", "code": archive("one")}
    moved = operations.update(Thing(), AWS, "x", old, {"name": "x", "code": archive("two")}, preview=True)
    assert moved["arn"] == UNKNOWN


def test_a_thing_that_could_not_be_finished_is_kept_as_it_is() -> None:
    thing = Thing()
    thing.refuses = {"settle": "LimitExceeded"}
    with pytest.raises(PartialError, match=r"creating Things Thing \(x\): .*LimitExceeded: no") as failed:
        operations.create(thing, AWS, checked({"name": "x"}), preview=False)
    assert failed.value.identity == "x"
    assert failed.value.state["arn"] == "arn:x"


def test_a_refusal_is_reported_in_the_words_of_the_real_provider() -> None:
    thing = Thing()
    thing.refuses = {"create": "ValidationException"}
    with pytest.raises(ProviderError) as failed:
        operations.create(thing, AWS, checked({"name": "x"}), preview=False)
    assert str(failed.value) == (
        "creating Things Thing (x): operation error Things: PutThing, https response error StatusCode: 400, "
        "RequestID: r-1, ValidationException: no"
    )


def test_an_update_names_what_changed_and_tags_go_their_own_way() -> None:
    thing = Thing()
    operations.create(thing, AWS, checked({"name": "x", "tags": {"old": "1"}}), preview=False)
    _, state, _ = operations.read(thing, AWS, "x", {"name": "x"}, {})
    thing.calls.clear()
    operations.update(thing, AWS, "x", state, checked({"name": "x", "tags": {"new": "2"}}), preview=False)
    assert thing.calls == [("retag", ["old"], {"new": "2", "stack": "prod"}), ("read",)]
    thing.calls.clear()
    operations.update(thing, AWS, "x", state, checked({"name": "x", "size": 1, "tags": {"old": "1"}}), preview=False)
    assert thing.calls == [("update", frozenset({"size"})), ("read",)]


def test_a_thing_that_is_gone_reads_as_nothing_and_is_deleted_all_the_same() -> None:
    thing = Thing()
    thing.refuses = {"read": "ResourceNotFoundException", "delete": "NoSuchEntity"}
    assert operations.read(thing, AWS, "x", {"name": "x"}, {}) == ("", {}, {})
    operations.delete(thing, AWS, "x", {"name": "x"})
    thing.refuses = {"delete": "AccessDenied"}
    with pytest.raises(ProviderError, match="deleting Things Thing"):
        operations.delete(thing, AWS, "x", {"name": "x"})


def test_a_refresh_finds_what_was_changed_by_hand() -> None:
    thing = Thing()
    new = checked({"name": "x", "size": 256, "code": archive("one")})
    _, state = operations.create(thing, AWS, new, preview=False)
    assert operations.read(thing, AWS, "x", state, new) == ("x", state, new)
    thing.made["x"]["size"] = 512
    _, now, inputs = operations.read(thing, AWS, "x", state, new)
    assert now["size"] == inputs["size"] == 512
    assert operations.diff(thing, now, new)[0] == [Change("size", "UPDATE", replaces=False)]


def test_an_import_needs_only_the_id_and_gives_inputs_that_change_nothing() -> None:
    thing = Thing()
    new = checked({"name": "x", "size": 256, "tags": {"a": "1"}})
    operations.create(thing, AWS, new, preview=False)
    identity, state, inputs = operations.read(thing, AWS, "x", {}, {})
    assert (identity, inputs) == ("x", {**new, "zone": "a", "region": "eu-central-1"})
    assert operations.diff(thing, state, new)[0] == operations.diff(thing, state, checked(inputs))[0] == []


# What travels, settings, archives


def test_bags_come_off_the_wire_as_plain_python() -> None:
    secret = {SIGNATURE: SECRET, "value": {"a": 1.0}}
    sent = {"n": 2.0, "half": 0.5, "none": None, "list": [1.0, "x"], "secret": secret}
    message = json_format.ParseDict(sent, struct_pb2.Struct())
    bag = from_struct(message)
    assert bag == {"n": 2, "half": 0.5, "list": [1, "x"], "secret": {"a": 1}}
    assert isinstance(bag["n"], int)


def test_an_unknown_is_found_at_any_depth() -> None:
    assert holds_unknown({"a": [{"b": UNKNOWN}]})
    assert not holds_unknown({"a": [{"b": "c"}]})


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://127.9.9.9", "http://localhost:1", "http://[::1]:80"])
def test_an_endpoint_on_loopback_is_accepted(url: str) -> None:
    assert loopback(url, "AWS_ENDPOINT_URL") == url


@pytest.mark.parametrize("url", ["", "https://lambda.amazonaws.com", "http://10.0.0.1", "127.0.0.1:80", "http://[x"])
def test_any_other_endpoint_is_refused_with_its_source(url: str) -> None:
    with pytest.raises(ProviderError, match=r"AWS_ENDPOINT_URL is .*loopback.*make cloud"):
        loopback(url, "AWS_ENDPOINT_URL")


def test_settings_come_as_the_sdk_sends_them() -> None:
    sent = {
        "region": "eu-central-1",
        "allowedAccountIds": '["111111111111"]',
        "defaultTags": '{"tags": {"stack": "prod"}}',
        "skipCredentialsValidation": "false",
    }
    settings = Settings.parse(sent, {"AWS_REGION": "us-east-1"})
    assert settings.region == "eu-central-1"
    assert settings.allowed == frozenset({"111111111111"})
    assert settings.default_tags == (("stack", "prod"),)


def test_a_region_comes_from_the_environment_or_is_missed() -> None:
    assert Settings.parse({}, {"AWS_REGION": "us-east-1"}).region == "us-east-1"
    with pytest.raises(ProviderError, match="missing region configuration"):
        Settings.parse({}, {})


def test_an_endpoint_of_the_provider_s_own_may_not_lead_elsewhere_either() -> None:
    with pytest.raises(ProviderError, match=r"endpoint of lambda.*https://far\.example"):
        Settings.parse({"region": "r", "endpoints": [{"lambda": "https://far.example"}]}, {})


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        return {name: bundle.read(name) for name in bundle.namelist()}


def test_a_zip_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"any bytes")
    assert Assets(tmp_path).zipped({SIGNATURE: ARCHIVE, "path": "code.zip"}) == b"any bytes"


def test_a_folder_and_a_collection_of_assets_become_zips_that_depend_only_on_their_contents(tmp_path: Path) -> None:
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "a.py").write_text("a")
    folder = {SIGNATURE: ARCHIVE, "path": str(tmp_path / "code")}
    text = {SIGNATURE: ASSET, "text": "b"}
    assets = Assets(Path("/elsewhere"))
    assert unzipped(assets.zipped(folder)) == {"inner/a.py": b"a"}
    collection = {SIGNATURE: ARCHIVE, "assets": {"b.py": text, "lib": folder}}
    assert unzipped(assets.zipped(collection)) == {"b.py": b"b", "lib/inner/a.py": b"a"}
    (tmp_path / "code" / "inner" / "a.py").touch()
    assert assets.zipped(collection) == assets.zipped(collection)


def test_an_archive_that_is_not_there_or_not_local_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"nowhere.*No such file.*relative paths start in"):
        Assets(tmp_path).zipped({SIGNATURE: ARCHIVE, "path": "nowhere"})
    with pytest.raises(ProviderError, match="reads no URIs"):
        Assets(tmp_path).zipped({SIGNATURE: ARCHIVE, "uri": "https://far.example/code.zip"})
