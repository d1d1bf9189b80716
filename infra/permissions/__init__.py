"""IAM statements for every role and resource of a stack. Pure: names and ARNs in, policy documents out.

Each statement grants only the calls that the project makes.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from infra.permissions.artifacts import artifact_publish, artifact_read, cross_account_read
from infra.permissions.boundary import boundary, boundary_arn
from infra.permissions.declared import ALARMS, API_ALARMS, Resources
from infra.permissions.execution import Uses, deployments, execution, hook, messages
from infra.permissions.resources import alarm_topic, dead_letters, encrypted_in_transit, secrets_key, topic_key
from infra.permissions.roles import PARTS, PeerStack, StackResources, deploy, preview, proof
from infra.permissions.state import META, backend, secrets_provider
from infra.permissions.statement import PolicyError, Statement, document, managed
from infra.permissions.trust import (
    GITHUB,
    PULUMI,
    Repository,
    Token,
    cross_account_trust,
    federated,
    pulumi_token,
    trust,
)
from infra.permissions.unscoped import LOG_DELIVERY, MAPPINGS, UNSCOPED_READS

__all__ = [
    "ALARMS",
    "API_ALARMS",
    "GITHUB",
    "LOG_DELIVERY",
    "MAPPINGS",
    "META",
    "PARTS",
    "PULUMI",
    "UNSCOPED_READS",
    "PeerStack",
    "PolicyError",
    "Repository",
    "Resources",
    "StackResources",
    "Statement",
    "Token",
    "Uses",
    "alarm_topic",
    "artifact_publish",
    "artifact_read",
    "backend",
    "boundary",
    "boundary_arn",
    "cross_account_read",
    "cross_account_trust",
    "dead_letters",
    "deploy",
    "deployments",
    "document",
    "encrypted_in_transit",
    "execution",
    "federated",
    "hook",
    "managed",
    "messages",
    "preview",
    "proof",
    "pulumi_token",
    "secrets_key",
    "secrets_provider",
    "topic_key",
    "trust",
]
