"""Watches what may die or hang without a word at the centre, and says which it is.

Law: the service manager is told that all is well only by the loop, and only while the link's thread
lives and, as long as it says that it is connected, what the centre publishes comes back to it. A
library that says it is connected is not believed: paho's loop may be dead, its socket half open.

A loop that hangs can say nothing: a timer that needs no Python then prints where each thread stands
(files and lines, no values), and ends the process before the service manager would kill it.
"""

import faulthandler
from typing import Final

from central.subscriber import Link
from central.systemd import notify

HANG_S: Final = 60.0
"""Without a service manager's own bound: the loop must come round within this."""
SHARE: Final = 0.8
"""Of the service manager's bound, so that what hangs is said first."""
ARM_S: Final = 1.0
STDERR: Final = 2
ECHO_SLACK_S: Final = 30.0
"""How long what was published may take to come back, through a backlog of gates."""


class Watch:
    """Looks at everything each round, and feeds the watchdog."""

    def __init__(self, link: Link, echo_every_s: float, watchdog_s: float | None) -> None:
        """`echo_every_s`: what comes back is published at least so often."""
        self._link = link
        self._echo_s_max = 2 * echo_every_s + ECHO_SLACK_S
        self._watchdog_s = watchdog_s
        self._hang_s = HANG_S if watchdog_s is None else watchdog_s * SHARE
        self._fed_s = self._armed_s = float("-inf")
        self._echo_s: float | None = None

    def connected(self, now: float) -> None:
        """Take note that the link says it is connected."""
        self._echo_s = now

    def echoed(self, now: float) -> None:
        """Take note that what we published came back."""
        self._echo_s = now

    def turned(self, now: float) -> str | None:
        """Take note that the loop came round; say what is dead or hangs, None when all is well."""
        if now >= self._armed_s + ARM_S:
            self._armed_s = now
            self.arm()
        if not self._link.alive():
            return "the link's thread is dead"
        if (
            self._link.connected
            and self._echo_s is not None
            and now - self._echo_s > self._echo_s_max
        ):
            return (
                "the link says it is connected, but for"
                f" {now - self._echo_s:.0f} s nothing that we publish has come back"
            )
        if self._watchdog_s is not None and now >= self._fed_s + self._watchdog_s / 4:
            self._fed_s = now
            notify("WATCHDOG=1")
        return None

    def arm(self) -> None:
        """Give the loop its time from now on."""
        faulthandler.dump_traceback_later(self._hang_s, exit=True, file=STDERR)

    def close(self) -> None:
        """Watch no longer."""
        faulthandler.cancel_dump_traceback_later()
