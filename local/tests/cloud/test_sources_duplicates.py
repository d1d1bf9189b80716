"""The setting `duplicates`: a batch that the function has done is delivered again, as AWS allows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.tests.cloud.conftest import Cloud, Functions, start_cloud, stop_cloud, until
from local.tests.cloud.sources import Sources


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, since the setting is one of the whole cloud."""
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
