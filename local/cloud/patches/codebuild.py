"""Patches of ministack's CodeBuild: a build is a process with its role's credentials, and a project's limits count.

https://docs.aws.amazon.com/codebuild/latest/APIReference/API_StartBuild.html
"""

import contextvars
import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from local.cloud.builds import BUILDS, Job, commands, variables
from local.cloud.clock import CLOCK
from local.cloud.identity import guard
from local.cloud.ministack import Patch, Seam, ministack

_CODEBUILD = "services.codebuild"
_PRINCIPAL = "codebuild.amazonaws.com"
_KEPT = ("concurrentBuildLimit", "logsConfig", "queuedTimeoutInMinutes")
Original = Callable[..., Any]


def needs() -> list[Seam]:
    """Return the functions of ministack that are called but not replaced."""
    return [
        Seam(_CODEBUILD, "_build_id", "project_name"),
        Seam(_CODEBUILD, "_finish_build", "build status"),
        Seam(_CODEBUILD, "_log_sink", "build"),
        Seam(_CODEBUILD, "_make_build_record", "project build_id source_version"),
        Seam(_CODEBUILD, "_project_name_from_identifier", "value"),
    ]


def patches() -> list[Patch]:
    """Return all patches of this module."""
    lost = "a project's limit of builds, and its logs, were lost"
    return [
        Patch(Seam(_CODEBUILD, "_create_project", "data"), lost, _keeping),
        Patch(Seam(_CODEBUILD, "_update_project", "data"), lost, _keeping),
        Patch(Seam(_CODEBUILD, "_project_shape", "project"), lost, _shaped),
        Patch(Seam(_CODEBUILD, "_start_build", "data"), "a build ran in Docker, or nowhere", lambda _: start),
        Patch(Seam(_CODEBUILD, "_stop_build", "data"), "a build ran in Docker, or nowhere", lambda _: _stop),
    ]


def _keeping(original: Original) -> Original:
    def put(data: dict[str, Any]) -> Any:
        response = original(data)
        if response[0] < 300:
            service: Any = ministack(_CODEBUILD)
            project = service._projects[data["name"]]
            project.update({key: data[key] for key in _KEPT if key in data})
            return service.json_response({"project": service._project_shape(project)})
        return response

    return put


def _shaped(original: Original) -> Original:
    return lambda project: {**original(project), **{key: project[key] for key in _KEPT if key in project}}


def _refused(kind: str, message: str) -> Any:
    return ministack(_CODEBUILD).error_response_json(kind, message, 400)


def start(data: Mapping[str, Any]) -> Any:
    """Start a build, in a thread that follows it.

    AWS names neither the error nor its text where the project's limit is reached; the model has this one.
    https://docs.aws.amazon.com/codebuild/latest/userguide/builds-working.html
    """
    service: Any = ministack(_CODEBUILD)
    name = service._project_name_from_identifier(data.get("projectName", ""))
    if (project := service._projects.get(name)) is None:
        return _refused("ResourceNotFoundException", f"Project cannot be found: {name}")
    limit = project.get("concurrentBuildLimit")
    if limit and sum(_at_work(each, name) for each in service._builds.values()) >= limit:
        return _refused("AccountLimitExceededException", f"Cannot have more than {limit} builds for the project")
    build = service._make_build_record(project, service._build_id(name), data.get("sourceVersion"))
    now = int(time.time())
    build.pop("endTime", None)
    build |= {
        "buildStatus": "IN_PROGRESS",
        "currentPhase": "BUILD",
        "serviceRole": project["serviceRole"],
        "phases": [{"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED", "startTime": now, "endTime": now}],
    }
    service._builds[build["id"]] = build
    given = variables(project, data.get("environmentVariablesOverride", ()))
    work = (build, copy.deepcopy(project), given)
    threading.Thread(target=contextvars.copy_context().run, args=(_follow, *work), daemon=True).start()
    return service.json_response({"build": copy.deepcopy(build)})


def _at_work(build: Mapping[str, Any], project: str) -> bool:
    return bool(build["projectName"] == project and build["buildStatus"] == "IN_PROGRESS")


def _follow(build: dict[str, Any], project: Mapping[str, Any], given: Mapping[str, str]) -> None:
    """Run the build and record how it ended. A role that does not trust CodeBuild is a fault of the build."""
    service: Any = ministack(_CODEBUILD)
    emit = service._log_sink(build)
    role = project["serviceRole"]
    try:
        listed = commands(project["source"].get("buildspec", ""))
        if not guard.serves(_PRINCIPAL, project["arn"], "sts:AssumeRole", role):
            raise ValueError(f"ACCESS_DENIED: CodeBuild is not authorized to perform sts:AssumeRole on {role}")
        status = BUILDS.run(Job(build["id"], listed, {**given, **_session(build, role)}, emit))
    except ValueError as problem:
        emit(str(problem))
        status = "FAILED"
    except Exception as problem:  # nothing else may leave a build at work for ever
        emit(repr(problem))
        status = "FAULT"
    service._finish_build(build, status)


def _session(build: Mapping[str, Any], role: str) -> dict[str, str]:
    """Return a session of the role as variables, with the region and the clock of this cloud."""
    region = build["arn"].split(":")[3]
    return {
        **guard.role_credentials(role, f"AWSCodeBuild-{build['id'].rpartition(':')[2]}"),
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "STRATA_CLOCK_RATE": f"{CLOCK.factor:g}",
    }


def _stop(data: Mapping[str, Any]) -> Any:
    service: Any = ministack(_CODEBUILD)
    if (build := service._builds.get(data.get("id", ""))) is None:
        return _refused("ResourceNotFoundException", f"Build cannot be found: {data.get('id')}")
    BUILDS.stop(build["id"])
    if build["buildStatus"] == "IN_PROGRESS":
        service._finish_build(build, "STOPPED")
    return service.json_response({"build": copy.deepcopy(build)})


def started_by_event(project: str, payload: str) -> str:
    """Start a project of the scope at hand with the input of a rule's target; return AWS's error, "" where it began."""
    try:
        given = json.loads(payload)
    except ValueError:
        given = {}
    override = given.get("environmentVariablesOverride", ()) if isinstance(given, dict) else ()
    response = start({"projectName": project, "environmentVariablesOverride": override})
    return "" if response[0] < 300 else str(json.loads(response[2]).get("__type", "error"))
