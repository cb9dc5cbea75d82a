"""What the processes of a site share without knowing of each other."""

import subprocess
import sys

from demo.children import free_port
from tests.house.sources import ROOT

WANTING = """
import itertools, sys
from demo import children
numbers = itertools.count(int(sys.argv[1]))
children.random.randrange = lambda *_: next(numbers)
print(children.free_port())
"""


def test_a_port_is_given_to_one_process_only():
    """Nothing listens on it yet, and another process draws the very same number."""
    mine = free_port()
    drawn = subprocess.run(
        [sys.executable, "-c", WANTING, str(mine)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert int(drawn.stdout) > mine
