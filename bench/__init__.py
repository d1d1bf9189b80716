"""Paired measurements; see `make bench`."""
