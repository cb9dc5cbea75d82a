"""`python -m tests.world`."""

import sys

from tests.world.run import main

if __name__ == "__main__":
    sys.exit(main())
