"""Searches for leaked secrets: `known` has the secrets, `scan` searches the places."""
