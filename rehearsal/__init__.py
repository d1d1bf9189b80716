"""Acceptance on real parts: scenario, live traffic, report."""
