"""What pictures left free goes back to the system."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gateway.plates.heap import give_back


def held_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


def test_freed_blocks_below_one_that_is_held_go_back():
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library has no malloc_trim: give_back does nothing here")
    # Too small for a mapping of their own; the last one holds the heap's end where it is.
    blocks = [np.ones(64 * 1024, np.uint8) for _ in range(1000)]
    last = blocks[-1]
    del blocks
    before_mb = held_mb()
    give_back()
    assert held_mb() < before_mb - 30
    assert last.all()


FREED = """
import sys
import numpy as np
from gateway.plates.heap import LARGE, set_apart
from tests.plates.test_heap import held_mb
if sys.argv[1] == "apart":
    set_apart()
first = np.ones(2 * LARGE, np.uint8)
del first
pictures = [np.ones(2 * LARGE - 4096, np.uint8) for _ in range(10)]
last = np.ones(64 * 1024, np.uint8)
before_mb = held_mb()
del pictures
print(before_mb - held_mb())
"""


def freed_mb(how):
    command = [sys.executable, "-c", FREED, how]
    root = Path(__file__).parents[2]
    return float(subprocess.run(command, check=True, cwd=root, capture_output=True).stdout)


def test_what_is_as_large_as_a_picture_goes_back_as_soon_as_it_is_freed():
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("this C library has no mallopt: set_apart does nothing here")
    assert freed_mb("apart") > 35
    assert freed_mb("as it is") < 5, "then glibc needs no telling any more: delete set_apart"
