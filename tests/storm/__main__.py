"""`./gatepost storm`."""

from tests.storm.run import main

if __name__ == "__main__":
    main(prog_name="./gatepost storm")
