"""The operator's command, `python -m infra.release`: one file for each of its commands, all thin."""
