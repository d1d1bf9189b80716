"""One ComponentResource a file; layers never import one another."""
