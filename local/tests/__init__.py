"""Tests of the local cloud, of the stand-in providers and of the toolchain; nothing of what is released takes part."""
