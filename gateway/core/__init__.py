"""The pure part of a gate: events in, effects out; no clock, socket, thread or disk."""
