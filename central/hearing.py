"""When each gate was last heard of, and what it said of itself.

Pure: no clock, no disk, no network. A retained message is what the broker remembers, and the broker
is not trusted to remember: it makes no gate heard. What a gate still holds for us is believed from
its hello, until it is committed, and from its health, whichever is more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway import contract
from gateway.contract import Held, Mark

Place: TypeAlias = tuple[str, str]
"""Compound and gate."""


@dataclass(slots=True)
class Heard:
    """What is known of one gate's liveness."""

    last_ms: int = 0
    online: bool = False
    told: int = 0
    """Entries that wait to be sent, or for its card to take them, by its last health."""
    held: dict[str, int] = field(default_factory=dict)
    """By stream the last sequence that it said it holds, of streams not wholly committed."""
    committed: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Entries that it holds and we do not."""
        missing = sum(
            max(0, last - self.committed.get(stream, 0)) for stream, last in self.held.items()
        )
        return max(self.told, missing)


class Hearing:
    """Every gate that was ever heard of."""

    def __init__(self) -> None:
        self._gates: dict[Place, Heard] = {}

    def spoke(self, place: Place, at_ms: int) -> None:
        """Note that a gate sent something just now."""
        gate = self._gates.setdefault(place, Heard())
        gate.last_ms, gate.online = max(gate.last_ms, at_ms), True

    def status(self, place: Place, status: contract.Status, at_ms: int, *, retained: bool) -> None:
        """Take a gate's birth, or its last will."""
        gate = self._gates.setdefault(place, Heard())
        gate.online = status.online
        if status.online and not retained:
            gate.last_ms = max(gate.last_ms, at_ms)

    def health(self, place: Place, health: contract.Health, at_ms: int, *, retained: bool) -> None:
        """Take how a gate fares."""
        gate = self._gates.setdefault(place, Heard())
        gate.told = health.waiting + health.not_recorded
        if not retained:
            gate.last_ms, gate.online = max(gate.last_ms, at_ms), True

    def hello(self, place: Place, held: Iterable[Held]) -> None:
        """Take what a gate says it holds."""
        gate = self._gates.setdefault(place, Heard())
        gate.held.update({one.stream: one.last for one in held})

    def committed(self, place: Place, marks: Iterable[Mark]) -> None:
        """Take how far a gate's streams have come here."""
        gate = self._gates.setdefault(place, Heard())
        for mark in marks:
            gate.committed[mark.stream] = mark.committed
            if mark.committed >= gate.held.get(mark.stream, 0):
                gate.held.pop(mark.stream, None)
                gate.committed.pop(mark.stream)

    def of(self, place: Place) -> Heard:
        """Tell what is known of a gate; of one never heard of, nothing."""
        return self._gates.get(place, Heard())

    def now(self, place: Place, at_ms: int, heard_ms: int) -> bool:
        """Tell whether a gate is there: it spoke lately and has not said farewell."""
        gate = self.of(place)
        return gate.online and at_ms - gate.last_ms <= heard_ms

    def places(self) -> list[Place]:
        """Name every gate that was heard of since the start."""
        return list(self._gates)
