"""The world under faults: real gates and a real centre, a simulated world, a nemesis, checkers."""
