"""Sets up what a rehearsal runs in: processes, workspace, credentials, and the speed of simulated time."""
