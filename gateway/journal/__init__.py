"""The journal: what a gate wrote down, entry by entry, so that nothing can lose it."""
