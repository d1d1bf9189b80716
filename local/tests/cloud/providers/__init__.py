"""The stand-in providers, spoken to as the engine does."""
