"""Watches what may die or hang without a word, in the centre and in the vault, and says which.

Law: the service manager is told that all is well only by the loop, and only after each part was
looked at. What is not well, and is not a moment later, is said, and ends the process. A moment
later: when the whole process stood still, each part looks hung until it has run again.

A loop that hangs can say nothing, nor can an end that does not come: a timer that needs no Python
then prints where each thread stands (files and lines, no values), and ends the process before the
service manager would kill it.
"""

import faulthandler
import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from central.systemd import notify

log = logging.getLogger(__name__)
HANG_S: Final = 60.0
"""Without a service manager's own bound: the loop must come round within this."""
SHARE: Final = 0.8
"""Of the service manager's bound, so that what hangs is said first."""
ARM_S: Final = 1.0
SURE_S: Final = 3.0
"""Who looks hung has so long to come round; each does within half a second or so."""
END_S: Final = 30.0
"""For letting go of everything; systemd's TimeoutStopSec= is longer."""
STDERR: Final = 2

Look: TypeAlias = Callable[[float], str | None]
"""Says at a moment what is wrong with a part, or None."""


class Watch:
    """Looks at everything each round, and feeds the watchdog."""

    def __init__(self, watchdog_s: float | None) -> None:
        self.looks: Sequence[Look] = ()
        """What there is to look at, besides the loop itself."""
        self._watchdog_s = watchdog_s
        self._hang_s = HANG_S if watchdog_s is None else watchdog_s * SHARE
        self._fed_s = self._armed_s = float("-inf")
        self._ill_s: float | None = None
        """Since when something has not been well."""

    def turned(self, now: float) -> str | None:
        """Take note that the loop came round; say what is dead or hangs, None when all is well."""
        if now >= self._armed_s + ARM_S:
            self._armed_s = now
            self.arm()
        ailment = next((said for look in self.looks if (said := look(now)) is not None), None)
        if ailment is not None:
            self._ill_s = now if self._ill_s is None else self._ill_s
            return ailment if now >= self._ill_s + SURE_S else None
        self._ill_s = None
        if self._watchdog_s is not None and now >= self._fed_s + self._watchdog_s / 4:
            self._fed_s = now
            notify("WATCHDOG=1")
        return None

    def arm(self) -> None:
        """Give the loop its time from now on."""
        faulthandler.dump_traceback_later(self._hang_s, exit=True, file=STDERR)

    def ending(self, reason: str | None = None) -> None:
        """Say why the process must end, before anything is waited for; that takes END_S at most."""
        faulthandler.dump_traceback_later(END_S, exit=True, file=STDERR)
        if reason is not None:
            log.critical("The process ends, to be started anew.", extra={"CENTRAL_REASON": reason})
            notify(f"STATUS={reason}")

    def close(self) -> None:
        """Watch no longer."""
        faulthandler.cancel_dump_traceback_later()
