"""Lambda execution environments for Python: real processes, kept warm, with Lambda's variables and folders."""
