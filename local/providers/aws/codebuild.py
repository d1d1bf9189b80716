"""CodeBuild's projects: https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html"""

from local.providers.resource import Aws, Field, Live, Resource, from_api, pairs, props, same, to_api, unpaired, unset
from local.providers.wire import Bag

_TAG = ("key", "value")
_VARIABLES = props(name=Field(required=True), type=Field(default="PLAINTEXT"), value=Field(required=True))


class Project(Resource):
    """A project. Its id is its ARN."""

    kind = "aws:codebuild/project:Project"
    service = "codebuild"
    label = "CodeBuild Project"
    tagged = True
    settings = props(
        artifacts=Field(
            required=True,
            of=props(encryptionDisabled=Field(default=False), type=Field(required=True)),
        ),
        buildTimeout=Field(default=60, api="timeoutInMinutes"),
        concurrentBuildLimit=Field(zero=0),
        description=Field(computed=True, zero=""),
        encryptionKey=Field(computed=True, zero=""),
        environment=Field(
            required=True,
            of=props(
                computeType=Field(required=True),
                environmentVariables=Field(of=_VARIABLES),
                image=Field(required=True),
                imagePullCredentialsType=Field(default="CODEBUILD"),
                privilegedMode=Field(default=False),
                type=Field(required=True),
            ),
        ),
        logsConfig=Field(
            of=props(
                cloudwatchLogs=Field(
                    api="cloudWatchLogs",
                    of=props(groupName=Field(), status=Field(default="ENABLED"), streamName=Field()),
                )
            )
        ),
        queuedTimeout=Field(default=480, api="queuedTimeoutInMinutes"),
        serviceRole=Field(required=True),
        source=Field(
            required=True,
            of=props(buildspec=Field(), type=Field(required=True)),
        ),
    )
    fields = props(name=Field(replaces=True), **settings)
    outputs = ("arn", "badgeUrl", "publicProjectAlias")
    also = unset(
        autoRetryLimit=0,
        badgeEnabled=False,
        buildBatchConfig=None,
        cache=None,
        fileSystemLocations=[],
        projectVisibility="PRIVATE",
        resourceAccessRole="",
        secondaryArtifacts=[],
        secondarySourceVersions=[],
        secondarySources=[],
        sourceVersion="",
        vpcConfig=None,
    )

    def locate(self, identity: str) -> Bag:
        return {"name": identity.rpartition("/")[2]}

    def create(self, aws: Aws, new: Bag) -> str:
        given = to_api(self.settings, new, same)
        answer = aws("codebuild").create_project(name=new["name"], **given, tags=pairs(new["tagsAll"], *_TAG))
        return str(answer["project"]["arn"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("codebuild").batch_get_projects(names=[identity.rpartition("/")[2]])["projects"]
        if not found:
            return None
        [project] = found
        outputs = {"arn": project["arn"], "badgeUrl": "", "publicProjectAlias": "", "name": project["name"]}
        tags = unpaired(project.get("tags"), *_TAG)
        return Live(identity, {**from_api(self.settings, project, same), **outputs, "tags": tags})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("codebuild").update_project(name=new["name"], **to_api(self.settings, new, same))

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        """Replace all tags, as UpdateProject does; it leaves a property that is not given as it was."""
        [project] = aws("codebuild").batch_get_projects(names=[state["name"]])["projects"]
        held = unpaired(project.get("tags"), *_TAG)
        kept = {name: value for name, value in held.items() if name not in gone} | tags
        aws("codebuild").update_project(name=state["name"], tags=pairs(kept, *_TAG))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("codebuild").delete_project(name=state["name"])
