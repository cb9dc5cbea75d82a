"""Lets faults stop and everything in flight be lost, and plays what then follows to its end.

The hardest case is taken: of all that is on its way only the retained word of the centre arrives.
What arrives beside it only makes another state, from which this is asked again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.model import centre as centres
from tests.model.laws import Rest

if TYPE_CHECKING:
    from tests.model.site import Site, World

STEPS_MAX = 400
"""Far more than any settled space needs; who is still talking then, talks for ever."""


def settle(site: Site, world: World) -> Rest:
    """Play to the end without faults."""
    play = _Play(site, world)
    quiet = play.until_quiet()
    gates, centre = play.gates, play.centre
    for _ in range(centres.KEPT + 1):
        play.night()
    here = site.gates.all
    return Rest(
        tuple(here[number] for number in gates), site.centres.all[centre], quiet,
        tuple(here[number].card for number in play.gates),
    )  # fmt: skip


class _Play:
    def __init__(self, site: Site, world: World) -> None:
        self._site = site
        self.gates = world.gates
        self.centre = world.centre
        self._going: deque[int] = deque()
        self._turn = 0
        boot = site.centres.all[world.centre].boot
        for n, number in enumerate(world.gates):
            if not site.gates.all[number].connected:
                self._gate(n, "connect")
            self._gate(n, "hear", site.messages.of(("status", boot)))

    def until_quiet(self) -> bool:
        """Deliver all that is sent, and let time pass when nothing is; say whether it ended."""
        for _ in range(STEPS_MAX):
            centre = self._site.centres.all[self.centre]
            if self._going:
                self._deliver(self._going.popleft())
            elif not centre.looked:
                self._centre("look")
            elif centre.in_hand:
                self._centre("commit")
            elif not self._time_passes():
                return True
        self._going.clear()
        return False

    def night(self) -> None:
        """Make a backup; delete what then may go."""
        self._centre("backup")
        self.until_quiet()
        for n in range(len(self.gates)):
            self._gate(n, "prune")
        self.until_quiet()

    def _time_passes(self) -> bool:
        """Let the next gate in turn say what its time has come for."""
        for _ in self.gates:
            self._turn = (self._turn + 1) % len(self.gates)
            gate = self._site.gates.all[self.gates[self._turn]]
            if gate.hello_waits or gate.patience_waits:
                self._gate(self._turn, "patience" if gate.patience_waits else "hello")
                return True
        return False

    def _deliver(self, message: int) -> None:
        word = self._site.messages.all[message][0]
        if word in {"entries", "alert", "hello"}:
            self._centre("take", message)
            return
        for n in range(len(self.gates)):
            self._gate(n, "hear", message)

    def _gate(self, n: int, what: str, message: int = -1) -> None:
        move = self._site.gate_step(self.gates[n], what, message)
        self.gates = (*self.gates[:n], move.number, *self.gates[n + 1 :])
        self._going.extend(move.sent)

    def _centre(self, what: str, message: int = -1) -> None:
        move = self._site.centre_step(self.centre, what, message)
        self.centre = move.number
        self._going.extend(move.sent)
