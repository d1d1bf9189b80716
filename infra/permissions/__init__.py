"""Who may do what, as IAM statements. Pure: names and ARNs in, policy documents out.

Nothing here grants more than the calls that are made.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from infra.permissions.artifacts import keeping, lent, taking
from infra.permissions.boundary import boundary, boundary_arn
from infra.permissions.declared import Resources
from infra.permissions.execution import deployments, execution, hook
from infra.permissions.resources import alarm_topic, encrypted_in_transit, secrets_key, topic_key
from infra.permissions.roles import PARTS, PeerStack, StackResources, deploy, preview, proof
from infra.permissions.state import META, backend, secrets_provider
from infra.permissions.statement import PolicyError, Statement, document, managed
from infra.permissions.trust import GITHUB, PULUMI, Repository, Token, federated, neighbours, pulumi_token, trust
from infra.permissions.unscoped import DELIVERS, WIDE

__all__ = [
    "DELIVERS",
    "GITHUB",
    "META",
    "PARTS",
    "PULUMI",
    "WIDE",
    "PeerStack",
    "PolicyError",
    "Repository",
    "Resources",
    "StackResources",
    "Statement",
    "Token",
    "alarm_topic",
    "backend",
    "boundary",
    "boundary_arn",
    "deploy",
    "deployments",
    "document",
    "encrypted_in_transit",
    "execution",
    "federated",
    "hook",
    "keeping",
    "lent",
    "managed",
    "neighbours",
    "preview",
    "proof",
    "pulumi_token",
    "secrets_key",
    "secrets_provider",
    "taking",
    "topic_key",
    "trust",
]
