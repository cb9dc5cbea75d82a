"""`python -m tests.storm`."""

import sys

from tests.storm.run import main

if __name__ == "__main__":
    sys.exit(main())
