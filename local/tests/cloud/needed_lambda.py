"""What each call of Lambda's on Strata's path needs, as in `needed`."""

from local.tests.cloud.case import case
from local.tests.cloud.conftest import archive
from local.tests.cloud.named import FUNCTION, ROLE

CODE = {"ZipFile": archive("def handler(event, context): pass\n")}
FUNCTION_OF = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "app.handler", "Code": CODE}

FUNCTIONS = [
    case(
        "lambda.create_function", {**FUNCTION_OF, "Role": ROLE}, "lambda:CreateFunction", FUNCTION, "iam:PassRole", ROLE
    ),
    case(
        "lambda.create_function",
        {**FUNCTION_OF, "Role": ROLE, "Tags": {"a": "b"}},
        "lambda:CreateFunction",
        FUNCTION,
        "iam:PassRole",
        ROLE,
        "lambda:TagResource",
        FUNCTION,
    ),
    case("lambda.update_function_code", {"FunctionName": "f", **CODE}, "lambda:UpdateFunctionCode", FUNCTION),
    case(
        "lambda.create_function",
        {**FUNCTION_OF, "Role": ROLE, "Code": {"S3Bucket": "zips", "S3Key": "k"}},
        *("lambda:CreateFunction", FUNCTION, "iam:PassRole", ROLE, "s3:GetObject", "arn:aws:s3:::zips/k"),
    ),
    case(
        "lambda.update_function_code",
        {"FunctionName": "f", "S3Bucket": "zips", "S3Key": "k", "S3ObjectVersion": "v"},
        *("lambda:UpdateFunctionCode", FUNCTION, "s3:GetObject", "arn:aws:s3:::zips/k"),
        *("s3:GetObjectVersion", "arn:aws:s3:::zips/k"),
    ),
    case(
        "lambda.update_function_configuration",
        {"FunctionName": "f", "Timeout": 5},
        "lambda:UpdateFunctionConfiguration",
        FUNCTION,
    ),
    case(
        "lambda.update_function_configuration",
        {"FunctionName": "f", "Role": ROLE},
        "lambda:UpdateFunctionConfiguration",
        FUNCTION,
        "iam:PassRole",
        ROLE,
    ),
    case("lambda.publish_version", {"FunctionName": "f"}, "lambda:PublishVersion", FUNCTION),
    case("lambda.get_function", {"FunctionName": "f"}, "lambda:GetFunction", FUNCTION),
    case("lambda.get_function", {"FunctionName": FUNCTION}, "lambda:GetFunction", FUNCTION),
    case(
        "lambda.get_function_configuration",
        {"FunctionName": "f", "Qualifier": "3"},
        "lambda:GetFunctionConfiguration",
        f"{FUNCTION}:3",
    ),
    case("lambda.list_versions_by_function", {"FunctionName": "f"}, "lambda:ListVersionsByFunction", FUNCTION),
    case(
        "lambda.create_alias",
        {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"},
        "lambda:CreateAlias",
        FUNCTION,
    ),
    case("lambda.get_alias", {"FunctionName": "f", "Name": "live"}, "lambda:GetAlias", FUNCTION),
    case(
        "lambda.update_alias",
        {"FunctionName": "f", "Name": "live", "FunctionVersion": "2"},
        "lambda:UpdateAlias",
        FUNCTION,
    ),
    case("lambda.delete_alias", {"FunctionName": "f", "Name": "live"}, "lambda:DeleteAlias", FUNCTION),
    case("lambda.delete_function", {"FunctionName": "f", "Qualifier": "1"}, "lambda:DeleteFunction", f"{FUNCTION}:1"),
    case(
        "lambda.put_function_concurrency",
        {"FunctionName": "f", "ReservedConcurrentExecutions": 1},
        "lambda:PutFunctionConcurrency",
        FUNCTION,
    ),
    case("lambda.get_function_concurrency", {"FunctionName": "f"}, "lambda:GetFunctionConcurrency", FUNCTION),
    case(
        "lambda.add_permission",
        {
            "FunctionName": "f",
            "Qualifier": "live",
            "StatementId": "s",
            "Action": "x:y",
            "Principal": "apigateway.amazonaws.com",
        },
        "lambda:AddPermission",
        f"{FUNCTION}:live",
    ),
    case("lambda.get_policy", {"FunctionName": "f", "Qualifier": "live"}, "lambda:GetPolicy", f"{FUNCTION}:live"),
    case(
        "lambda.get_function_code_signing_config",
        {"FunctionName": "f"},
        "lambda:GetFunctionCodeSigningConfig",
        FUNCTION,
    ),
    case("lambda.list_function_url_configs", {"FunctionName": "f"}, "lambda:ListFunctionUrlConfigs", FUNCTION),
    case(
        "lambda.update_function_event_invoke_config",
        {"FunctionName": "f", "Qualifier": "live", "MaximumRetryAttempts": 0},
        *("lambda:UpdateFunctionEventInvokeConfig", f"{FUNCTION}:live"),
    ),
    case(
        "lambda.list_provisioned_concurrency_configs",
        {"FunctionName": "f"},
        *("lambda:ListProvisionedConcurrencyConfigs", FUNCTION),
    ),
    case("lambda.invoke", {"FunctionName": f"{FUNCTION}:live"}, "lambda:InvokeFunction", f"{FUNCTION}:live"),
    case("lambda.invoke", {"FunctionName": "f", "Qualifier": "7"}, "lambda:InvokeFunction", f"{FUNCTION}:7"),
    case("lambda.tag_resource", {"Resource": FUNCTION, "Tags": {"a": "b"}}, "lambda:TagResource", FUNCTION),
    case("lambda.list_tags", {"Resource": FUNCTION}, "lambda:ListTags", FUNCTION),
    case("lambda.get_account_settings", {}, "lambda:GetAccountSettings", "*"),
]
