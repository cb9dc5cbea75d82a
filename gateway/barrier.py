"""The barrier: the gateway only ever pulses *open*; the barrier's own loop closes it.

No relay is driven yet: without one the page says that the guard opens by hand, and the pulse is
in the journal all the same.
"""

import logging
from typing import Final, Protocol

_LOG: Final = logging.getLogger(__name__)


class Actuator(Protocol):
    """What can pulse a lane's barrier."""

    def pulse(self, lane: str) -> None:
        """Open once; must not block, and must not repeat by itself."""


class NoBarrier:
    """No relay is configured: the guard opens by hand."""

    def pulse(self, lane: str) -> None:
        """Say so in the log."""
        _LOG.info("Open by hand: no barrier is configured.", extra={"GATE_LANE": lane})
