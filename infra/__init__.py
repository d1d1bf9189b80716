"""The Pulumi program of Strata: configuration, layers, release."""
