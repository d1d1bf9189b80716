"""Tests by purpose."""
