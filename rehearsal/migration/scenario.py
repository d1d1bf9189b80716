"""The moves of a migration's rehearsal: every layer from Terraform to Pulumi under live traffic, and one back."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from infra.migrate.steps import Step
from infra.source import Source
from rehearsal import commits
from rehearsal.console import Narrator
from rehearsal.environment.legacy_document import LAYERS
from rehearsal.environment.legacy_functions import FUNCTION, PREFIX
from rehearsal.environment.legacy_identity import ALIAS, BOUNDARY, DEPLOY, PREVIEW
from rehearsal.environment.legacy_identity import LAYER as IDENTITY
from rehearsal.environment.legacy_state import TABLE
from rehearsal.environment.pace import Pace
from rehearsal.environment.sandbox import STACK
from rehearsal.migration.report import Report, Row
from rehearsal.migration.stage import Json, Stage
from rehearsal.observe.traffic import Api, Orders, Traffic, faults, within

UP = ("up", "--stack", STACK, "--skip-preview")


@dataclass
class Migration:
    """One run under live traffic, printed by `narrator`."""

    stage: Stage
    narrator: Narrator
    pace: Pace
    traffic: Traffic | None = None
    rows: list[Row] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)
    interrupted: Json = field(default_factory=dict)
    back: Json = field(default_factory=dict)
    other_problems: list[str] = field(default_factory=list)

    def run(self) -> Report:
        """Run every move and return the report. Raises ScratchError or ProgramError if one cannot be run at all."""
        begun = time.monotonic()
        before = self.identities()
        self.legacy()
        self.functions_in()
        self.data_in()
        self.data_back()
        self.data_again()
        self.identity()
        self.managed()
        self.release()
        orders = self.finish(before)
        sent = self.traffic.sent if self.traffic else []
        return Report(
            seconds=round(time.monotonic() - begun, 1),
            layers=tuple(self.rows),
            orders=orders,
            requests=len(sent),
            failed_requests=sum(one.failed for one in sent),
            interrupted=self.interrupted,
            back=self.back,
            releases=tuple(self.releases),
            other_problems=tuple(self.other_problems),
        )

    def chapter(self, title: str, text: str) -> None:
        """Begin a step, at the pace that suits this machine."""
        self.narrator.chapter(title, text)
        self.pace.keep(self.traffic, self.stage.at, self.narrator.say)

    def legacy(self) -> None:
        self.chapter(
            "legacy: Terraform owns everything",
            "The stack reads the outputs of four layers from Terraform's states, and declares no resource of its own; "
            "`bootstrap/` reads those of the fifth, identity.",
        )
        self.stage.configure_identity(Source.LEGACY)
        self.stage.bring_up_identity()
        self._up("legacy")
        self.traffic = Traffic(Api.at(self.stage.sandbox.outputs()["api_url"]), self.pace.per_second)
        self.traffic.start()
        self.narrator.say(f"Orders now come in until the end, {self.pace.per_second:.3g} requests a second.")
        self.pace.settle(self.traffic, self.stage.at, self.narrator.say)

    def functions_in(self) -> None:
        self.chapter(
            "adopted: compute, observability and delivery",
            "They have one source, so they move together: three locks, one preview, one import. The function's live "
            "version stays live.",
        )
        self.stage.configure(functions=Source.ADOPTED)
        self._move("move", "compute")

    def data_in(self) -> None:
        self.chapter(
            "interrupted: the data layer, by kill -9",
            "The move is killed while it imports, and keeps Terraform's lock. It goes on by --resume.",
        )
        self.stage.configure(data=Source.ADOPTED)
        begun = time.time()
        killed = self._killed("data")
        code, text = self.stage.sandbox.pulumi("cancel", "--yes", "--stack", STACK)
        if code:
            self.other_problems.append(f"pulumi cancel failed: {text[-500:]}")
        self.narrator.command(f"python -m infra.migrate move data --stack {STACK} --resume")
        done = self.stage.migrate("move", "data", "--resume", note=self._shown)
        resumed = done.get("exit") == 0
        self.interrupted = {"layer": "data", "killed": killed, "resumed": resumed, "steps": done.get("steps", [])}
        self._enter("data", done, begun)

    def data_back(self) -> None:
        self.chapter(
            "back: the data layer returns to Terraform", "Terraform's state has the table again, and Pulumi drops it."
        )
        self.stage.configure(data=Source.LEGACY)
        done = self._move("back", "data")
        self.back = {"layer": "data", **{key: done.get(key) for key in ("from", "to", "steps", "seconds")}}
        if not self._left("data"):
            self.other_problems.append("back: Terraform's state of data has no table again")

    def data_again(self) -> None:
        self.chapter("adopted: the data layer again", "The same move, not interrupted this time.")
        self.stage.configure(data=Source.ADOPTED)
        self._move("move", "data")

    def identity(self) -> None:
        self.chapter(
            "identity: provider, roles, boundary and key",
            "No layer reads Terraform's outputs of it any more. What only Terraform's pipelines need goes with them; "
            "the rest moves to `bootstrap/`, first adopted and then managed.",
        )
        self.stage.without_pipelines()
        self.stage.configure_identity(Source.ADOPTED)
        self._move("move", IDENTITY)
        self.stage.configure_identity(Source.MANAGED)
        self._move("move", IDENTITY)
        self.stage.know_all_services()

    def managed(self) -> None:
        self.chapter(
            "managed: data, then the functions",
            "From now on the program is what counts. The functions bring the services and hooks that Terraform never "
            "had, and their first release is a canary from the version that Terraform left live.",
        )
        self.stage.configure(data=Source.MANAGED)
        self._move("move", "data")
        self.stage.configure(functions=Source.MANAGED)
        self._move("move", "compute")
        self.releases.append(self._live("managed"))

    def release(self) -> None:
        self.chapter("release: a change of the program", "An ordinary canary, now that the stack is Pulumi's.")
        self.stage.sandbox.apply(commits.GOOD)
        self._up("release")
        self.releases.append(self._live("release"))

    def finish(self, before: Json) -> Orders:
        """Stop the traffic, and check that nothing of Terraform's is left and that AWS's resources are the same."""
        code, text = self.stage.sandbox.pulumi("preview", "--stack", STACK, "--expect-no-changes")
        if code:
            self.other_problems.append(f"the last preview shows changes:\n{text[-1500:]}")
        for layer in (*LAYERS, "data", IDENTITY):
            if left := self._left(layer):
                self.other_problems.append(f"Terraform's state of {layer} still has {', '.join(left)}")
            found = self.stage.migrate("verify", layer).get("findings", ["it gave no answer"])
            if found:
                self.other_problems.append(f"verify of {layer}: {json.dumps(found)}")
        after = self.identities()
        self.other_problems += [
            f"{name} was {before[name]}, and is {after.get(name)}" for name in before if after.get(name) != before[name]
        ]
        if self.traffic is None:
            return Orders(0, 0)
        self.traffic.stop()
        self.other_problems += faults(self.traffic.sent)
        return self.traffic.read_back()

    def identities(self) -> Json:
        """Return what AWS generated for the resources: ids and creation dates, which no move may change."""
        aws = self.stage.sandbox.aws
        functions, codedeploy, iam = aws.client("lambda"), aws.client("codedeploy"), aws.client("iam")
        apis = aws.client("apigatewayv2").get_apis()["Items"]
        group = {"applicationName": PREFIX, "deploymentGroupName": FUNCTION}
        roles = (f"{FUNCTION}-execution", f"{PREFIX}-codedeploy", DEPLOY, PREVIEW)
        boundary = f"arn:aws:iam::{aws.account}:policy/{BOUNDARY}"
        keys = {each["AliasName"]: each["TargetKeyId"] for each in aws.client("kms").list_aliases()["Aliases"]}
        found: Json = {
            "table": aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["CreationDateTime"],
            "version 1": functions.get_function_configuration(FunctionName=FUNCTION, Qualifier="1")["CodeSha256"],
            "api": [(each["ApiId"], each["CreatedDate"]) for each in apis if each["Name"] == PREFIX],
            "application": codedeploy.get_application(applicationName=PREFIX)["application"]["createTime"],
            "group": codedeploy.get_deployment_group(**group)["deploymentGroupInfo"]["deploymentGroupId"],
            "boundary": iam.get_policy(PolicyArn=boundary)["Policy"]["PolicyId"],
            "key of the alarms": keys[ALIAS],
            "providers": iam.list_open_id_connect_providers()["OpenIDConnectProviderList"],
            "statement": _statement(functions.get_policy(FunctionName=FUNCTION, Qualifier="live")["Policy"]),
        }
        dates = {f"role {name}": iam.get_role(RoleName=name)["Role"]["CreateDate"] for name in roles}
        return {name: str(value) for name, value in {**found, **dates}.items()}

    def _up(self, name: str) -> None:
        self.narrator.command(f"pulumi {' '.join(UP)}")
        code, text = self.stage.sandbox.pulumi(*UP, on_line=self.narrator.output)
        if code:
            self.other_problems.append(f"{name}: pulumi up failed:\n{text[-2000:]}")

    def _move(self, command: str, layer: str) -> Json:
        """Run a move and enter a row for each layer that took part."""
        begun = time.time()
        self.narrator.command(f"python -m infra.migrate {command} {layer} --stack {STACK}")
        done = self.stage.migrate(command, layer, note=self._shown)
        self._enter(layer, done, begun)
        return done

    def _shown(self, line: str) -> None:
        """Print the line with which a step begins; Pulumi's own output is left out."""
        if line.partition(":")[0] in {*Step}:
            self.narrator.say(line)

    def _enter(self, layer: str, done: Json, begun: float) -> None:
        """Enter a row for each layer of a move that began then and has just ended."""
        ended, layers = time.time(), done.get("layers", [layer])
        source, to, imported = done.get("from", "?"), done.get("to", "?"), done.get("imported_of", {})
        sent = within(self.traffic.sent, begun, ended) if self.traffic else []
        failed = sum(one.failed for one in sent)
        problem = "" if done.get("exit") == 0 else f"exit code {done.get('exit')}: {done.get('error', done)}"
        for each in layers:
            self.rows.append(
                Row(
                    layer=each,
                    source=source,
                    to=to,
                    imported=imported.get(each, 0),
                    created=done.get("created", 0),
                    replaced=done.get("replaced", 0),
                    deleted=done.get("deleted", 0),
                    new=done.get("new", 0) if each == layer else 0,
                    seconds=round(ended - begun, 1),
                    requests=len(sent),
                    failed_requests=failed,
                    problem=problem,
                )
            )
        said = f"{', '.join(layers)}: {source} to {to}, {ended - begun:.1f} s, {failed} of {len(sent)} requests failed"
        self.narrator.result(said if not problem else f"{said}; {problem}", good=not problem and not failed)

    def _killed(self, layer: str) -> bool:
        """Kill a move, and all that it has started, as soon as it says that it imports."""
        self.narrator.command(f"python -m infra.migrate move {layer} --stack {STACK}")
        killed = False

        def on_line(line: str) -> None:
            nonlocal killed
            if line.startswith("import:") and not killed:
                killed = True
                program.kill()

        with self.stage.started("move", layer) as program:
            program.lines(on_line)
        return killed

    def _left(self, layer: str) -> list[str]:
        return self.stage.left(layer)

    def _live(self, name: str) -> str:
        """Return how the release ended that `name` made, as the stack's state says."""
        outcome = self.stage.sandbox.release().get("outcomes", {}).get(FUNCTION, {})
        said = f"{name}: {outcome.get('outcome')} ({outcome.get('reason')})"
        if outcome.get("outcome") != "promoted":
            self.other_problems.append(f"{said}: {outcome.get('detail')}")
        return said


def _statement(policy: str) -> list[Any]:
    return sorted(each["Sid"] for each in json.loads(policy)["Statement"])
