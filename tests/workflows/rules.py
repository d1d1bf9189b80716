"""The rules: each is a function from the workflows to lines of error, which name file, job and step."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.workflows.files import Job, Workflow, jobs

CHECKOUT, PYTHON, PULUMI = "actions/checkout", "actions/setup-python", "pulumi/actions"
UPLOAD, DOWNLOAD = "actions/upload-artifact", "actions/download-artifact"
ROLE = "aws-actions/configure-aws-credentials"

PERMISSIONS: Mapping[str, Mapping[str, str]] = {
    CHECKOUT: {"contents": "read"},
    ROLE: {"id-token": "write"},
    "make comment": {"pull-requests": "write"},
}
"""The permissions that a step needs of the job's token. Other steps need none; a run's own artifacts need none."""

ORDER = {"dev": {"bundle"}, "staging": {"bundle", "dev"}, "prod": {"bundle", "staging"}}
"""The jobs that each job of main.yml waits for."""
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
BASE = "${{ github.event.pull_request.base.sha }}"
WITH_HISTORY = {"bundle", "plan", "deploy", "abort", "rollback", "doctor"}
LONGEST_MINUTES = 120
UPLOADED_AFTER_A_FAILURE = {"plan": "${{ !cancelled() }}", **dict.fromkeys(("deploy", "abort", "rollback"), "always()")}
"""By job, the condition of its upload; other jobs upload only what has succeeded."""
PINNED = re.compile(r"^ +(?:- )?uses: (\S+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$")


def steps(workflows: list[Workflow]) -> Iterator[tuple[str, list[str]]]:
    """Every job with every step of it, in order."""
    for job in jobs(workflows):
        yield str(job), job.what


def unpinned(workflows: list[Workflow]) -> Iterator[str]:
    """Each action is pinned by its commit, and says in a comment which version that is."""
    for workflow in workflows:
        for number, line in enumerate(workflow.text.splitlines(), 1):
            if re.match(r"^ +(?:- )?uses: ", line) and "uses: ./" not in line and not PINNED.match(line):
                yield f"{workflow.name}, line {number}: `{line.strip()}` must be OWNER/NAME@COMMIT # vX.Y.Z"


def secrets(workflows: list[Workflow]) -> Iterator[str]:
    """There are none to refer to: AWS is reached by tokens, and GitHub by the job's own."""
    for workflow in workflows:
        for number, line in enumerate(workflow.text.splitlines(), 1):
            if re.search(r"\bsecrets\b", line):
                yield f"{workflow.name}, line {number}: `{line.strip()}` refers to a secret"


def wrong_permissions(workflows: list[Workflow]) -> Iterator[str]:
    """A workflow grants nothing, and a job exactly what its steps need, or those of the workflow that it calls."""
    by_name = {each.name: each for each in workflows}
    for workflow in workflows:
        if workflow.written.get("permissions") != {}:
            yield f"{workflow.name}: must say `permissions: {{}}` and let each job ask for what it needs"
    for job in jobs(workflows):
        needed: dict[str, str] = {}
        for each in by_name[job.calls].jobs if job.calls else [job]:
            for step in each.steps:
                needed |= PERMISSIONS.get(step.what, {})
        if job.permissions != needed:
            yield f"{job} has permissions {_said(job.permissions)}, and its steps need {_said(needed)}"


def _said(permissions: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(permissions.items())) or "nothing"


def unbounded(workflows: list[Workflow]) -> Iterator[str]:
    """Each job ends some time, and before its credentials do."""
    for job in jobs(workflows):
        if job.calls:
            continue
        minutes = job.written.get("timeout-minutes", 0)
        if not 0 < minutes <= LONGEST_MINUTES:
            yield f"{job} has timeout-minutes {minutes or 'missing'}: give 1 to {LONGEST_MINUTES}"
        session = job.session
        if session is not None and session.get("role-duration-seconds", 0) < 60 * minutes:
            yield f"{job} outlives its credentials: raise role-duration-seconds to {60 * minutes} at least"


def uncoordinated(workflows: list[Workflow]) -> Iterator[str]:
    """Jobs that change a stack run one at a time, and a later one never cancels an earlier one."""
    for workflow in workflows:
        for job in workflow.jobs:
            if job.calls:
                continue
            group: Any = job.written.get("concurrency", workflow.written.get("concurrency"))
            if group is None:
                yield f"{job} has no concurrency group"
            elif group.get("cancel-in-progress") is not False and workflow.name != "pull-request.yml":
                yield f"{job} must say cancel-in-progress: false, or a push would cancel a release in flight"
            if workflow.name in {"deploy.yml", "abort.yml", "rollback.yml"}:
                wanted = f"{job.name}-${{{{ inputs.stack }}}}"
                if (group or {}).get("group") != wanted:
                    yield f"{job} has the concurrency group {(group or {}).get('group')}, and not its stack's, {wanted}"


def outside_environments(workflows: list[Workflow], environments: Mapping[str, set[str]]) -> Iterator[str]:
    """A job that assumes a role is in an environment that the role trusts. `environments`: by make access's TO."""
    for job in jobs(workflows):
        environment = job.written.get("environment")
        access = [each for each in job.steps if each.target == "access"]
        if job.session is None:
            if environment is not None:
                yield f"{job} is in environment {environment}, and takes no role: leave it out"
            continue
        to = access[0].written.get("env", {}).get("TO", "deploy") if access else "deploy"
        for name in _each(environment, job):
            if name not in environments[to]:
                yield f"{job} takes the {to} role in environment {name}: it is trusted in {sorted(environments[to])}"


def _each(environment: object, job: Job) -> list[str]:
    """The values of an expression that names the stack."""
    match environment:
        case "${{ matrix.stack }}":
            return list(job.written["strategy"]["matrix"]["stack"])
        case "${{ matrix.environment || 'preview' }}":
            return ["preview", *(each["environment"] for each in job.written["strategy"]["matrix"]["include"])]
        case "${{ inputs.stack }}":
            return ["dev", "staging", "prod"]
    return [str(environment)]


def open_to_forks(workflows: list[Workflow]) -> Iterator[str]:
    """A fork's pull request runs without credentials, and never in the repository's own name."""
    for workflow in workflows:
        if unsafe := set(workflow.triggers) & {"pull_request_target", "workflow_run", "issue_comment"}:
            yield f"{workflow.name} runs on {', '.join(sorted(unsafe))}: that is others' code with our rights"
        if "pull_request" not in workflow.triggers:
            continue
        for job in workflow.jobs:
            writes = [name for name, value in job.permissions.items() if value == "write"]
            if writes and SAME_REPOSITORY not in str(job.written.get("if", "")):
                yield f"{job} may write {', '.join(writes)}, and must be left out for forks: if: {SAME_REPOSITORY}"


def scripts(workflows: list[Workflow], known: Mapping[str, str]) -> Iterator[str]:
    """A `run:` is one existing make target, so that a laptop can run it too, and no typed value reaches a shell."""
    for job in jobs(workflows):
        for step in job.steps:
            if step.run and not step.target:
                yield f"{job} runs `{step.run}`: call one make target, and hand it values by env"
            elif step.run and step.target not in known:
                yield f"{job} calls `make {step.target}`, which the Makefile does not have"


def out_of_order(workflows: list[Workflow]) -> Iterator[str]:
    """main.yml: the bundle first, then each stack after the one before it, all of them with the same artifact."""
    by_name = {each.name: each for each in workflows}
    for job in by_name["main.yml"].jobs if "main.yml" in by_name else ():
        needs = job.written.get("needs", [])
        waits, wanted = {needs} if isinstance(needs, str) else set(needs), ORDER.get(job.name, set())
        if waits != wanted:
            said = [" and ".join(sorted(each)) or "nothing" for each in (waits, wanted)]
            yield f"{job} waits for {said[0]}, and must wait for {said[1]}"
        if job.calls:
            given = job.written.get("with", {})
            if given != {"stack": job.name, "artifact": "${{ needs.bundle.outputs.artifact }}"}:
                yield f"{job} must hand on its stack and the bundle's artifact, and hands on {given}"
            if "if" in job.written:
                yield f"{job} has an `if`: it would run although what it waits for failed"


def green_by_mistake(workflows: list[Workflow]) -> Iterator[str]:
    """A failed step fails its job: only the story runs after a failure, and only it and plans are uploaded then."""
    for job in jobs(workflows):
        for part, name in [(job.written, str(job)), *((each.written, f"{job}: `{each.what}`") for each in job.steps)]:
            if "continue-on-error" in part:
                yield f"{name} has continue-on-error: it would be green whatever became of it"
        for step in job.steps:
            condition = step.written.get("if")
            wanted = {"make story": "always()", UPLOAD: UPLOADED_AFTER_A_FAILURE.get(job.name)}
            if condition != wanted.get(step.what):
                yield f"{job}: `{step.what}` has if: {condition}, and must have {wanted.get(step.what) or 'none'}"


def unfit(workflows: list[Workflow]) -> Iterator[str]:
    """Steps get the state of their own account, all of history, and the bundle by its digest."""
    for job in jobs(workflows):
        for step in job.steps:
            given = {**step.written.get("with", {}), **step.written.get("env", {})}
            on_state = job.session and step.target not in {"", "access", "bundle", "publish-bundle"}
            if on_state and given.get("PULUMI_BACKEND_URL") != "${{ steps.access.outputs.backend }}":
                yield f"{job}: `{step.what}` must have PULUMI_BACKEND_URL from `make access`"
            if step.what == ROLE and given.get("role-to-assume") != "${{ steps.access.outputs.role }}":
                yield f"{job}: `{step.what}` must take the role that `make access` says"
            if step.what == CHECKOUT and job.name in WITH_HISTORY and given.get("fetch-depth") != 0:
                yield f"{job}: `{step.what}` must have fetch-depth: 0, or git cannot say which commit is the older one"
            if step.what == CHECKOUT and "pull-requests" in job.permissions and given.get("ref") != BASE:
                yield f"{job}: `{step.what}` must have ref: {BASE}, or the branch's code would write comments"
            by_digest = given.get("digest-mismatch") == "error" and "artifact-ids" in given
            if step.what == DOWNLOAD and job.name == "deploy" and not by_digest:
                yield f"{job}: `{step.what}` must fetch the artifact by its id, and check its digest"
            if step.target == "deploy" and given.get("STRATA_MANIFEST") != "dist/manifest.json":
                yield f"{job}: `{step.what}` must have STRATA_MANIFEST, or it would build what it deploys"
            if step.target == "unlock" and given.get("ALONE") != "true":
                yield f"{job}: `{step.what}` must say ALONE, or a lock of a runner that is gone stays"
