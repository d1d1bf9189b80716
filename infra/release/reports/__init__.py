"""What the commands and the preview say, worked out from the records. Pure."""
