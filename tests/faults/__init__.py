"""The real thing under faults: processes, mosquitto, disks, wires and clocks, and what came of it.

`./gatepost faults` runs the campaign; a short seeded slice of it runs with the tests.
"""
