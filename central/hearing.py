"""When each gate was last heard of, and what it said of itself.

Pure: no clock, no disk, no network. A retained message is old news: it is worth the time that it
carries, not the time at which the broker repeated it.
"""

from dataclasses import dataclass
from typing import TypeAlias

from gateway import contract

Place: TypeAlias = tuple[str, str]
"""Compound and gate."""


@dataclass(slots=True)
class Heard:
    """What is known of one gate's liveness."""

    last_ms: int = 0
    online: bool = False
    waiting: int = 0


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
        if status.online:
            gate.last_ms = max(gate.last_ms, min(status.at_ms, at_ms) if retained else at_ms)

    def health(self, place: Place, health: contract.Health, at_ms: int, *, retained: bool) -> None:
        """Take how a gate fares."""
        gate = self._gates.setdefault(place, Heard())
        gate.waiting = health.waiting
        gate.last_ms = max(gate.last_ms, min(health.at_ms, at_ms) if retained else at_ms)
        gate.online = gate.online or not retained

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
