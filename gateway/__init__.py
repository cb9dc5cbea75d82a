"""One gate: readings become passages, decisions, journal entries and messages."""
