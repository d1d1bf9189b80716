"""Lambda execution environments for Python and Node.js: real processes, kept warm, with Lambda's variables."""
