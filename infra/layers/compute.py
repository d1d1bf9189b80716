"""The compute layer: functions, each behind the alias that callers reach."""

import re
from collections.abc import Mapping, Sequence

import pulumi_aws as aws
from pulumi import ComponentResource, Input, Output, ResourceOptions

from infra import permissions
from infra.bundle import Code
from infra.config import ComputeConfig
from infra.contracts import DataOutputs, FunctionOutputs, SecretsOutputs, TriggerOutputs
from infra.naming import LIVE, AwsLocation, Names
from infra.permissions import Uses
from infra.services import NODE, Service
from infra.source import OURS, Ownership

# Every input of an alias that can change. CodeDeploy moves the alias; Pulumi sends even an ignored input again when
# another one changes, and would undo a shift in progress.
MOVED_BY_CODEDEPLOY = ["function_version", "routing_config", "description"]
# The published configuration of a function, and how it is uploaded. Code cannot be read back from AWS, and what is
# published with it changes by a release alone, which an adopted function does not have: its live version stays.
PUBLISHED = [
    *("code", "s3_bucket", "s3_key", "s3_object_version", "source_code_hash", "publish"),
    *("handler", "runtime", "architectures", "memory_size", "timeout", "environment", "tracing_config", "layers"),
]
# Node then reads the bundle's source map, and a stack trace names the lines of TypeScript.
# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build-typescript.html
SOURCE_MAPS = {"NODE_OPTIONS": "--enable-source-maps"}


class Compute(ComponentResource):
    """Functions by service name, in `functions`.

    Every change of code or of published configuration becomes a version; a version is live only after its release.
    """

    functions: Mapping[str, FunctionOutputs]

    def __init__(
        self,
        name: str,
        *,
        names: Names,
        place: AwsLocation,
        config: ComputeConfig,
        services: Sequence[Service],
        bundles: Mapping[str, Code],
        data: DataOutputs,
        secrets: SecretsOutputs,
        triggers: TriggerOutputs,
        owner: Ownership = OURS,
        opts: ResourceOptions | None = None,
    ) -> None:
        """Declare the functions. `services` are settled; `bundles` are those of each, by name."""
        super().__init__("strata:layers:Compute", name, None, opts)
        self._name, self._names, self._place, self._config = name, names, place, config
        self._data, self._secrets, self._triggers, self._owner = data, secrets, triggers, owner
        self.functions = {each.name: self._declare(each, bundles[each.name]) for each in services}
        self.register_outputs({})

    def _declare(self, service: Service, bundle: Code) -> FunctionOutputs:
        role, policy = self._role(service)
        variables = self._variables(service)
        function = self._function(service, bundle=bundle, variables=variables, role=role, policy=policy)
        alias = self._alias(service.name, function)
        return FunctionOutputs(
            name=function.name,
            arn=function.arn,
            alias=alias.name,
            alias_arn=alias.arn,
            invoke_arn=alias.invoke_arn,
            # The newest version of an adopted function may be one that CodeDeploy has rolled back.
            version=alias.function_version if self._owner.adopts else function.version,
            log_group=self._names.log_group(service.name),
            configuration=Output.from_input("")
            if self._owner.adopts
            else self._declared(service, bundle, variables, role),
        )

    def _variables(self, service: Service) -> Mapping[str, Input[str]]:
        """Return the environment: what Powertools reads, the names of what the service uses, and its own variables."""
        used: dict[str, Input[str]] = {}
        if service.uses("table") or service.stream:
            used["TABLE_NAME"] = self._data.table_name
        if service.stream:
            used["DEAD_LETTERS_URL"] = self._triggers.dead_letter_urls[service.name]
        used |= {
            "POWERTOOLS_SERVICE_NAME": service.name,
            "POWERTOOLS_METRICS_NAMESPACE": self._names.project,
            "POWERTOOLS_LOG_LEVEL": self._config.log_level,
        }
        if service.runtime == NODE:
            used |= SOURCE_MAPS
        for key in service.secrets:
            if (parameter := self._secrets.parameter(key)) is not None:
                used[f"{_upper(key)}_PARAMETER"] = parameter
        for each in service.writes:
            if each.kind == "queue":
                used[f"{_upper(each.name)}_QUEUE_URL"] = self._triggers.queue_urls[each.name]
            elif each.kind == "topic":
                used[f"{_upper(each.name)}_TOPIC_ARN"] = self._place.arn("sns", self._names.topic)
            elif each.kind == "bus" and self._triggers.bus is not None:
                used["EVENT_BUS_NAME"] = self._triggers.bus
        return {**used, **(service.environment or {})}

    def _role(self, service: Service) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role_name = self._names.execution_role(service.name)
        role = aws.iam.Role(
            f"{self._name}-{service.name}-execution",
            name=role_name,
            assume_role_policy=permissions.document(permissions.trust("lambda", self._place)),
            permissions_boundary=permissions.boundary_arn(self._names, self._place),
            opts=self._owner.options(self, role_name),
        )
        stream = self._data.stream_arn if service.stream else ""
        calls = Output.all(self._data.table_arn, stream).apply(
            lambda arns: permissions.document(permissions.execution(self._uses(service, *arns)))
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-{service.name}-calls",
            name="calls",
            role=role.name,
            policy=calls,
            opts=self._owner.options(self, f"{role_name}:calls"),
        )
        return role, policy

    def _uses(self, service: Service, table: str, stream: str) -> Uses:
        """Return the ARNs of what the service uses: what it declares, and what its triggers need."""
        names, place = self._names, self._place
        secrets = bool(self._secrets.receipt_key) and (bool(service.secrets) or service.uses("parameter"))
        writes = service.writes
        return Uses(
            log_group=place.arn("logs", f"log-group:{names.log_group(service.name)}"),
            table=table,
            reads_table=any(each.kind == "table" for each in service.reads),
            writes_table=any(each.kind == "table" for each in writes),
            parameters=(place.parameter_arn(names.receipt_key),) if secrets else (),
            topics=(place.arn("sns", names.topic),) if service.uses("topic") else (),
            queues=tuple(place.arn("sqs", names.queue(each.name)) for each in writes if each.kind == "queue"),
            buses=(place.arn("events", f"event-bus/{names.bus}"),) if service.uses("bus") else (),
            stream=stream,
            queue=place.arn("sqs", names.queue(service.name)) if service.queue else "",
            # SQS moves what a queue's consumer cannot do by its own policy of redrives.
            dead_letters=place.arn("sqs", names.dead_letters(service.name))
            if service.stream or service.has_events
            else "",
            tracing=service.tracing,
        )

    def _function(
        self,
        service: Service,
        *,
        bundle: Code,
        variables: Mapping[str, Input[str]],
        role: aws.iam.Role,
        policy: aws.iam.RolePolicy,
    ) -> aws.lambda_.Function:
        """Declare the function after its policy, since its first version is invoked as soon as it exists.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
        """
        return aws.lambda_.Function(
            f"{self._name}-{service.name}",
            name=self._names.function(service.name),
            role=role.arn,
            **bundle.arguments,
            handler=bundle.handler,
            runtime=self._runtime(service),
            architectures=[self._config.architecture],
            memory_size=service.memory,
            timeout=service.timeout,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables),
            reserved_concurrent_executions=service.concurrency,
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode=_tracing(service)),
            publish=True,
            opts=self._owner.options(self, self._names.function(service.name), ignored=PUBLISHED, depends_on=[policy]),
        )

    def _runtime(self, service: Service) -> str:
        return self._config.node_runtime if service.runtime == NODE else self._config.runtime

    def _alias(self, service: str, function: aws.lambda_.Function) -> aws.lambda_.Alias:
        return aws.lambda_.Alias(
            f"{self._name}-{service}-{LIVE}",
            name=LIVE,
            function_name=function.name,
            function_version=function.version,
            opts=ResourceOptions.merge(
                self._owner.options(self, f"{self._names.function(service)}/{LIVE}"),
                ResourceOptions(ignore_changes=MOVED_BY_CODEDEPLOY),
            ),
        )

    def _declared(
        self, service: Service, bundle: Code, variables: Mapping[str, Input[str]], role: aws.iam.Role
    ) -> Output[str]:
        """Return the declared configuration of a version as JSON, with the keys of GetFunctionConfiguration."""
        return Output.json_dumps(
            {
                "Architectures": [self._config.architecture],
                "CodeSha256": bundle.digest,
                "Environment": {"Variables": variables},
                "Handler": bundle.handler,
                "MemorySize": service.memory,
                "Role": role.arn,
                "Runtime": self._runtime(service),
                "Timeout": service.timeout,
                "TracingConfig": {"Mode": _tracing(service)},
            }
        )


def _tracing(service: Service) -> str:
    """Return the tracing mode. It is always declared, since Pulumi keeps the last mode of a function that names none.

    PassThrough is Lambda's own default, so declaring it changes no function and publishes no version.

    https://docs.aws.amazon.com/lambda/latest/api/API_TracingConfig.html
    """
    return "Active" if service.tracing else "PassThrough"


def _upper(name: str) -> str:
    """Return a name as an environment variable has it: RECEIPT_KEY for receiptKey and receipt-key."""
    return re.sub(r"([A-Z])", r"_\1", name).replace("-", "_").upper()
