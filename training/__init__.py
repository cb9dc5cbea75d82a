"""Drawn plates and scenes, and the training of the nets that read them. Never run on a gate."""
