"""How many tags a deployment group takes: CodeDeploy's quota page names 10 for a group, AWS's general limit is 50.

https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws import made


@pytest.mark.parametrize("count", [8, 11, 50])
def test_a_deployment_group_takes_tags(
    session: Any, undo: list[Any], record_property: Callable[[str, object], None], count: int
) -> None:
    """How many tags does a deployment group take?"""
    group, codedeploy = made.group(session, undo, "CodeDeployDefault.LambdaAllAtOnce"), session.client("codedeploy")
    account, region = session.client("sts").get_caller_identity()["Account"], codedeploy.meta.region_name
    arn = f"arn:aws:codedeploy:{region}:{account}:deploymentgroup:{group}/{group}"
    tags = [{"Key": f"strata:{number}", "Value": "x" * 256} for number in range(count)]
    try:
        codedeploy.tag_resource(ResourceArn=arn, Tags=tags)
    except ClientError as refused:
        record_property(
            "answer", f"{count}: {refused.response['Error']['Code']}: {refused.response['Error']['Message']}"
        )
        assert count > 8, "Strata writes up to 8 tags"
        return
    found = codedeploy.list_tags_for_resource(ResourceArn=arn)["Tags"]
    record_property("answer", f"{count}: taken")
    assert len(found) == count
