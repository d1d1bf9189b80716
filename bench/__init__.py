"""Measures what the release costs and how good its verdict is; see `make bench`."""
