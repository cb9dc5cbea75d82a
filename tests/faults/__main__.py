"""`python -m tests.faults`."""

from tests.faults.campaign import main

main(prog_name="./gatepost faults")
