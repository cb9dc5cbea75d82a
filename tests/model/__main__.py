"""`python -m tests.model`."""

from tests.model.run import model

if __name__ == "__main__":
    model(prog_name="./gatepost model")
