"""Finds or builds what the Makefile needs; standard library only."""
