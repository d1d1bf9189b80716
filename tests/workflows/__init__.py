"""Tests of the rules of GitHub's workflows, on the files themselves and on broken copies."""
