"""Number plates: find them in a picture, read them, and say how sure that is."""
