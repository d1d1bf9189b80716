"""A system that Terraform owns moves to Pulumi under live traffic, layer by layer, and one layer comes back."""
