"""AWS and Pulumi on a laptop."""
