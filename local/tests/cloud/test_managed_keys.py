"""Keys that AWS manages, and the encryption of tables that names them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.cloud.conftest import REGION

TABLE = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def _table(client: Callable[[str], Any], **encryption: Any) -> Any:
    client("dynamodb").create_table(**TABLE, SSESpecification=encryption)
    return client("dynamodb").describe_table(TableName="orders")["Table"]


def test_a_table_names_the_key_that_aws_manages_and_kms_knows_it(client: Callable[[str], Any], account: str) -> None:
    described = _table(client, Enabled=True)["SSEDescription"]
    assert (described["Status"], described["SSEType"]) == ("ENABLED", "KMS")
    arn = described["KMSMasterKeyArn"]
    assert arn.startswith(f"arn:aws:kms:{REGION}:{account}:key/")
    kms = client("kms")
    by_alias = kms.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]
    assert kms.describe_key(KeyId=arn)["KeyMetadata"] == by_alias
    assert (by_alias["Arn"], by_alias["KeyManager"], by_alias["Enabled"]) == (arn, "AWS", True)
    by_arn = kms.describe_key(KeyId=f"arn:aws:kms:{REGION}:{account}:alias/aws/dynamodb")["KeyMetadata"]
    assert by_arn["Arn"] == arn
    assert {"AliasName": "alias/aws/dynamodb", "TargetKeyId": by_alias["KeyId"]}.items() <= next(
        each.items() for each in kms.list_aliases()["Aliases"] if each["AliasName"] == "alias/aws/dynamodb"
    )


def test_a_table_names_the_accounts_own_key_however_it_was_given(client: Callable[[str], Any]) -> None:
    kms, dynamodb = client("kms"), client("dynamodb")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/orders", TargetKeyId=key["KeyId"])
    assert key["KeyManager"] == "CUSTOMER"
    for named in ("alias/orders", key["KeyId"], key["Arn"]):
        described = _table(client, Enabled=True, SSEType="KMS", KMSMasterKeyId=named)["SSEDescription"]
        assert described["KMSMasterKeyArn"] == key["Arn"]
        dynamodb.delete_table(TableName="orders")


def test_a_table_under_a_key_that_aws_owns_shows_none(client: Callable[[str], Any]) -> None:
    assert "SSEDescription" not in _table(client, Enabled=False)
    dynamodb = client("dynamodb")
    dynamodb.update_table(TableName="orders", SSESpecification={"Enabled": True})
    assert dynamodb.describe_table(TableName="orders")["Table"]["SSEDescription"]["Status"] == "ENABLED"
    dynamodb.update_table(TableName="orders", SSESpecification={"Enabled": False})
    assert "SSEDescription" not in dynamodb.describe_table(TableName="orders")["Table"]


@pytest.mark.parametrize("alias", ["alias/aws/ssm", "alias/aws/lambda", "alias/aws/sns"])
def test_each_service_has_a_key_of_its_own(client: Callable[[str], Any], alias: str) -> None:
    kms = client("kms")
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    with pytest.raises(ClientError, match="NotFoundException"):
        kms.describe_key(KeyId="alias/orders")
