"""Bytes to readings and back, one device a file; knows nothing about gates."""
