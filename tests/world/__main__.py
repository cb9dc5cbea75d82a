"""`./gatepost world`."""

from tests.world.run import main

if __name__ == "__main__":
    main(prog_name="./gatepost world")
