"""Calibrating a thermometer at the gate: measure, refuse nonsense, record, draw, load."""
