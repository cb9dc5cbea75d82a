"""The vault's one loop: erase what has reached its day, follow the ledger, and tell the watchdog.

The watchdog hears of it only after a look at the ledger, or after it was said that there is none.
"""

import logging
import threading
from typing import Final

from central import clock
from central.config import Settings
from central.errors import LedgerUnreadable
from central.systemd import notify
from central.vault import GoesOn, Vault, always
from central.watch import Watch

log = logging.getLogger(__name__)
_TURN_S: Final = 1.0


def look(opened: Vault, settings: Settings, goes_on: GoesOn = always) -> None:
    """Erase and open what there is; raises LedgerUnreadable."""
    day_ms = settings.retention.sealed_days * 86_400_000
    opened.erase(clock.at_ms() - int(day_ms), goes_on)
    opened.follow(str(settings.ledger_path), goes_on)


def follow(
    opened: Vault, settings: Settings, every_s: float, stop: threading.Event, watch: Watch
) -> None:
    """Look again and again, until asked to stop."""

    def goes_on() -> bool:
        watch.turned(clock.now_s())
        return not stop.is_set()

    watch.arm()
    notify("READY=1")
    try:
        while not stop.is_set():
            try:
                look(opened, settings, goes_on)
            except LedgerUnreadable as error:
                reason = str(error)
                log.warning("The ledger is not there yet.", extra={"CENTRAL_REASON": reason})
            due_s = clock.now_s() + every_s
            while goes_on() and (left_s := due_s - clock.now_s()) > 0:
                stop.wait(min(_TURN_S, left_s))
    except Exception as error:
        watch.ending(type(error).__name__)  # Its text may carry what a seal held.
        raise
    watch.ending()
