"""When each gate was last heard of, and what it said of itself.

Pure: no clock, no disk, no network. A retained message is what the broker remembers, and the broker
is not trusted to remember: it makes no gate heard. Nor is a gate heard of before it has said hello
to this start of the centre: a restored ledger may lack what the gate no longer calls waiting. Nor
after a birth, until the hello or the health that follows it: what the gate said before it was away
is old. What a gate still holds for us is believed from its hello, until it is committed, and from
its health, whichever is more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from gateway import contract
from gateway.contract import Hello, Mark

Place: TypeAlias = tuple[str, str]
"""Compound and gate."""


@dataclass(slots=True)
class Heard:
    """What is known of one gate's liveness."""

    last_s: float | None = None
    """When it last spoke, by the monotonic clock: the wall's may be set back."""
    online: bool = False
    greeted: bool = False
    """Whether it has said all that it holds."""
    newborn: bool = False
    """Whether its link is new, and nothing was said yet of what it holds by now."""
    told: int = 0
    """Entries that wait to be sent, or for its card to take them, by its last health."""
    held: dict[str, int] = field(default_factory=dict)
    """By stream the last sequence that it said it holds, of streams not wholly committed."""
    named: dict[str, int] = field(default_factory=dict)
    """The same, by a hello of which more is to come."""
    committed: dict[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Entries that it holds and we do not."""
        missing = sum(
            max(0, last - self.committed.get(stream, 0)) for stream, last in self.held.items()
        )
        return max(self.told, missing)

    def spoke(self, now: float) -> None:
        """Note that it sent something."""
        self.last_s = now if self.last_s is None else max(self.last_s, now)


class Hearing:
    """Every gate that was ever heard of."""

    def __init__(self) -> None:
        self._gates: dict[Place, Heard] = {}

    def spoke(self, place: Place, now: float) -> None:
        """Note that a gate sent something just now."""
        gate = self._gates.setdefault(place, Heard())
        gate.spoke(now)
        gate.online = True

    def status(self, place: Place, status: contract.Status, now: float, *, retained: bool) -> None:
        """Take a gate's birth, or its last will."""
        gate = self._gates.setdefault(place, Heard())
        gate.online = status.online
        if status.online and not retained:
            gate.newborn = True
            gate.spoke(now)

    def health(self, place: Place, health: contract.Health, now: float, *, retained: bool) -> None:
        """Take how a gate fares."""
        gate = self._gates.setdefault(place, Heard())
        gate.told = health.waiting + health.not_recorded
        if not retained:
            gate.newborn = False
            self.spoke(place, now)

    def hello(self, place: Place, hello: Hello) -> None:
        """Take what a gate says it holds; what a whole hello does not name is held no more."""
        gate = self._gates.setdefault(place, Heard())
        held = {one.stream: one.last for one in hello.held}
        gate.held |= held
        gate.named |= held
        if not hello.more:
            gate.held, gate.named, gate.greeted = gate.named, {}, True
            gate.newborn = False
            gate.committed = {
                name: seq for name, seq in gate.committed.items() if name in gate.held
            }

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

    def heard(self, place: Place, now: float, heard_s: float) -> bool:
        """Tell whether a gate is there: it spoke lately, in full, and has not said farewell."""
        gate = self.of(place)
        return (
            gate.online
            and gate.greeted
            and not gate.newborn
            and gate.last_s is not None
            and now - gate.last_s <= heard_s
        )

    def places(self) -> list[Place]:
        """Name every gate that was heard of since the start."""
        return list(self._gates)
