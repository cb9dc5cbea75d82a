"""What pictures left free goes back to the system."""

import ctypes
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
