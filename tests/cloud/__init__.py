"""The app and the release engine against the local cloud."""
