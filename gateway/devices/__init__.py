"""What is wired to a gate: serial lines, their readings, the barrier."""
