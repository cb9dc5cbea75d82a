"""Runs the commands from a checkout: `python -m central`."""

from central.cli import main

main(prog_name="central")
