"""The pipeline rehearsed: main.yml as it is written, in three accounts on this machine."""
