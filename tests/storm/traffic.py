"""What comes to a gate on a fault day: passages as the core would record them, without physics.

Each passage is one to three rounds of the loop: it opens; it is measured, read and decided; it
closes; a busy loop takes these together. Some are decided twice, some corrected after a restart,
some voided; now and then an alert.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from gateway import contract
from gateway.core.events import Record
from tests.storm.gate import Box

TOGETHER = 0.7
"""How often a passage is one round of the loop; of the others every second one is two rounds."""


class DecidedTwo(contract.Decided, frozen=True, kw_only=True, omit_defaults=True):
    """A decision as a later version writes it: a kind that today's centre does not know."""


SECOND_KINDS = {DecidedTwo: "decided2"}


def plan(rng: Random, passages: int, day_s: float) -> list[float]:
    """Say when passages come: in bursts, as at a gate."""
    times = sorted(
        rng.random() * day_s if rng.random() < 0.5 else rng.gauss(day_s * 0.3, day_s * 0.05)
        for _ in range(passages)
    )
    first, last = 1.0, day_s - 120.0 - passages  # No two in the same moment.
    return [min(max(at, first), last) + nth * 0.01 for nth, at in enumerate(times)]


class Traveller:
    """One passage, from its coming to its going."""

    def __init__(self, box: Box, key: int, seed: int, together: float = TOGETHER) -> None:
        self.box, self.key, self.together = box, key, together
        self.rng = Random(seed)
        self.starts = -1
        self.ref: str | None = None

    def steps(self) -> Iterator[tuple[float, list[Record]]]:
        """Give what is recorded at each round, and how long after the one before."""
        rng, key = self.rng, self.key
        way = rng.choice(("in", "in", "out", "foot"))
        traveller = "person" if way == "foot" else rng.choice(("vehicle", "vehicle", "bicycle"))
        decided: Any = DecidedTwo if self.box.future else contract.Decided
        opened = contract.Opened(lane=f"{way}1", way=way, traveller=traveller, witness="track")
        opening = Record(opened, key)
        persons = rng.choice((1, 1, 1, 2))
        measured = [
            Record(contract.ReadingTaken(device="t1", person=n + 1, result="NORMAL"), key)
            for n in range(persons)
        ]
        if way != "foot":
            measured.append(self._plate())
        first = rng.choice(("admit", "admit", "admit", "recheck", "refer"))
        measured.append(Record(decided(decision=first, revision=1, persons=persons), key))
        over: list[Record] = []
        if first == "recheck":
            body = decided(decision="admit", revision=2, persons=persons, advice="refer")
            over.append(Record(body, key))
        how = rng.choice(("left", "left", "left", "next", "turned"))
        over.append(Record(contract.Closed(how=how, persons=persons), key))
        apart = rng.random()
        if apart < self.together:
            yield 0.0, [opening, *measured, *over]
            return
        if apart < (1.0 + self.together) / 2.0:
            yield 0.0, [opening, *measured]
        else:
            yield 0.0, [opening]
            yield 3.0 + rng.random() * 9.0, measured
        yield 6.0 + rng.random() * 30.0, over

    def _plate(self) -> Record:
        status = self.rng.choice(("read", "read", "unsure", "none"))
        return Record(contract.PlateSeen(status=status), self.key, contract.SealedPlate(text="X"))

    def correction(self) -> list[Record]:
        """Say afterwards what the decision should have been."""
        assert self.ref is not None
        if self.rng.random() < 0.2:
            return [Record(contract.Voided(entry=self.ref, reason="made in error"))]
        return [Record(contract.Decided(passage=self.ref, decision="refer", revision=3))]


def alert(number: int, state: contract.AlertState) -> Record:
    """Make an alert's change of state."""
    return Record(
        contract.AlertChanged(alert=f"storm-{number}", what="device_lost", priority=2, state=state)
    )
