"""Rehearses the pipeline: main.yml as it is committed, in three accounts on this machine."""
