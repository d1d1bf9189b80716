"""CodeDeploy for Lambda: https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_CreateDeploymentGroup.html"""

from typing import Any

from local.providers.resource import Aws, Field, Live, Resource, from_api, pairs, props, same, to_api, unpaired, unset
from local.providers.wire import Bag


def _tags(aws: Aws, arn: str) -> dict[str, str]:
    return unpaired(aws("codedeploy").list_tags_for_resource(ResourceArn=arn)["Tags"])


class Application(Resource):
    """An application. Its id is AWS's and its name; an import may give the name alone."""

    kind = "aws:codedeploy/application:Application"
    service = "codedeploy"
    label = "CodeDeploy Application"
    tagged = True
    fields = props(name=Field(), computePlatform=Field(default="Server", replaces=True))
    outputs = ("applicationId", "arn", "githubAccountName", "linkedToGithub")

    def create(self, aws: Aws, new: Bag) -> str:
        answer = aws("codedeploy").create_application(
            applicationName=new["name"],
            computePlatform=new.get("computePlatform", "Server"),
            tags=pairs(new["tagsAll"]),
        )
        return f"{answer['applicationId']}:{new['name']}"

    def locate(self, identity: str) -> Bag:
        return {"name": identity.rpartition(":")[2]}

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("codedeploy").get_application(applicationName=state["name"])["application"]
        arn = f"arn:aws:codedeploy:{aws.region}:{aws.account}:application:{found['applicationName']}"
        bag = {
            "name": found["applicationName"],
            "computePlatform": found["computePlatform"],
            "applicationId": found["applicationId"],
            "arn": arn,
            "githubAccountName": found.get("gitHubAccountName", ""),
            "linkedToGithub": found.get("linkedToGitHub", False),
            "tags": _tags(aws, arn),
        }
        return Live(f"{found['applicationId']}:{found['applicationName']}", bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("codedeploy").update_application(applicationName=old["name"], newApplicationName=new["name"])

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("codedeploy").delete_application(applicationName=state["name"])


def _share(kind: str) -> Field:
    """Return percentage and interval of a routing configuration: AWS puts the kind into the names."""
    return Field(of=props(interval=Field(api=f"{kind}Interval"), percentage=Field(api=f"{kind}Percentage")))


class DeploymentConfig(Resource):
    """A deployment configuration. It cannot be changed, only replaced. Its id is its name."""

    kind = "aws:codedeploy/deploymentConfig:DeploymentConfig"
    service = "codedeploy"
    label = "CodeDeploy Deployment Config"
    name = "deploymentConfigName"
    fields = props(
        deploymentConfigName=Field(replaces=True),
        computePlatform=Field(default="Server", replaces=True),
        minimumHealthyHosts=Field(replaces=True, of=props(type=Field(), value=Field())),
        trafficRoutingConfig=Field(
            replaces=True,
            of=props(
                type=Field(default="AllAtOnce"),
                timeBasedCanary=_share("canary"),
                timeBasedLinear=_share("linear"),
            ),
        ),
    )
    outputs = ("arn", "deploymentConfigId")
    also = unset(zonalConfig=None)

    def create(self, aws: Aws, new: Bag) -> str:
        aws("codedeploy").create_deployment_config(**to_api(self.own, new, same))
        return str(new["deploymentConfigName"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        found = aws("codedeploy").get_deployment_config(deploymentConfigName=identity)["deploymentConfigInfo"]
        arn = f"arn:aws:codedeploy:{aws.region}:{aws.account}:deploymentconfig:{identity}"
        outputs = {"arn": arn, "deploymentConfigId": found["deploymentConfigId"]}
        return Live(identity, {**from_api(self.own, found, same), **outputs})

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("codedeploy").delete_deployment_config(deploymentConfigName=identity)


class DeploymentGroup(Resource):
    """A deployment group with its alarms. Its id is AWS's; an import gives APPLICATION:GROUP."""

    kind = "aws:codedeploy/deploymentGroup:DeploymentGroup"
    service = "codedeploy"
    label = "CodeDeploy Deployment Group"
    name = "deploymentGroupName"
    tagged = True
    fields = props(
        appName=Field(required=True, replaces=True, api="applicationName"),
        deploymentGroupName=Field(required=True),
        serviceRoleArn=Field(required=True),
        alarmConfiguration=Field(
            of=props(
                alarms=Field(unordered=True), enabled=Field(zero=False), ignorePollAlarmFailure=Field(default=False)
            )
        ),
        autoRollbackConfiguration=Field(of=props(enabled=Field(zero=False), events=Field(unordered=True))),
        deploymentConfigName=Field(default="CodeDeployDefault.OneAtATime"),
        deploymentStyle=Field(
            of=props(
                deploymentOption=Field(default="WITHOUT_TRAFFIC_CONTROL"),
                deploymentType=Field(default="IN_PLACE"),
            )
        ),
        outdatedInstancesStrategy=Field(default="UPDATE"),
        triggerConfigurations=Field(
            unordered=True,
            zero=[],
            of=props(
                triggerEvents=Field(required=True, unordered=True),
                triggerName=Field(required=True),
                triggerTargetArn=Field(required=True),
            ),
        ),
    )
    outputs = ("arn", "computePlatform", "deploymentGroupId")
    also = unset(
        autoscalingGroups=None,
        blueGreenDeploymentConfig=None,
        ec2TagFilters=[],
        ec2TagSets=[],
        ecsService=None,
        loadBalancerInfo=None,
        onPremisesInstanceTagFilters=[],
        terminationHookEnabled=None,
    )

    def locate(self, identity: str) -> Bag:
        application, _, group = identity.partition(":")
        return {"appName": application, "deploymentGroupName": group}

    def create(self, aws: Aws, new: Bag) -> str:
        request = self._request(new, new)
        answer = aws("codedeploy").create_deployment_group(**request, tags=pairs(new["tagsAll"]))
        return str(answer["deploymentGroupId"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        application, group = state["appName"], state["deploymentGroupName"]
        found = aws("codedeploy").get_deployment_group(applicationName=application, deploymentGroupName=group)
        info = found["deploymentGroupInfo"]
        arn = f"arn:aws:codedeploy:{aws.region}:{aws.account}:deploymentgroup:{application}/{group}"
        bag = from_api(self.own, info, same)
        if "alarmConfiguration" in bag:
            bag["alarmConfiguration"]["alarms"] = [
                alarm["name"] for alarm in bag["alarmConfiguration"].get("alarms", ())
            ]
        outputs = {
            "arn": arn,
            "computePlatform": info["computePlatform"],
            "deploymentGroupId": info["deploymentGroupId"],
            "tags": _tags(aws, arn),
        }
        return Live(info["deploymentGroupId"], {**bag, **outputs})

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        cleared: Bag = {
            "alarmConfiguration": {"enabled": False, "alarms": []},
            "autoRollbackConfiguration": {"enabled": False, "events": []},
            "deploymentConfigName": self.fields["deploymentConfigName"].default,
            "triggerConfigurations": [],
        }
        wanted = {name: new.get(name, cleared.get(name)) for name in changed | {"appName", "serviceRoleArn"}}
        request = self._request({name: value for name, value in wanted.items() if value is not None}, old)
        request["currentDeploymentGroupName"] = old["deploymentGroupName"]
        if "deploymentGroupName" in changed:
            request["newDeploymentGroupName"] = request["deploymentGroupName"]
        del request["deploymentGroupName"]
        aws("codedeploy").update_deployment_group(**request)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("codedeploy").delete_deployment_group(
            applicationName=state["appName"], deploymentGroupName=state["deploymentGroupName"]
        )

    def _request(self, bag: Bag, named: Bag) -> dict[str, Any]:
        request = to_api(
            self.own, {**bag, "deploymentGroupName": bag.get("deploymentGroupName", named["deploymentGroupName"])}, same
        )
        if "alarmConfiguration" in request:
            alarms = [{"name": name} for name in request["alarmConfiguration"].get("alarms", ())]
            request["alarmConfiguration"] = {**request["alarmConfiguration"], "alarms": alarms}
        return request
