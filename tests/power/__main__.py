"""`python -m tests.power`."""

from tests.power.run import power

if __name__ == "__main__":
    power(prog_name="./gatepost power")
