"""Cameras: one child process that sees vehicles, reads plates and sends only sightings."""
