"""SSM parameters: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""

from local.providers.resource import Aws, Field, Live, Resource, from_api, pairs, pascal, props, to_api, unpaired
from local.providers.wire import Bag

TAGGED = "Parameter"  # the type of resource in calls on tags


class Parameter(Resource):
    """A parameter. Its id is its name. As in the real plugin, every read decrypts its value."""

    kind = "aws:ssm/parameter:Parameter"
    service = "ssm"
    label = "SSM Parameter"
    tagged = True
    described = props(
        allowedPattern=Field(),
        dataType=Field(computed=True, replaces=True),
        description=Field(),
        keyId=Field(computed=True),
        tier=Field(computed=True),
    )
    put = props(name=Field(replaces=True), type=Field(required=True), value=Field(), **described)
    fields = props(arn=Field(computed=True), **put)
    outputs = ("hasValueWo", "version")

    def create(self, aws: Aws, new: Bag) -> str:
        given = to_api(self.put, new, pascal)
        aws("ssm").put_parameter(**given, Overwrite=False, Tags=pairs(new["tagsAll"]))
        return str(new["name"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        parameter = aws("ssm").get_parameter(Name=identity, WithDecryption=True)["Parameter"]
        named = [{"Key": "Name", "Option": "Equals", "Values": [identity]}]
        pages = aws("ssm").get_paginator("describe_parameters").paginate(ParameterFilters=named)
        (details,) = [each for page in pages for each in page["Parameters"]]
        tags = aws("ssm").list_tags_for_resource(ResourceType=TAGGED, ResourceId=identity)["TagList"]
        bag = {
            **from_api(self.described, details, pascal),
            "name": identity,
            "hasValueWo": False,
            "arn": parameter["ARN"],
            "type": parameter["Type"],
            "value": parameter["Value"],
            "version": parameter["Version"],
            "tags": unpaired(tags),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        aws("ssm").put_parameter(**to_api(self.put, new, pascal), Overwrite=True)

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        if gone:
            aws("ssm").remove_tags_from_resource(ResourceType=TAGGED, ResourceId=state["name"], TagKeys=gone)
        if tags:
            aws("ssm").add_tags_to_resource(ResourceType=TAGGED, ResourceId=state["name"], Tags=pairs(tags))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("ssm").delete_parameter(Name=identity)

    def unknown_after(self, new: Bag, changed: frozenset[str]) -> frozenset[str]:
        return frozenset({"version"}) if changed & {"value", "description"} else frozenset()
