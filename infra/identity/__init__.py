"""Who may take which AWS role: the configuration of GitHub's OIDC trust, and the commands that explain it."""
