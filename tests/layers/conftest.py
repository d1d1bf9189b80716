"""What the tests of declarations need before they run: the provider's package, loaded, and an event loop."""

import asyncio
import gc
import warnings
from collections.abc import Iterator

import pytest

from tests.layers.recorder import LOOP

# pulumi_aws warns of deprecated classes of its own while it loads; the program uses none of them.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    # Attributes, since the SDK loads its modules lazily.
    from pulumi_aws.lambda_ import Alias  # noqa: F401
    from pulumi_aws.s3 import Bucket  # noqa: F401

asyncio.set_event_loop(LOOP)  # modules make outputs when they are loaded


@pytest.fixture(autouse=True)
def loop() -> None:
    """`asyncio.run`, in any test before this one, leaves its thread without an event loop, and an output wants one."""
    asyncio.set_event_loop(LOOP)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """A program is a process of its own, and lets Python look for cycles seldom; the tests after it are not."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)
