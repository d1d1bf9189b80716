"""Enforced policies: which callers are accepted, what limits a role, and which decisions are recorded."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import Cloud
from local.tests.cloud.enforced import Account, allow, cloud, document, own, refusal
from local.tests.cloud.tokens import GITHUB, NAMED, STS_AUDIENCE, keys

__all__ = ["cloud", "own"]  # fixtures


def code(call: Any) -> str:
    """Return the error code that a call ends with."""
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_every_caller_may_get_its_own_identity(own: Account) -> None:
    assert ":assumed-role/role-1/run-1" in own.session()("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize(
    ("service", "call", "expected"),
    [
        ("dynamodb", "list_tables", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_an_unknown_key_is_refused(own: Account, service: str, call: str, expected: str) -> None:
    given = {"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x", "SessionToken": "x"}
    assert code(getattr(own.cloud.client(service, "", keys=keys(given)), call)) == expected


def test_a_session_is_nothing_without_its_token(own: Account) -> None:
    role = own.role("deploy", GITHUB, STS_AUDIENCE, NAMED)
    given = own.assume(role, own.issued())["Credentials"]
    guessed = {**given, "SessionToken": given["SessionToken"][:-1] + "!"}
    assert code(own.cloud.client("sts", "", keys=keys(guessed)).get_caller_identity) == "InvalidClientTokenId"


def test_a_users_static_key_opens_nothing(own: Account) -> None:
    own.iam.create_user(UserName="ci")
    own.iam.put_user_policy(UserName="ci", PolicyName="all", PolicyDocument=document(allow("*")))
    made = own.iam.create_access_key(UserName="ci")["AccessKey"]
    given = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    assert code(own.cloud.client("dynamodb", "", keys=given).list_tables) == "UnrecognizedClientException"


@pytest.mark.parametrize("service", ["dynamodb", "lambda", "s3", "codedeploy", "cloudwatch"])
def test_who_does_not_sign_is_refused(own: Account, service: str) -> None:
    call = {
        "dynamodb": "list_tables",
        "lambda": "list_functions",
        "s3": "list_buckets",
        "codedeploy": "list_applications",
        "cloudwatch": "list_dashboards",
    }[service]
    with pytest.raises(ClientError) as refused:
        getattr(own.cloud.client(service, "", signed=False), call)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_the_account_id_is_a_key_only_as_long_as_the_setting_says_so(cloud: Cloud, own: Account) -> None:
    assert own.admin("dynamodb").list_tables()["TableNames"] == []
    try:
        assert cloud.control("POST", "settings", {"root": False})[0] == 200
        assert code(own.admin("dynamodb").list_tables) == "UnrecognizedClientException"
    finally:
        cloud.control("POST", "settings", {"root": True})


def test_an_explicit_deny_wins(own: Account) -> None:
    client = own.session(allow("dynamodb:*"), allow("dynamodb:ListTables", Effect="Deny", Sid="No"))("dynamodb")
    assert "with an explicit deny in an identity-based policy" in refusal(client.list_tables)


def test_a_boundary_limits_what_a_role_is_granted(own: Account) -> None:
    made = own.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("dynamodb:ListTables")))
    clients = own.session(allow("*"), boundary=made["Policy"]["Arn"])
    assert refusal(clients("dynamodb").list_tables) == ""
    sentence = refusal(clients("sns").list_topics)
    assert "because no permissions boundary allows the sns:ListTopics action" in sentence


def test_a_boundary_grants_nothing(own: Account) -> None:
    made = own.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("*")))
    sentence = refusal(own.session(boundary=made["Policy"]["Arn"])("dynamodb").list_tables)
    assert "because no identity-based policy allows" in sentence


def test_a_boundary_that_was_deleted_leaves_nothing(own: Account) -> None:
    boundary = f"arn:aws:iam::{own.account}:policy/gone"
    assert "permissions boundary" in refusal(own.session(allow("*"), boundary=boundary)("dynamodb").list_tables)


def test_a_session_policy_limits_its_session(own: Account) -> None:
    clients = own.session(allow("*"), Policy=document(allow("dynamodb:ListTables")))
    assert refusal(clients("dynamodb").list_tables) == ""
    assert "because no session policy allows the sns:ListTopics action" in refusal(clients("sns").list_topics)


def test_a_managed_policy_counts_as_long_as_it_is_attached(own: Account) -> None:
    clients = own.session()
    arn = own.iam.create_policy(PolicyName="read", PolicyDocument=document(allow("dynamodb:ListTables")))["Policy"][
        "Arn"
    ]
    assert refusal(clients("dynamodb").list_tables)
    own.iam.attach_role_policy(RoleName="role-1", PolicyArn=arn)
    assert refusal(clients("dynamodb").list_tables) == ""
    own.iam.detach_role_policy(RoleName="role-1", PolicyArn=arn)
    assert refusal(clients("dynamodb").list_tables)


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}, True),
        ({"StringEquals": {"iam:PassedToService": "codedeploy.amazonaws.com"}}, False),
        ({"StringLike": {"iam:PassedToService": "lambda.*"}}, True),
    ],
)
def test_a_role_is_passed_only_to_the_service_that_it_may_be_passed_to(
    own: Account, condition: dict[str, Any], allowed: bool
) -> None:
    client = own.session(allow("lambda:*"), allow("iam:PassRole", Condition=condition))("lambda")
    role = f"arn:aws:iam::{own.account}:role/worker"
    sentence = refusal(lambda: client.update_function_configuration(FunctionName="f", Role=role))
    assert (sentence == "") is allowed


@pytest.mark.parametrize(("service", "allowed"), [("codedeploy", True), ("lambda", False)])
def test_a_deployment_group_is_given_a_role_that_may_be_passed_to_codedeploy(
    own: Account, service: str, allowed: bool
) -> None:
    condition = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    client = own.session(allow("codedeploy:*"), allow("iam:PassRole", Condition=condition))("codedeploy")
    group = {"applicationName": "a", "deploymentGroupName": "g"}
    role = f"arn:aws:iam::{own.account}:role/worker"
    sentence = ""
    try:
        client.create_deployment_group(**group, serviceRoleArn=role)
    except ClientError as error:  # the application does not exist, which is asked later
        sentence = str(error)
    assert ("iam:PassRole" not in sentence) is allowed


@pytest.mark.parametrize(("given", "allowed"), [("boundary", True), ("other", False), ("", False)])
def test_a_role_is_created_only_with_the_boundary_that_is_asked_for(own: Account, given: str, allowed: bool) -> None:
    home = f"arn:aws:iam::{own.account}:policy/"
    wanted = {"StringEquals": {"iam:PermissionsBoundary": f"{home}boundary"}}
    client = own.session(allow("iam:CreateRole", Condition=wanted))("iam")
    limit = {"PermissionsBoundary": f"{home}{given}"} if given else {}
    sentence = refusal(lambda: client.create_role(RoleName="new", AssumeRolePolicyDocument=document(), **limit))
    assert (sentence == "") is allowed


def test_rights_over_a_role_can_depend_on_the_boundary_that_it_has(own: Account) -> None:
    arn = own.iam.create_policy(PolicyName="boundary", PolicyDocument=document(allow("*")))["Policy"]["Arn"]
    own.iam.create_role(RoleName="limited", AssumeRolePolicyDocument=document(), PermissionsBoundary=arn)
    own.iam.create_role(RoleName="free", AssumeRolePolicyDocument=document())
    wanted = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    client = own.session(allow("iam:PutRolePolicy", Condition=wanted))("iam")
    policy = {"PolicyName": "p", "PolicyDocument": document(allow("*"))}
    assert refusal(lambda: client.put_role_policy(RoleName="limited", **policy)) == ""
    assert refusal(lambda: client.put_role_policy(RoleName="free", **policy))


def test_tags_of_the_request_and_of_the_resource_can_be_asked_for(own: Account) -> None:
    arn = own.arn("sns", "mine")
    clients = own.session(
        allow(["sns:CreateTopic", "sns:TagResource"], Condition={"StringEquals": {"aws:RequestTag/team": "shop"}}),
        allow("sns:DeleteTopic", Condition={"StringEquals": {"aws:ResourceTag/team": "shop"}}),
        allow("sns:UntagResource", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}),
    )
    sns = clients("sns")
    assert refusal(lambda: sns.create_topic(Name="mine"))
    assert refusal(lambda: sns.create_topic(Name="mine", Tags=[{"Key": "team", "Value": "shop"}])) == ""
    assert refusal(lambda: sns.untag_resource(ResourceArn=arn, TagKeys=["a", "team"]))
    assert refusal(lambda: sns.untag_resource(ResourceArn=arn, TagKeys=["a"])) == ""
    own.admin("sns").create_topic(Name="theirs")
    assert refusal(lambda: sns.delete_topic(TopicArn=own.arn("sns", "theirs")))
    assert refusal(lambda: sns.delete_topic(TopicArn=arn)) == ""


@pytest.mark.parametrize(
    ("trusted", "granted", "allowed"),
    [("role", True, True), ("role", False, True), ("root", True, True), ("root", False, False), ("other", True, False)],
)
def test_a_role_is_assumed_by_another_only_where_its_trust_policy_says_so(
    own: Account, trusted: str, granted: bool, allowed: bool
) -> None:
    clients = own.session(*([allow("sts:AssumeRole")] if granted else []))
    who = {"role": "role/role-1", "root": "root", "other": "role/other"}[trusted]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{own.account}:{who}"}, "Action": "sts:AssumeRole"}
    own.iam.create_role(RoleName="target", AssumeRolePolicyDocument=document(trust))
    target = f"arn:aws:iam::{own.account}:role/target"
    sentence = refusal(lambda: clients("sts").assume_role(RoleArn=target, RoleSessionName="next"))
    assert (sentence == "") is allowed


def test_a_key_is_used_by_whom_both_its_policy_and_an_identity_policy_let(own: Account) -> None:
    root = {"AWS": f"arn:aws:iam::{own.account}:root"}
    kms = own.admin("kms")
    shared = kms.create_key(Policy=document({**allow("kms:*"), "Principal": root}))["KeyMetadata"]["Arn"]
    closed = kms.create_key(Policy=document({**allow("kms:*"), "Principal": {"AWS": "missing"}}))["KeyMetadata"]["Arn"]
    may, may_not = own.session(allow("kms:*"))("kms"), own.session()("kms")
    assert refusal(lambda: may.encrypt(KeyId=shared, Plaintext=b"x")) == ""
    assert "no identity-based policy" in refusal(lambda: may_not.encrypt(KeyId=shared, Plaintext=b"x"))
    assert "no resource-based policy" in refusal(lambda: may.encrypt(KeyId=closed, Plaintext=b"x"))
    text = may.encrypt(KeyId=shared, Plaintext=b"x")["CiphertextBlob"]
    assert refusal(lambda: may.decrypt(CiphertextBlob=text)) == ""
    narrow = own.session(allow("kms:Decrypt", shared))("kms")
    assert narrow.decrypt(CiphertextBlob=text)["Plaintext"] == b"x"


def test_a_buckets_policy_denies_and_allows_by_itself(own: Account) -> None:
    s3, bucket = own.admin("s3"), f"b-{own.account}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket=bucket, Key="state", Body=b"1")
    owner, guest = own.session(allow("s3:*")), own.session()
    denied = {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Effect": "Deny"}
    named = {"AWS": f"arn:aws:iam::{own.account}:role/role-2"}
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=document(
            {**denied, "Principal": "*", "Action": "s3:*", "Condition": tls},
            {**denied, "Principal": {"AWS": f"arn:aws:iam::{own.account}:role/role-1"}},
            {**allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"), "Principal": named},
        ),
    )
    sentence = refusal(lambda: owner("s3").get_object(Bucket=bucket, Key="state"))
    assert "with an explicit deny in a resource-based policy" in sentence
    assert refusal(lambda: guest("s3").get_object(Bucket=bucket, Key="state")) == ""
    assert refusal(lambda: guest("s3").delete_object(Bucket=bucket, Key="state"))


def test_a_bucket_that_a_key_encrypts_needs_the_key_too_and_only_through_s3(own: Account) -> None:
    s3, bucket = own.admin("s3"), f"b-{own.account}"
    root = {"AWS": f"arn:aws:iam::{own.account}:root"}
    key = own.admin("kms").create_key(Policy=document({**allow("kms:*"), "Principal": root}))["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    by_key = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [by_key]})
    without = own.session(allow("s3:*"))("s3")
    via = {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
    clients = own.session(allow("s3:*"), allow(["kms:Decrypt", "kms:GenerateDataKey"], key, Condition=via))
    assert "kms:GenerateDataKey" in refusal(lambda: without.put_object(Bucket=bucket, Key="state", Body=b"1"))
    assert refusal(lambda: clients("s3").put_object(Bucket=bucket, Key="state", Body=b"1")) == ""
    assert "kms:Decrypt" in refusal(lambda: without.get_object(Bucket=bucket, Key="state"))
    assert clients("s3").get_object(Bucket=bucket, Key="state")["Body"].read() == b"1"
    assert refusal(lambda: clients("kms").generate_data_key(KeyId=key, KeySpec="AES_256"))


def test_the_record_names_who_did_what_and_every_statement_that_allowed_it(own: Account) -> None:
    clients = own.session(allow("dynamodb:ListTables", Sid="One"), allow("dynamodb:*", Sid="Two"), allow("sns:List*"))
    for _ in range(2):
        clients("dynamodb").list_tables()
    clients("sns").list_topics()
    refusal(clients("kms").list_keys)
    role = f"arn:aws:iam::{own.account}:role/role-1"
    made = {"caller": role, "resource": "*", "why": ""}
    by = [{"policy": "rights", "sid": sid} for sid in ("One", "Two", "#3")]
    assert [entry for entry in own.decisions() if entry["caller"] == role] == [
        {**made, "action": "dynamodb:ListTables", "allowed": True, "by": by[:2], "count": 2},
        {**made, "action": "sns:ListTopics", "allowed": True, "by": by[2:], "count": 1},
        {
            **made,
            "action": "kms:ListKeys",
            "allowed": False,
            "by": [],
            "why": "because no identity-based policy allows the kms:ListKeys action",
            "count": 1,
        },
    ]


def test_the_record_can_be_cleared(own: Account) -> None:
    own.session(allow("dynamodb:ListTables"))("dynamodb").list_tables()
    assert own.decisions()
    own.cloud.control("DELETE", "decisions")
    assert own.decisions() == []


def test_what_is_not_enforced_is_neither_asked_nor_recorded(cloud: Cloud, own: Account) -> None:
    clients = own.session()
    cloud.control("DELETE", "decisions")
    try:
        cloud.control("POST", "settings", {"enforce": False})
        assert clients("dynamodb").list_tables()["TableNames"] == []
    finally:
        cloud.control("POST", "settings", {"enforce": True})
    assert own.decisions() == []
    assert refusal(clients("dynamodb").list_tables)
