"""What a pipeline needs beside `pulumi` and the operator's command: roles, locks, words, GitHub's settings."""
