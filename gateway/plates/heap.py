"""Memory that pictures left free goes back to the system.

glibc keeps what was freed for the next one, in pieces: after some pictures a reader holds 20 to 40
MB that it does not use.
"""

import ctypes


def give_back() -> None:
    """Give back what is free, where the C library can; some milliseconds, so for rare use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
