"""The barrier: the gateway only ever pulses *open*; the barrier's own loop closes it.

Law: a pulse is a contact pressed and let go; nothing here closes a barrier. It is worth something
for 3 s after it was ordered, lives in memory only, and is never repeated, be it after a restart or
after a plug that went while it was told: the first thing that an opened relay is told is to let go,
in case somebody died with it pressed.
Two orders for one lane at the same time are one pulse. A line on which another device speaks is
told nothing. What cannot be done is said, and the guard uses the barrier's own button.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from time import monotonic  # noqa: TID251 - the edge: a pulse has a length and expires.
from typing import Final

from drivers.barrier import Barrier, Relay, Wiring
from drivers.driver import load
from drivers.errors import PortLost, PortRefused, RelaySilent
from gateway.devices.hearing import LISTEN_S, is_stream, recognise
from gateway.devices.hubs import Hubs
from gateway.devices.lines import OK, OTHER, Verdict
from gateway.devices.port_thread import PortThread, Sink, Threads
from gateway.devices.tables import BarrierSettings

EXPIRES_S: Final = 3.0
"""After this a pulse is for somebody who is no longer there."""
LOOK_S: Final = 2.0
"""How often a relay that answers is asked while nothing is to be done."""
HEAR_S: Final = 0.25
"""How often its line is listened to: a port that went with its hub must be missed in time."""
RETRY_S: Final = 0.1
"""Between tries while an order waits."""
SILENT: Final = Verdict("faulty", "no_echo")

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gate:
    """A lane's barrier: which relay, which of its contacts."""

    lane: str
    barrier: str
    channel: int


class Barriers(Threads):
    """All barriers of a gate."""

    def __init__(
        self,
        settings: Iterable[BarrierSettings],
        gates: Iterable[Gate],
        sink: Sink,
        fail: Callable[[BaseException], None],
        hubs: Hubs,
    ) -> None:
        gates = tuple(gates)
        boards = {
            each.name: BarrierThread(
                each, {gate.channel for gate in gates if gate.barrier == each.name},
                sink, fail, hubs,
            )
            for each in settings
        }  # fmt: skip
        super().__init__(tuple(boards.values()))
        self._gates = {gate.lane: (boards[gate.barrier], gate.channel) for gate in gates}

    def pulse(self, lane: str, ordered_s: float) -> None:
        """Open a lane's barrier once; does not block. Without one the guard opens by hand."""
        board, channel = self._gates.get(lane, (None, 0))
        if board is None:
            _LOG.info("Open by hand: the lane has no barrier.", extra={"GATE_LANE": lane})
            return
        board.order(channel, ordered_s)


class BarrierThread(PortThread):
    """One relay, or board of relays."""

    kind = "barrier"

    def __init__(
        self,
        settings: BarrierSettings,
        channels: set[int],
        sink: Sink,
        fail: Callable[[BaseException], None],
        hubs: Hubs,
    ) -> None:
        super().__init__(settings.name, sink, fail, hubs)
        self._driver = load(settings.driver, Barrier, settings.options)
        self._wiring = Wiring(
            settings.port, settings.baud or self._driver.baud,
            settings.line or self._driver.line, settings.echo,
        )  # fmt: skip
        self._pulse_s = settings.pulse_s
        self._channels = frozenset(channels)
        self._news = threading.Condition()
        self._ordered: dict[int, float] = {}
        """Channel -> when the pulse was ordered."""
        self._pressed: dict[int, float] = {}
        """Channel -> when it is to be let go."""

    def order(self, channel: int, ordered_s: float) -> None:
        """Ask for a pulse; from any thread."""
        with self._news:
            self._ordered[channel] = ordered_s
            self._news.notify()

    def ask_to_stop(self) -> None:
        """Let go of every contact, and end."""
        super().ask_to_stop()
        with self._news:
            self._news.notify()

    def _attend(self) -> bool:
        self._expire()
        try:
            relay = self._driver.connect(self._driver, self._wiring)
        except PortRefused as refused:
            self._refused(refused.reason)
            return False
        self._hubs.opened(self.name, self._wiring.port)
        try:
            self._work(relay)
        except PortLost:
            self._lost()
        except RelaySilent:
            self._say(SILENT)
        finally:
            relay.close()
        return self._verdict == OK

    def _pause(self, wait_s: float) -> None:
        """Wait before the relay is tried again, but at most until somebody needs it."""
        with self._news:
            self._news.wait_for(lambda: self._ordered or self._stop.is_set(), wait_s)
        self._stop.wait(RETRY_S)

    def _work(self, relay: Relay) -> None:
        self._pressed = dict.fromkeys(self._channels, 0.0)
        while self._hears_another(relay, LISTEN_S):
            if self._stop.is_set():
                return
            self.beat_s = monotonic()
            self._expire()
        self._let_go(relay, monotonic())
        looked_s = -inf
        while not self._stop.is_set():
            if self._hears_another(relay, 0.0):
                return
            self._press(relay)
            now = self.beat_s = monotonic()
            self._let_go(relay, now)
            if not self._pressed and now - looked_s >= LOOK_S:
                relay.look()
                looked_s = now
            self._told_s = now
            self._say(OK)
            self._wait(now)
        self._let_go(relay, inf)

    def _hears_another(self, relay: Relay, for_s: float) -> bool:
        """Say so if another device speaks here: what a relay is told may set something on it."""
        said = relay.hear(for_s)
        if not is_stream(said):
            return False
        self._say(OTHER, heard=",".join(sorted(recognise(said))))
        return True

    def _press(self, relay: Relay) -> None:
        self._expire()
        with self._news:
            ordered = dict(self._ordered)
        for channel, ordered_s in ordered.items():
            if channel not in self._pressed:
                # Noted before it is so: what may be pressed is let go, whatever happens now.
                self._pressed[channel] = monotonic() + self._pulse_s
                try:
                    relay.press(channel)
                except (RelaySilent, PortLost):
                    # It may have been heard, and a press that was heard is never made again.
                    self._done(channel, ordered_s)
                    raise
            self._done(channel, ordered_s)

    def _done(self, channel: int, ordered_s: float) -> None:
        with self._news:
            if self._ordered.get(channel) == ordered_s:
                del self._ordered[channel]

    def _let_go(self, relay: Relay, now: float) -> None:
        for channel in [one for one, until_s in self._pressed.items() if until_s <= now]:
            relay.release(channel)
            del self._pressed[channel]

    def _expire(self) -> None:
        """Drop orders that are too old to be for whoever stands there now."""
        now = monotonic()
        with self._news:
            old = [one for one, at_s in self._ordered.items() if now - at_s > EXPIRES_S]
            for channel in old:
                del self._ordered[channel]
        for channel in old:
            self._refusals["expired"] += 1
            _LOG.error(
                "A pulse expired before the relay could be told: open by hand.",
                extra={"GATE_DEVICE": self.name, "GATE_CHANNEL": channel},
            )

    def _wait(self, now: float) -> None:
        until_s = min([now + HEAR_S, *self._pressed.values()])
        with self._news:
            if not self._ordered and not self._stop.is_set():
                self._news.wait(max(0.0, until_s - now))
