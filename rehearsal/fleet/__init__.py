"""A second Pulumi program: any number of small functions, released together as one set."""
