"""The gate's clocks: the moment to write down, and whether anybody may believe it.

A Pi has no clock of its own. Whether the wall clock is right is the kernel's word (its
synchronisation state), never a guess from the year. A jump is seen as a change of the wall
clock against the boot's own clock.
"""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import contract
from gateway.journal.journal import Stamp

JUMP_MS: Final = 500
"""A wall clock that moved by more than this against the boot's clock was set, not slewed."""
LOOK_S: Final = 1.0
"""The kernel is asked this often."""
APART_MS: Final = 50
"""Two clocks that a process held up between has read further apart are read again."""
READS_MAX: Final = 3

_STA_UNSYNC: Final = 0x0040
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_RTC: Final = Path("/sys/class/rtc")


class _Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2), as far as its status, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def kernel_clock() -> contract.Clock:
    """Ask the kernel: synchronised by NTP, set from a battery clock at boot, or neither."""
    timex = _Timex()
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
        return "unset"
    if not timex.status & _STA_UNSYNC:
        return "ntp"
    set_at_boot = any(_says_one(path) for path in _RTC.glob("rtc*/hctosys"))
    return "rtc" if set_at_boot else "unset"


def kernel_boot() -> str:
    """Give the boot's id, as the kernel drew it."""
    return _BOOT_ID.read_text().strip()


def wall_ms() -> int:
    """UTC, as this machine has it."""
    return time.time_ns() // 1_000_000


def boot_ms() -> int:
    """Milliseconds since the boot, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def _says_one(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock was set by `jump_ms`, or the kernel's word on it changed."""

    clock: contract.Clock
    was: contract.Clock
    jump_ms: int


def jump_between(before: Stamp, after: Stamp) -> Jump | None:
    """Tell what happened to the wall clock between two moments of one boot; None: nothing."""
    jump_ms = (after.at_ms - after.mono_ms) - (before.at_ms - before.mono_ms)
    jumped = abs(jump_ms) > JUMP_MS
    if not jumped and before.clock == after.clock:
        return None
    return Jump(after.clock, before.clock, jump_ms if jumped else 0)


class Clock:
    """Looks at the clocks for the one loop."""

    def __init__(
        self,
        wall: Callable[[], int] = wall_ms,
        boot: Callable[[], int] = boot_ms,
        state: Callable[[], contract.Clock] = kernel_clock,
    ) -> None:
        self._wall = wall
        self._boot = boot
        self._ask = state
        self.state = state()
        self._asked_ms = boot()
        self._offset_ms = wall() - self._asked_ms

    def look(self) -> tuple[Stamp, Jump | None]:
        """Give the moment, and what changed since the last look."""
        mono_ms, at_ms = self._both()
        was = self.state
        offset_ms = at_ms - mono_ms
        jump_ms, self._offset_ms = offset_ms - self._offset_ms, offset_ms
        jumped = abs(jump_ms) > JUMP_MS
        if jumped or mono_ms - self._asked_ms >= LOOK_S * 1000:
            self.state, self._asked_ms = self._ask(), mono_ms
        stamp = Stamp(at_ms=at_ms, mono_ms=mono_ms, clock=self.state)
        if jumped or self.state != was:
            return stamp, Jump(self.state, was, jump_ms if jumped else 0)
        return stamp, None

    def _both(self) -> tuple[int, int]:
        """Read both clocks at one moment, as nearly as it can be had."""
        mono_ms, at_ms = self._boot(), self._wall()
        for _ in range(READS_MAX):
            after_ms = self._boot()
            if after_ms - mono_ms <= APART_MS:
                break
            mono_ms, at_ms = after_ms, self._wall()
        return mono_ms, at_ms
