"""The simulated world: true vehicles and people, real code, and a checker that stands apart."""
