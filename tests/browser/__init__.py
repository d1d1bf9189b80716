"""The viewer and the pages of releases, in a real Chromium."""
