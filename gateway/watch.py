"""Watches what may die or hang without a word, says which it is, and lets systemd start it anew.

Law: the service manager is told that all is well only by the loop, and only after the journal's
commit, the devices and the link were looked at. What is not well, and is not a moment later, is
said, and ends the process. A moment later: when the whole process stood still, each part looks hung
until it has run again.

A loop that hangs can say nothing: a timer of the interpreter's own, on a thread that needs no
Python, then prints where each thread stands (files and lines, no values), and ends the process
before the service manager would kill it.
"""

import faulthandler
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from gateway import systemd
from gateway.errors import PartHung

HANG_S: Final = 30.0
"""Without a service manager's own bound: the loop must come round within this."""
SHARE: Final = 0.8
"""Of the service manager's bound, so that what hangs is said first."""
ARM_S: Final = 1.0
SURE_S: Final = 3.0
"""Who looks hung has so long to come round; each does within a second or so."""
START_S: Final = 60.0
"""systemd's TimeoutStartSec=, and what each sign of life adds to it."""
END_S: Final = 15.0
"""For a clean end; systemd's TimeoutStopSec= is longer."""
STDERR: Final = 2

Look: TypeAlias = Callable[[float], str | None]
"""Says at a moment what is wrong, or None."""


class Watch:
    """Looks at everything each round, and feeds the watchdog."""

    def __init__(self, looks: Sequence[Look], watchdog_s: float | None) -> None:
        self._looks = looks
        self._watchdog_s = watchdog_s
        self._hang_s = HANG_S if watchdog_s is None else watchdog_s * SHARE
        self._fed_s = self._armed_s = float("-inf")
        self._ill_s: float | None = None
        """Since when something has not been well."""

    def turned(self, now: float) -> None:
        """Take note that the loop came round; raises PartHung when a part is dead or hangs."""
        if now >= self._armed_s + ARM_S:
            self._armed_s = now
            self.arm()
        ailment = next((said for look in self._looks if (said := look(now)) is not None), None)
        if ailment is not None:
            self._ill_s = now if self._ill_s is None else self._ill_s
            if now >= self._ill_s + SURE_S:
                raise PartHung(f"The gate's process ends, to be started anew: {ailment}.")
            return
        self._ill_s = None
        if self._watchdog_s is not None and now >= self._fed_s + self._watchdog_s / 4:
            self._fed_s = now
            systemd.notify("WATCHDOG=1")

    @staticmethod
    def starting() -> None:
        """Give the start its time from now on; a long one says again that it comes on."""
        systemd.notify(f"EXTEND_TIMEOUT_USEC={START_S * 1_000_000:.0f}")
        faulthandler.dump_traceback_later(START_S * SHARE, exit=True, file=STDERR)

    def ending(self) -> None:
        """Take note that the process ends: that, too, must come to an end."""
        faulthandler.dump_traceback_later(END_S, exit=True, file=STDERR)

    def arm(self) -> None:
        """Give the loop its time from now on."""
        faulthandler.dump_traceback_later(self._hang_s, exit=True, file=STDERR)

    @staticmethod
    def close() -> None:
        """Watch no longer."""
        faulthandler.cancel_dump_traceback_later()
