"""The centre's two clocks: the wall's, which is written down, and the steady one, which decides."""

import time


def at_ms() -> int:
    """Tell the UTC time in milliseconds."""
    return int(time.time() * 1000)  # noqa: TID251 - this is the shell's clock.


def now_s() -> float:
    """Tell the steady time in seconds."""
    return time.monotonic()  # noqa: TID251 - this is the shell's clock.
