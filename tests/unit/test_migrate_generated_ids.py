"""The ids that AWS generated for Terraform's API are found in its state, and set by lines that a shell takes."""

import json
import shlex
from typing import cast

from infra.config.property_path import parsed
from infra.migrate import generated_ids, read
from infra.naming import Names
from rehearsal.environment.legacy_document import document
from rehearsal.environment.legacy_functions import Functions
from rehearsal.observe.aws_records import AwsRecords
from tests.adopted_ids import IDS
from tests.unit.test_rehearsal_legacy_functions import API, BACKEND, INTEGRATION, Aws

PREFIX = Names("strata", "prod").function("")


def found() -> dict[str, str]:
    functions = Functions(cast("AwsRecords", Aws()), b"")
    state = document(functions.instances("compute"), {}, "compute", BACKEND)
    return generated_ids.ids(read.terraform_state(json.dumps(state), "s3://b/k"), PREFIX)


def test_every_id_that_a_stack_must_name_is_found() -> None:
    ids = found()
    assert set(ids) == set(IDS)
    assert (ids["http-api"], ids["http-orders-integration"]) == (API, f"{API}/{INTEGRATION}")
    assert ids["http-get/orders/{id}"] == f"{API}/GET /orders/{{id}}"
    assert ids["http-orders-invoke"].startswith("strata-prod-orders:live/terraform-")


def test_each_line_sets_one_id_under_its_own_key() -> None:
    lines = [shlex.split(line) for line in generated_ids.commands(found(), "prod")]
    for line, (name, import_id) in zip(lines, sorted(found().items()), strict=True):
        assert line[:6] == ["pulumi", "config", "set", "--stack", "prod", "--path"]
        assert line[7:] == [import_id]
        assert parsed(line[6].removeprefix("strata:")) == ["compute", "adopted", "ids", name]
