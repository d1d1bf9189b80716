"""The roles that jobs of GitHub and of Pulumi Deployments may assume: their configuration, and `explain`."""
