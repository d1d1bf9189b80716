"""Functions that return the caller's identity, region and partition."""

from local.providers.resource import Aws, ProviderError
from local.providers.wire import Bag


def caller_identity(aws: Aws, _: Bag) -> Bag:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    answer = aws("sts").get_caller_identity()
    return {"accountId": answer["Account"], "arn": answer["Arn"], "userId": answer["UserId"], "id": answer["Account"]}


def region(aws: Aws, arguments: Bag) -> Bag:
    """Return the provider's region, or the one that is asked for."""
    name = arguments.get("name") or aws.region
    if "endpoint" in arguments:
        raise ProviderError("aws:index/getRegion:getRegion: the stand-in does not find a region by its endpoint")
    endpoint = f"ec2.{name}.amazonaws.com"
    return {"region": name, "name": name, "id": name, "endpoint": endpoint, "description": name}


def partition(_aws: Aws, _: Bag) -> Bag:
    """Return the partition `aws`: the local cloud has no other."""
    return {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


FUNCTIONS = {
    "aws:index/getCallerIdentity:getCallerIdentity": (frozenset({"id"}), caller_identity),
    "aws:index/getPartition:getPartition": (frozenset({"id"}), partition),
    "aws:index/getRegion:getRegion": (frozenset({"endpoint", "id", "name", "region"}), region),
}
