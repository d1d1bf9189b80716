"""Hosted zones and their records: https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html"""

import uuid
from typing import Any

from local.providers.resource import Aws, Field, Live, Resource, pairs, props, unpaired, unset
from local.providers.wire import Bag

ALIAS = {"name": "DNSName", "zoneId": "HostedZoneId", "evaluateTargetHealth": "EvaluateTargetHealth"}


def _plain(name: str) -> str:
    """Return a name as the provider keeps it, without the dot of the root."""
    return name.removesuffix(".").lower()


class Zone(Resource):
    """A public hosted zone. Its id is AWS's, without /hostedzone/."""

    kind = "aws:route53/zone:Zone"
    service = "route53"
    label = "Route 53 Hosted Zone"
    regional = False
    tagged = True
    fields = props(
        name=Field(replaces=True), comment=Field(default="Managed by Pulumi"), forceDestroy=Field(default=False)
    )
    outputs = ("arn", "nameServers", "primaryNameServer", "zoneId")
    also = unset(delegationSetId="", enableAcceleratedRecovery=False, vpcs=[])

    def locate(self, identity: str) -> Bag:
        return {"zoneId": identity}

    def create(self, aws: Aws, new: Bag) -> str:
        given = {"Name": new["name"], "CallerReference": uuid.uuid4().hex}
        made = aws("route53").create_hosted_zone(**given, HostedZoneConfig={"Comment": new.get("comment", "")})
        return str(made["HostedZone"]["Id"]).rpartition("/")[2]

    def settle(self, aws: Aws, identity: str, new: Bag) -> None:
        self.retag(aws, {"zoneId": identity}, [], new["tagsAll"])

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        answer = aws("route53").get_hosted_zone(Id=identity)
        servers = answer.get("DelegationSet", {}).get("NameServers", [])
        tags = aws("route53").list_tags_for_resource(ResourceType="hostedzone", ResourceId=identity)
        bag = {
            "arn": f"arn:aws:route53:::hostedzone/{identity}",
            "comment": answer["HostedZone"].get("Config", {}).get("Comment", ""),
            "forceDestroy": state.get("forceDestroy", False),
            "name": _plain(answer["HostedZone"]["Name"]),
            "nameServers": sorted(servers),
            "primaryNameServer": servers[0] if servers else "",
            "zoneId": identity,
            "tags": unpaired(tags["ResourceTagSet"]["Tags"]),
        }
        return Live(identity, bag)

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "comment" in changed:
            aws("route53").update_hosted_zone_comment(Id=identity, Comment=new.get("comment", ""))

    def retag(self, aws: Aws, state: Bag, gone: list[str], tags: dict[str, str]) -> None:
        given: dict[str, Any] = {"RemoveTagKeys": gone} if gone else {}
        if tags:
            given["AddTags"] = pairs(tags)
        if given:
            aws("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=state["zoneId"], **given)

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        aws("route53").delete_hosted_zone(Id=identity)


class Record(Resource):
    """A record: values with a TTL, or an alias. Its id, which an import gives too, is ZONE_NAME_TYPE."""

    kind = "aws:route53/record:Record"
    service = "route53"
    label = "Route 53 Record"
    regional = False
    name = None
    fields = props(
        aliases=Field(
            of=props(evaluateTargetHealth=Field(required=True), name=Field(required=True), zoneId=Field(required=True))
        ),
        name=Field(required=True, replaces=True),
        records=Field(unordered=True),
        ttl=Field(zero=0),
        type=Field(required=True),
        zoneId=Field(required=True, replaces=True),
    )
    outputs = ("fqdn",)
    also = unset(
        allowOverwrite=False,
        cidrRoutingPolicy=None,
        failoverRoutingPolicies=[],
        geolocationRoutingPolicies=[],
        geoproximityRoutingPolicy=None,
        healthCheckId="",
        latencyRoutingPolicies=[],
        multivalueAnswerRoutingPolicy=False,
        setIdentifier="",
        weightedRoutingPolicies=[],
    )

    def locate(self, identity: str) -> Bag:
        zone, _, rest = identity.partition("_")
        name, _, kind = rest.rpartition("_")
        return {"zoneId": zone, "name": name, "type": kind}

    def create(self, aws: Aws, new: Bag) -> str:
        self._change(aws, ("CREATE", new))
        return f"{new['zoneId']}_{_plain(new['name'])}_{new['type']}"

    def read(self, aws: Aws, identity: str, state: Bag) -> Live | None:
        wanted = (_plain(state["name"]), state["type"])
        pages = aws("route53").get_paginator("list_resource_record_sets").paginate(HostedZoneId=state["zoneId"])
        for each in (record for page in pages for record in page["ResourceRecordSets"]):
            if (_plain(each["Name"]), each["Type"]) == wanted:
                return Live(identity, self._found(each, state["zoneId"]))
        return None

    def update(self, aws: Aws, identity: str, old: Bag, new: Bag, changed: frozenset[str]) -> None:
        if "type" in changed:
            self._change(aws, ("DELETE", old), ("CREATE", new))
        else:
            self._change(aws, ("UPSERT", new))

    def delete(self, aws: Aws, identity: str, state: Bag) -> None:
        if self.read(aws, identity, state) is not None:  # else AWS refuses the whole batch
            self._change(aws, ("DELETE", state))

    def _found(self, record: dict[str, Any], zone: str) -> Bag:
        bag = {"fqdn": _plain(record["Name"]), "name": _plain(record["Name"]), "type": record["Type"], "zoneId": zone}
        if alias := record.get("AliasTarget"):
            target = {name: alias[key] for name, key in ALIAS.items()}
            return {**bag, "aliases": [{**target, "name": _plain(target["name"])}]}
        return {**bag, "records": [each["Value"] for each in record["ResourceRecords"]], "ttl": record["TTL"]}

    def _change(self, aws: Aws, *changes: tuple[str, Bag]) -> None:
        batch = [{"Action": action, "ResourceRecordSet": self._written(bag)} for action, bag in changes]
        aws("route53").change_resource_record_sets(HostedZoneId=changes[0][1]["zoneId"], ChangeBatch={"Changes": batch})

    def _written(self, bag: Bag) -> dict[str, Any]:
        record = {"Name": bag["name"], "Type": bag["type"]}
        for alias in bag.get("aliases") or ():
            return {**record, "AliasTarget": {key: alias[name] for name, key in ALIAS.items()}}
        return {**record, "TTL": int(bag["ttl"]), "ResourceRecords": [{"Value": each} for each in bag["records"]]}
