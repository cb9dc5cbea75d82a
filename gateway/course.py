"""How far a stream has come at central, and how the gate's health is told. Pure.

Law: `committed` is central's word and may fall. `safe` is a promise: the last word on it counts,
for a lower one is only more careful, and what another start of central's promised counts for
nothing until the new one says it, too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from gateway import contract
from gateway.contract import Health, Mark


@dataclass(slots=True)
class Course:
    """How far one stream has come."""

    last: int
    first: int = 1
    """Entries below are no longer held."""
    committed: int = 0
    safe: int = 0
    sent: int = 0
    known: bool = False
    """Central has named its mark since the last hello."""
    batches: list[int] = field(default_factory=list)
    """The last sequence of each batch above `committed` that is on its way."""
    overdue_at: float | None = None
    """When patience with central's word on it ends."""

    @property
    def owed(self) -> bool:
        """Whether central owes a word on it."""
        return bool(self.batches) or not self.known

    def forget_sent(self) -> None:
        """Take nothing for sent, and wait for central's word."""
        self.known, self.overdue_at = False, None
        self.batches.clear()
        self.sent = self.committed

    def marked(self, mark: Mark, gone: Iterable[tuple[int, int]] = ()) -> bool:
        """Take the stream's watermarks; say whether that was progress.

        `gone` are ranges that are not held any more. What central took for lost and is held all the
        same, on a card of before, is not committed.
        """
        for first, last in mark.lost:
            held = max(first, self.first)
            for low, high in sorted(gone):
                held = high + 1 if low <= held <= high else held
            if held <= min(last, self.last):
                committed = min(mark.committed, held - 1)
                mark = Mark(stream=mark.stream, committed=committed, safe=min(mark.safe, committed))
                break
        rose = mark.committed > self.committed
        if not self.known or mark.committed < self.committed:
            # A fresh word, or central was restored: send again from there.
            self.batches.clear()
            self.sent = mark.committed
        self.sent = max(self.sent, mark.committed)
        self.committed = mark.committed
        self.safe = mark.safe
        while self.batches and self.batches[0] <= mark.committed:
            self.batches.pop(0)
        self.known = True
        return rose


class Healths:
    """When the gate's health is due: on change, and each so often."""

    def __init__(self, every_s: float, every_s_min: float) -> None:
        self._every_s = every_s
        self._every_s_min = every_s_min
        self._newest: Health | None = None
        self._sent: tuple[Health, float] | None = None
        """The last one sent, plain, and when that was."""

    def tell(self, health: Health) -> None:
        """Take how the gate is now."""
        self._newest = health

    def forget(self) -> None:
        """Say it again: whoever heard it may be gone."""
        self._sent = None

    def due(self, now: float) -> bytes | None:
        """Give the message that is due now."""
        if self._newest is None:
            return None
        if self._sent is not None:
            sent, at = self._sent
            if now < at + min(self._every_s, self._every_s_min):
                return None  # Whatever changed: the loop goes round more often than that.
            if now < at + self._every_s and sent == _plain(self._newest):
                return None
        self._sent = _plain(self._newest), now
        return contract.encode(self._newest)

    @property
    def wake_at(self) -> float | None:
        """When it is due by itself."""
        return None if self._sent is None else self._sent[1] + self._every_s


def _plain(health: Health) -> Health:
    """Leave out what always differs: the moment, ages, and a few entries on their way."""
    return msgspec.structs.replace(
        health,
        devices=tuple(msgspec.structs.replace(d, age_s=None, refusals={}) for d in health.devices),
        at_ms=0,
        oldest_s=0.0,
        waiting=min(health.waiting, contract.BATCH_MAX) // contract.BATCH_MAX,
    )
