"""Decides the next action for each function of a release, from one observation. Pure."""
