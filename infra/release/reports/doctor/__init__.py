"""Find what would keep a release from working: facts in, findings with their remedies out. Pure."""
