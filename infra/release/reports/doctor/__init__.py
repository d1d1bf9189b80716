"""What keeps a release from working, before one finds out: facts in, findings with their remedies out. Pure."""
