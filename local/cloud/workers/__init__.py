"""Lambda execution environments for Python: real processes, kept warm, with the surroundings that Lambda gives."""
