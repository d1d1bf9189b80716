"""The HTTP service of orders."""
