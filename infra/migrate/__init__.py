"""Move a layer from Terraform's state to Pulumi's and back, without touching what it made in AWS.

`model` and `read` turn both tools' documents into frozen data; `checks`, `steps` and `verdict` decide on it, and call
nothing; `aws`, `terraform` and `pulumi` are the effects, and `mover` the loop. docs/migration.md leads an operator
through it, docs/adr/0012-a-move-is-read-from-both-states.md says why it is so.
"""
