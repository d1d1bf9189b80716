"""Tests of the policy pack: each rule kept and broken, exceptions, and pull requests that the real CLI blocks."""
