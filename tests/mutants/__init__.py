"""Mutation testing of what decides: do the unit tests notice when a decision is changed? `make mutants`."""
