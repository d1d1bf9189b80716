"""What concerns the whole cloud: the setting `duplicates`, by which batches come again as AWS allows, and the reset."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud, Functions, start_cloud, stop_cloud, until
from local.tests.cloud.sources import Sources


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, since other tests share theirs."""
    process, running = start_cloud(tmp_path_factory.mktemp("duplicates"))
    yield running
    stop_cloud(process)


@pytest.fixture
def sources(client: Callable[[str], Any], functions: Functions) -> Sources:
    return Sources(client, functions)


@pytest.fixture
def often(cloud: Cloud) -> Iterator[None]:
    assert cloud.control("POST", "settings", {"duplicates": 0.5})[0] == 200
    yield
    cloud.control("POST", "settings", {"duplicates": 0})


@pytest.mark.usefixtures("often")
def test_records_of_a_stream_come_again_and_none_is_lost(sources: Sources) -> None:
    stream = sources.table()
    sources.put(*range(30))
    sources.map(stream, sources.consumer(""), BatchSize=1)
    assert until(lambda: set(sources.numbers()) == set(range(30)))
    found = sources.numbers()
    assert len(found) > 30
    assert found == sorted(found), "a duplicate keeps the order"


@pytest.mark.usefixtures("often")
def test_messages_of_a_queue_come_again_and_none_is_lost(sources: Sources) -> None:
    queue = sources.queue()
    sources.send(*range(30))
    sources.map(queue, sources.consumer(""), BatchSize=1)
    assert until(lambda: set(sources.numbers()) == set(range(30)) and len(sources.numbers()) > 30)


def test_a_chance_that_is_none_is_refused(cloud: Cloud) -> None:
    status, answer = cloud.control("POST", "settings", {"duplicates": 1})
    assert (status, answer) == (400, {"mistakes": ["duplicates is 1: it must be a chance, at least 0 and below 1"]})


def test_a_reset_ends_every_mapping(sources: Sources, cloud: Cloud) -> None:
    sources.map(sources.table(), sources.consumer(""))
    sources.put(1)
    assert sources.come([1]) == [[1]]
    assert cloud.control("POST", "reset")[0] == 200
    assert sources.functions.client.list_event_source_mappings()["EventSourceMappings"] == []
    stream = sources.table()
    alias = sources.consumer("")
    sources.put(2)
    sources.map(stream, alias)
    assert sources.come([2]) == [[2]]
