"""Rules over a stack's resources, and the policy pack by which Pulumi checks them in a preview."""
