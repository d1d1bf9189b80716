"""Patches of ministack where it does not answer as AWS documents: each module changes one part of it."""
