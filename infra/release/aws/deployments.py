"""CodeDeploy's records, which are the ledger, and the tags of its groups. What cannot change is read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.release.aws import reach, revisions
from infra.release.aws.clients import Clients
from infra.release.aws.errors import aws_call
from infra.release.aws.reach import Explained, listed
from infra.release.engine.clock import ScaledClock
from infra.release.engine.cloud import AwsError, TransientError
from infra.release.model import ledger, tags
from infra.release.model.observation import Deployment, Notes, Status
from infra.release.model.spec import Target
from infra.release.model.tags import Enlisted, TagRecord, Tags

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.type_defs import (
        DeploymentInfoTypeDef,
        LambdaTargetTypeDef,
        ListDeploymentsOutputTypeDef,
    )

EARLIER = timedelta(minutes=1)
"""How much earlier the range begins than the newest known record, so that one of the same time is not missed."""
SHIFT = "AllowTraffic"
"""The lifecycle event in which traffic moves."""
UNASKED = timedelta(minutes=1)
"""How long an unsplit alias is taken as untouched by its deployment: the alias may have been moved back by hand."""


class Records:
    """The deployments and the tags of the groups that one command deals with."""

    def __init__(self, clients: Clients, clock: ScaledClock) -> None:
        self._clients = clients
        self._clock = clock
        self._records: dict[str, dict[str, Deployment]] = {}  # by deployment group, then id
        self._tags: dict[str, dict[str, str]] = {}  # by deployment group
        self._first_pages: dict[str, ListDeploymentsOutputTypeDef] = {}  # of ids, by deployment group
        self._canaries: dict[str, str] = {}  # by deployment
        self._shifting: dict[str, datetime] = {}  # by deployment
        self._asked: dict[str, datetime] = {}  # by deployment: when its target was

    # Deployments

    def deployments(
        self,
        wanted: Sequence[Target],
        notes: Mapping[str, Notes],
        split: frozenset[str] = frozenset(),
        explained: Mapping[str, Explained] | None = None,
    ) -> dict[str, dict[str, Deployment]]:
        """Return the records by group, then id. The first call reads those needed, later ones those that may change.

        split: the functions whose alias is split, so that their traffic may be moving. explained: by function, whether
        the records read suffice.
        """
        following = {target.group: notes[target.function].following for target in wanted}
        begun = self._begun(wanted, explained or {})
        stale = {
            target.group: {*begun[target.group]}
            if target.group in begun
            else self._stale(target, following[target.group])
            for target in wanted
        }
        fresh = {id_: each for some in begun.values() for id_, each in some.items()}
        fresh |= self._read(id_ for group, ids in stale.items() if group not in begun for id_ in ids)
        # What is followed may be further back than what was read at first.
        fresh |= self._read(
            id_
            for group, id_ in following.items()
            if id_ and id_ not in fresh and id_ not in self._records.get(group, {})
        )
        rollbacks = {group: fresh[id_].rollback for group, id_ in following.items() if id_ and id_ in fresh}
        fresh |= self._read(id_ for id_ in rollbacks.values() if id_ and id_ not in fresh)
        for target in wanted:
            group, id_ = target.group, following[target.group]
            ids = stale[group] | {each for each in [rollbacks.get(group), id_] if each}
            records = self._records.get(group, {}) | {each: fresh[each] for each in ids if each in fresh}
            if id_ is not None:
                if id_ not in records:
                    raise TransientError(f"CodeDeploy does not show deployment {id_} yet")
                records[id_] = self._detailed(records[id_], target.function in split)
            self._records[group] = records
        return {target.group: self._records[target.group] for target in wanted}

    def read_ahead(self, application: str, group: str, arn: str) -> None:
        """Read a group's tags and the first page of its records, for the first call that asks."""
        self._tags[group] = tags_of(self._clients, arn)
        self._first_pages[group] = reach.page_of(self._clients, application, group)

    def every(self, target: Target, **only: Any) -> dict[str, Deployment]:
        """Return every record of a group that CodeDeploy still has. `only`: a range of ListDeployments."""
        return self._read(listed(self._clients, target.application, target.group, **only))

    def _begun(self, wanted: Sequence[Target], explained: Mapping[str, Explained]) -> dict[str, dict[str, Deployment]]:
        """Return the records of the groups that have not been read yet."""
        new = [each for each in wanted if each.group not in self._records]
        groups = [
            reach.Group(
                each.application,
                each.group,
                explained.get(each.function, _enough),
                self._first_pages.pop(each.group, None),
            )
            for each in new
        ]
        return reach.recent(self._clients, self._clock, groups, self._read)

    def _stale(self, target: Target, following: str | None) -> set[str]:
        """Ids of the group's records to read: the new ones, and those that were in flight."""
        known = self._records[target.group]
        running = {each.id for each in known.values() if each.running}
        if following in running:  # a group has one deployment in flight at most
            return running
        if new := listed(self._clients, target.application, target.group, **self._since_newest(known)) - known.keys():
            self.forget_tags(target)  # another terminal has created it, and perhaps said why
        return running | new | ({following} if following else set())

    def _since_newest(self, known: Mapping[str, Deployment]) -> dict[str, Any]:
        """Return the range of ListDeployments that leaves out nearly all known records."""
        newest = max((each.created for each in known.values()), default=None)
        return {"createTimeRange": {"start": self._clock.real(newest) - EARLIER}} if newest else {}

    def _read(self, ids: Iterable[str]) -> dict[str, Deployment]:
        return {info["deploymentId"]: described(info, self._clock) for info in infos(self._clients, ids)}

    def _detailed(self, deployment: Deployment, split: bool) -> Deployment:
        """Add the version that it shifts to, once CodeDeploy can say, and when traffic began to move."""
        id_, now = deployment.id, self._clock.now()
        due = split or now - self._asked.get(id_, deployment.created) > UNASKED
        may_have_begun = (due and deployment.running) or deployment.status is Status.SUCCEEDED
        if id_ not in self._canaries or (may_have_begun and id_ not in self._shifting):
            self._asked[id_] = now
            self._ask_target(id_)
        canary = self._canaries.get(id_, deployment.canary)
        return replace(deployment, canary=canary, shifting=self._shifting.get(id_))

    def _ask_target(self, deployment: str) -> None:
        for target in lambda_targets(self._clients, deployment):
            self._canaries[deployment] = target["lambdaFunctionInfo"]["targetVersion"]
            for event in target.get("lifecycleEvents", []):
                if event["lifecycleEventName"] == SHIFT and "startTime" in event:
                    self._shifting[deployment] = self._clock.simulated(event["startTime"])

    def created(self, deployment: str, canary: str) -> None:
        """Remember that a deployment just created shifts to `canary`."""
        self._canaries[deployment] = canary

    # Tags

    def tags(self, target: Target) -> Tags:
        """Return the records in the group's tags, as last read."""
        if target.group not in self._tags:
            self._tags[target.group] = tags_of(self._clients, group_arn(target))
        return tags.parse(self._tags[target.group])

    def untagged(self, wanted: Sequence[Target]) -> list[Target]:
        """Return the targets whose groups' tags have not been read."""
        return [target for target in wanted if target.group not in self._tags]

    def forget_tags(self, target: Target) -> None:
        """Read the tags again next time: another process may have written some."""
        self._tags.pop(target.group, None)

    def begun(self, target: Target) -> None:
        """Record in the tag of the first version that a release has started."""
        if new := tags.begun(self._tags.get(target.group, {})):
            arn = group_arn(target)
            with aws_call("codedeploy TagResource", f"deployment group {target.group}"):
                self._clients.codedeploy.tag_resource(
                    ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in new.items()]
                )
            self._tags[target.group] |= new

    def shifting_to(self, deployment: str) -> str | None:
        """Return the version that an old deployment shifted to, if its record does not name it."""
        if deployment not in self._canaries:
            self._ask_target(deployment)
        return self._canaries.get(deployment)

    def note(self, target: Target, mark: TagRecord) -> None:
        now = self._clock.real(self._clock.now())
        if isinstance(mark, Enlisted):
            mark = Enlisted(ledger.to_milliseconds(self._clock.real(mark.at)))
        arn = group_arn(target)
        known = tags_of(self._clients, arn)  # others may have written since, and some tags hold several records
        try:
            new = tags.written(mark, self._clients.by, ledger.to_milliseconds(now), known)
        except ValueError as mistake:
            raise AwsError(str(mistake)) from None
        with aws_call("codedeploy TagResource", f"deployment group {target.group}"):
            self._clients.codedeploy.tag_resource(
                ResourceArn=arn, Tags=[{"Key": key, "Value": value} for key, value in new.items()]
            )
        known |= new
        if surplus := tags.surplus(known):
            with aws_call("codedeploy UntagResource", f"deployment group {target.group}"):
                self._clients.codedeploy.untag_resource(ResourceArn=arn, TagKeys=surplus)
        self._tags[target.group] = {key: value for key, value in known.items() if key not in surplus}


def _enough(_: dict[str, Deployment]) -> bool:
    return True


def infos(clients: Clients, deployments: Iterable[str]) -> Iterator[DeploymentInfoTypeDef]:
    """CodeDeploy's records of those deployments; it takes 25 at once."""
    for some in chunks(sorted(set(deployments)), 25):
        with aws_call("codedeploy BatchGetDeployments", f"deployments {', '.join(some)}"):
            yield from clients.codedeploy.batch_get_deployments(deploymentIds=some)["deploymentsInfo"]


def described(info: DeploymentInfoTypeDef, clock: ScaledClock) -> Deployment:
    """Convert CodeDeploy's answer to a Deployment, in the clock's time."""
    error, rollback = info.get("errorInformation", {}), info.get("rollbackInfo", {})
    return Deployment(
        id=info["deploymentId"],
        status=Status(info["status"]),
        created=clock.simulated(info["createTime"]),
        started=clock.simulated(info["startTime"]) if "startTime" in info else None,
        ended=clock.simulated(info["completeTime"]) if "completeTime" in info else None,
        entry=ledger.parse(info.get("description", "")),
        error=error.get("code", ""),
        message=error.get("message", ""),
        rollback=rollback.get("rollbackDeploymentId"),
        rolls_back=rollback.get("rollbackTriggeringDeploymentId"),
        alarms=tuple(alarm["name"] for alarm in info.get("overrideAlarmConfiguration", {}).get("alarms", [])),
        curve=info.get("deploymentConfigName", ""),
        canary=shift[1] if (shift := revisions.shift(info.get("revision", {}))) else None,
    )


def tags_of(clients: Clients, group: str) -> dict[str, str]:
    """Return the tags of the deployment group of that ARN."""
    found: dict[str, str] = {}
    more: dict[str, str] = {}
    while True:  # botocore has no paginator for it
        with aws_call("codedeploy ListTagsForResource", f"deployment group {group}"):
            page = clients.codedeploy.list_tags_for_resource(ResourceArn=group, **more)
        found |= {tag["Key"]: tag.get("Value", "") for tag in page["Tags"] if "Key" in tag}
        if not (token := page.get("NextToken")):
            return found
        more = {"NextToken": token}


def lambda_targets(clients: Clients, deployment: str) -> Iterator[LambdaTargetTypeDef]:
    """Yield the functions of a deployment with their versions and lifecycle events, as far as it has come."""
    client, fine = clients.codedeploy, "DeploymentNotStartedException"
    with aws_call("codedeploy GetDeploymentTarget", f"deployment {deployment}", fine=fine):
        pages = client.get_paginator("list_deployment_targets").paginate(deploymentId=deployment)
        for id_ in [id_ for page in pages for id_ in page.get("targetIds", [])]:
            found = client.get_deployment_target(deploymentId=deployment, targetId=id_)["deploymentTarget"]
            if "lambdaTarget" in found:
                yield found["lambdaTarget"]


def group_arn(target: Target) -> str:
    """Return the ARN of the target's deployment group."""
    return _arn(target, f"deploymentgroup:{target.application}/{target.group}")


def application_arn(target: Target) -> str:
    """Return the ARN of the target's application."""
    return _arn(target, f"application:{target.application}")


def _arn(target: Target, resource: str) -> str:
    """Return the ARN of a resource of CodeDeploy's; the target's topic is of the same account and region."""
    _, partition, _, region, account, _ = target.topic.split(":", 5)
    return f"arn:{partition}:codedeploy:{region}:{account}:{resource}"


def chunks(items: list[str], size: int) -> Iterator[list[str]]:
    """`items` in lists of at most `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))
