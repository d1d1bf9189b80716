"""The reports of the commands and of the preview, computed from records. Pure."""
