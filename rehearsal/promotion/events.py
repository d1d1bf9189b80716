"""The scenario of EVENTS=1: a success in staging starts prod by itself, and no other event starts anything."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.config.promotion import VARIABLE
from rehearsal import commits
from rehearsal.environment.workspace import Edit
from rehearsal.github_actions.runner import SUCCESS
from rehearsal.observe.aws_records import FunctionState, newest
from rehearsal.observe.outcome import outcome
from rehearsal.observe.traffic import Api, Traffic
from rehearsal.promotion.event_report import ACTS, Act, ByEvent, EventReport
from rehearsal.promotion.report import Promoted
from rehearsal.promotion.scenario import Promotion
from rehearsal.promotion.stage import STACKS, target

FORGER = "forger"  # a role of another account
PROJECT = BUS = "strata-prod_promotion"
BEFORE_PROD = ("bundle", "dev", "staging")
WAIT = 900.0  # real seconds that a build may take: a busy machine is no fault of what is rehearsed
# A canary long enough to be in flight when the build that watches it is killed.
LONG = Edit(
    title="Give prod's canary 45 minutes",
    file="Pulumi.prod.yaml",
    before="      percent: 10\n      minutes: 10\n",
    after="      percent: 10\n      minutes: 45\n",
)
FROZEN = Edit(
    title="Freeze promotion by event",
    file="Pulumi.prod.yaml",
    before="  strata:release:\n",
    after="  strata:promotion:\n    frozen: {by: ann, why: inventory}\n  strata:release:\n",
)


@dataclass
class Events(Promotion):
    """One run of the scenario, printed by `narrator`."""

    by_event: ByEvent | None = None
    acts: list[Act] = field(default_factory=list)

    def run_events(self) -> EventReport:
        """Run all steps and return the report. Raises ScratchError or ProgramError if a step cannot be run at all."""
        begun = time.monotonic()
        sha = self.stage.commit()
        first = self.everywhere(sha)
        if all(each.result == SUCCESS for each in first.values()):
            self.forge()
            one = self.promoted_by_event(self.stage.commit(commits.COUNTED, commits.GOOD))
            self.sent("twice", one)
            two = self.cut_off_build(self.stage.commit(commits.HARMLESS, LONG))
            self.sent("out-of-order", one)
            self.sent("late", two)
            self.freeze(self.stage.commit(FROZEN), two)
        return self.event_report(round(time.monotonic() - begun, 2))

    def event_report(self, seconds: float = 0.0) -> EventReport:
        """Return the report of what there is so far; `seconds` are 0 until the rehearsal has ended."""
        return EventReport(seconds, tuple(self.promoted), self.by_event, tuple(self.acts), tuple(self.other_problems))

    def forge(self) -> None:
        """Let dev's account send its own successes to prod's bus, as staging's does, from now on."""
        self.chapter(
            "forged: another account sends too",
            "Whoever rules over dev's account lets a rule send dev's own successes to the bus of prod's, and puts an "
            "event that pretends to be CodeDeploy's.",
        )
        aws, prod = self.stage.accounts["dev"], self.stage.accounts["prod"]
        events, iam = aws.client("events"), aws.client("iam")
        bus = f"arn:aws:events:{prod.region}:{prod.account}:event-bus/{BUS}"
        trust = _document({"Action": "sts:AssumeRole", "Principal": {"Service": "events.amazonaws.com"}})
        role = iam.create_role(RoleName=FORGER, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        may = _document({"Action": "events:PutEvents", "Resource": bus})
        iam.put_role_policy(RoleName=FORGER, PolicyName="all", PolicyDocument=may)
        events.put_rule(Name=FORGER, EventPattern=json.dumps({"source": ["aws.codedeploy"]}))
        events.put_targets(Rule=FORGER, Targets=[{"Id": "prod", "Arn": bus, "RoleArn": role}])
        entry = {"Source": "aws.codedeploy", "DetailType": "x", "Detail": "{}", "EventBusName": bus}
        answer = events.put_events(Entries=[entry])
        if not answer["FailedEntryCount"]:
            self.other_problems.append("forged: EventBridge took an event whose source is AWS's from a caller")

    def promoted_by_event(self, sha: str) -> dict[str, Any]:
        """Push to main without a job for prod. Return the event of staging's orders."""
        self.chapter(
            "by event: no job of the pipeline releases prod",
            "The next push changes both services. main.yml takes them to dev and staging, and ends there: staging's "
            "last success starts a project in prod's account.",
        )
        before = {stack: self.stage.observe(stack) for stack in STACKS}
        results = self.play(sha, self.observer(), only=BEFORE_PROD)
        ended = time.monotonic()
        with self.live("prod"):
            self.expect("by event", results, dict.fromkeys(BEFORE_PROD, SUCCESS))
            self.promoted += self.went(before, results)
            self.settled()
            seconds = round(time.monotonic() - ended, 2)
        foreign = [each for each in self.builds() if "foreign: " in self.said(each)]
        self.acts.append(Act("forged", "STARTED" if foreign else "NONE", ", ".join(foreign) or "no build", ()))
        after = self.stage.observe("prod")
        deployment = newest(before["prod"].deployments, after.deployments)
        if deployment is None or (how := outcome(before["prod"], after)) != "promoted":
            said = "\n".join(self.said(each) for each in self.builds())
            self.other_problems.append(f"by event: prod ended {deployment and how}, not promoted:\n{said}")
        else:
            self.promoted.append(Promoted("prod", self.stage.digest("prod"), deployment.id, how))
            self.by_event = ByEvent(deployment.id, seconds, self.role_of(deployment.id))
            self.narrator.result(f"prod: promoted by {deployment.id}, as {self.by_event.role}", good=True)
        return self.event(before["staging"])

    def sent(self, name: str, event: Mapping[str, Any]) -> None:
        """Send an event to the project once more, and record how the build ended and what it changed."""
        title, _, words = next(each for each in ACTS if each[0] == name)
        self.chapter(f"{title}: an event that starts nothing", "An administrator sends the event once more.")
        began, before = time.time(), self.stage.observe("prod")
        id_ = self.start(event)
        status = self.ended(id_)
        line = next((each for each in self.said(id_).splitlines() if words in each), self.said(id_)[-500:])
        changes = self.stage.accounts["prod"].release_changes(began)
        if self.stage.observe("prod") != before:
            changes += ("prod moved",)
        self.acts.append(Act(name, status, line, changes))
        self.narrator.result(f"{status}, {len(changes)} calls that change: {line}", good=not changes)

    def cut_off_build(self, sha: str) -> dict[str, Any]:
        """Kill the project's build while prod's canary has traffic; then send the event again. Return it."""
        self.chapter(
            "cut-off: prod's build is killed in mid-canary",
            "CodeBuild stops the build while its canary has traffic. The deployment goes on, and the next event's "
            "build releases the lock, adopts the deployment, and follows it to its end.",
        )
        before, there = self.stage.observe("prod"), self.stage.observe("staging")
        results = self.play(sha, self.observer(), only=BEFORE_PROD)
        with self.live("prod"):
            self.expect("cut-off", results, dict.fromkeys(BEFORE_PROD, SUCCESS))
            self.wait(lambda: self.in_prods_canary(before))
            killed = self.builds()
            for each in self.at_work():
                self.codebuild.stop_build(id=each)
            left = newest(before.deployments, self.stage.observe("prod").deployments)
            event = self.event(there)
            status = self.ended(self.start(event))
        # The event of the set's other function may have started a build first: it adopts the deployment then.
        said = "\n".join(self.said(each) for each in self.builds() if each not in killed)
        after = self.stage.observe("prod")
        adopted = left is not None and f"{left.id} is this release, already in flight" in said
        how = outcome(before, after)
        line = f"{how}, {'adopted' if adopted else 'not adopted'}: {said[-300:] if how != 'promoted' else ''}"
        self.acts.append(Act("cut-off", status, line, ()))
        self.narrator.result(f"{status}: {line}", good=adopted and how == "promoted")
        return event

    def freeze(self, sha: str, event: Mapping[str, Any]) -> None:
        built = self.play(sha, self.observer(), only=("bundle",))
        self.expect("frozen", built, {"bundle": SUCCESS})
        self.sent("frozen", event)

    # Prod's project

    @property
    def codebuild(self) -> Any:
        return self.stage.accounts["prod"].client("codebuild")

    def start(self, event: Mapping[str, Any]) -> str:
        """Start the project with an event, once no other build runs; return the build's id."""
        variable = {"name": VARIABLE, "value": json.dumps(event), "type": "PLAINTEXT"}
        given = {"projectName": PROJECT, "environmentVariablesOverride": [variable]}
        client = self.codebuild
        while True:
            self.wait(lambda: not self.at_work())
            try:
                return str(client.start_build(**given)["build"]["id"])
            except client.exceptions.AccountLimitExceededException:  # EventBridge has started one meanwhile
                continue

    def builds(self) -> list[str]:
        """Return the ids of the project's builds, newest first."""
        return list(self.codebuild.list_builds_for_project(projectName=PROJECT)["ids"])

    def at_work(self) -> list[str]:
        ids = self.builds()
        found = self.codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
        return [each["id"] for each in found if each["buildStatus"] == "IN_PROGRESS"]

    def ended(self, id_: str) -> str:
        """Return the status of a build once it has ended."""
        self.wait(lambda: id_ not in self.at_work())
        return str(self.codebuild.batch_get_builds(ids=[id_])["builds"][0]["buildStatus"])

    def settled(self) -> None:
        """Wait until the project has run, and runs no more for a while: a refused start is tried again."""
        self.wait(lambda: bool(self.builds()))
        self.wait(lambda: not self.at_work())

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT
        while not condition():
            if time.monotonic() > until:
                self.other_problems.append(f"a build of {PROJECT} did not do within {WAIT:g} s what it should")
                return
            time.sleep(0.5)

    def said(self, id_: str) -> str:
        """Return the log of a build."""
        logs = self.stage.accounts["prod"].client("logs")
        [build] = self.codebuild.batch_get_builds(ids=[id_])["builds"]
        where = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
        return "\n".join(each["message"] for each in logs.get_log_events(**where)["events"])

    # Records

    def event(self, before: FunctionState) -> dict[str, Any]:
        """Return the event of staging's newest deployment of orders, with what CodeDeploy puts into it."""
        found = newest(before.deployments, self.stage.observe("staging").deployments)
        staging, names = self.stage.accounts["staging"], target("staging")
        detail = {
            "application": names["application"],
            "deploymentGroup": names["group"],
            "deploymentId": found.id if found else "",
            "state": "SUCCESS",
        }
        return {
            "source": "aws.codedeploy",
            "detail-type": "CodeDeploy Deployment State-change Notification",
            "account": staging.account,
            "region": staging.region,
            "detail": detail,
        }

    def in_prods_canary(self, before: FunctionState) -> bool:
        now = self.stage.observe("prod")
        found = newest(before.deployments, now.deployments)
        return found is not None and found.status == "InProgress" and now.live is None

    def role_of(self, deployment: str) -> str:
        """Return the role of the build that created a deployment; "" if no build says so."""
        made = [each for each in self.builds() if deployment in self.said(each)]
        found = self.codebuild.batch_get_builds(ids=made)["builds"] if made else []
        return next((str(each["serviceRole"]).rpartition("/")[2] for each in found), "")

    @contextmanager
    def live(self, stack: str) -> Iterator[None]:
        """Send live traffic to a stack while the block runs; a failed request is a problem."""
        traffic = Traffic(Api.at(self.stage.api_url(stack) or ""), self.pace.per_second)
        traffic.start()
        try:
            yield
        finally:
            traffic.stop()
            if failed := sum(one.failed for one in traffic.sent):
                self.other_problems.append(f"{failed} requests to {stack} failed")


def _document(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
