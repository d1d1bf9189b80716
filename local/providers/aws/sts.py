"""Functions that say who and where the caller is."""

from local.providers.resource import Aws, ProviderError
from local.providers.wire import Bag


def caller_identity(aws: Aws, _: Bag) -> Bag:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    answer = aws("sts").get_caller_identity()
    return {"accountId": answer["Account"], "arn": answer["Arn"], "userId": answer["UserId"], "id": answer["Account"]}


def region(aws: Aws, arguments: Bag) -> Bag:
    """The provider's region, or the one that is asked for."""
    name = arguments.get("name") or aws.region
    if "endpoint" in arguments:
        raise ProviderError("aws:index/getRegion:getRegion: the stand-in does not look regions up by endpoint")
    endpoint = f"ec2.{name}.amazonaws.com"
    return {"region": name, "name": name, "id": name, "endpoint": endpoint, "description": name}


def partition(_aws: Aws, _: Bag) -> Bag:
    """The ordinary partition: the local cloud knows no other."""
    return {"partition": "aws", "id": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


FUNCTIONS = {
    "aws:index/getCallerIdentity:getCallerIdentity": (frozenset({"id"}), caller_identity),
    "aws:index/getPartition:getPartition": (frozenset({"id"}), partition),
    "aws:index/getRegion:getRegion": (frozenset({"endpoint", "id", "name", "region"}), region),
}
