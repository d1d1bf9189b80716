"""Pure, milliseconds."""
