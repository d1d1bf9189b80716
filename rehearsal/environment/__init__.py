"""The machine that a rehearsal runs on: its processes, workspace, credentials, and the speed of simulated time."""
