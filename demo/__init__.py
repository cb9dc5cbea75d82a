"""A whole site on one machine: real processes, simulated devices, a tally that must agree."""
