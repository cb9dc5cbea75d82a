"""Memory that pictures left free goes back to the system.

glibc keeps what was freed for the next one, in pieces: after some pictures a reader holds 20 to 40
MB that it does not use. mallopt(3), malloc_trim(3).
"""

import ctypes
from typing import Final

LARGE: Final = 4 * 1024 * 1024
"""Bytes: a large picture of a camera has more, what the nets keep between two layers less."""
KEPT: Final = 16 * 1024 * 1024
"""Bytes that stay free at the heap's end for the next picture: to fetch them anew costs a tenth of
a read, page by page."""
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def set_apart() -> None:
    """Let what is as large as a picture lie by itself and go back as soon as it is freed.

    Of itself glibc does so until the first one is freed, and takes the next into its heap. Told so
    much it no longer adapts what it keeps either.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, LARGE)
        tune(_M_TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """Give back what is free, where the C library can; some milliseconds, so for rare use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
