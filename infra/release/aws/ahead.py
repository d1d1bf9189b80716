"""The AWS of a preview, which reads its functions while the program still runs.

The reads of a large set wait for the rates of Lambda and CodeDeploy. They need names alone, which the program knows
from its start. What a preview reads is as old as the program's run; a release reads everything anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from infra.release.aws.cloud import Aws
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import NotFoundError
from infra.release.model.observation import Alias, Notes, Observation
from infra.release.model.spec import ReleaseError, Target


@dataclass(frozen=True)
class Released:
    """The names of a function, its alias, and CodeDeploy's application and deployment group."""

    function: str
    alias: str
    application: str
    group: str
    group_arn: str


class AwsAhead(Aws):
    """AWS, `functions` of which are read ahead. A read that fails is left to whoever asks."""

    def __init__(self, region: str, clock: ScaledClock, functions: Sequence[Released]) -> None:
        super().__init__(region, clock)
        self._found: dict[tuple[str, str], Alias] = {}
        _ = self.clients.functions, self.clients.codedeploy  # botocore makes one client at a time
        pool = ThreadPoolExecutor(2)  # each service has a pace of its own
        self._versions = pool.submit(_each, self._read_version, functions)
        self._records: Future[None] = pool.submit(_each, self._read_records, functions)
        pool.shutdown(wait=False)

    def observe(self, wanted: Sequence[Target], notes: Mapping[str, Notes]) -> dict[str, Observation]:
        wait([self._versions, self._records])
        return super().observe(wanted, notes)

    def alias(self, function: str, name: str) -> Alias:
        wait([self._versions])
        return self._found.get((function, name)) or super().alias(function, name)

    def _read_version(self, each: Released) -> None:
        found = super().alias(each.function, each.alias)
        self.version(each.function, found.version)
        self._found[each.function, each.alias] = found

    def _read_records(self, each: Released) -> None:
        self.records.read_ahead(each.application, each.group, each.group_arn)


def _each(read: Callable[[Released], None], functions: Sequence[Released]) -> None:
    """Read every function that exists. Of a new stack none does, so it ends if the first one does not."""
    for number, each in enumerate(functions):
        try:
            read(each)
        except NotFoundError:
            if number == 0:
                return
        except ReleaseError:
            return
