"""Writing down, also while the journal takes nothing: the NOT RECORDED ring.

Law: nothing is called recorded before it is on disk, and what waits is written later in its own
order with its own moment. What falls out of the ring is counted, and the count is an entry.

No clock and no threads: the gate's one loop and the world drive it.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from gateway import contract
from gateway.core.events import Record
from gateway.errors import JournalUnwritable
from gateway.journal.journal import Journal, Stamp

PORTION = 500
"""Records written in one transaction when the journal takes entries again."""


class Recorder:
    """A journal with a bounded memory before it."""

    def __init__(self, journal: Journal, ring_max: int = 2000) -> None:
        self.journal = journal
        self.fault: JournalUnwritable | None = None
        """Why nothing is taken at the moment."""
        self.overflowed = 0
        """Records that fell out of the ring and are not yet told of in an entry."""
        self._ring: deque[tuple[Record, Stamp]] = deque()
        self._ring_max = ring_max

    @property
    def not_recorded(self) -> int:
        """Records shown but not on disk: those that wait and those that are gone."""
        return len(self._ring) + self.overflowed

    def is_recorded(self, key: int) -> bool:
        """Say whether all of a passage that was shown is on disk."""
        return self.journal.knows(key) and all(record.passage != key for record, _ in self._ring)

    def record(self, records: Sequence[Record], stamp: Stamp) -> tuple[contract.Entry, ...]:
        """Write records down, after those that wait; keeps them all when the journal refuses.

        Gives what is now on disk; `fault` says why when something is not.
        """
        self._ring.extend((record, stamp) for record in records)
        entries: list[contract.Entry] = []
        while self._ring or self.overflowed:
            portion = [self._ring[n] for n in range(min(PORTION, len(self._ring)))]
            try:
                entries += self._write(portion, stamp)
            except JournalUnwritable as fault:
                self.fault = fault
                self._overflow()
                return tuple(entries)
            for _ in portion:
                self._ring.popleft()
        self.fault = None
        return tuple(entries)

    def keep(self, records: Sequence[Record], stamp: Stamp) -> None:
        """Keep records without trying: the journal has just refused."""
        self._ring.extend((record, stamp) for record in records)
        self._overflow()

    def prove(self) -> None:
        """Write something for certain while nothing waits; `fault` says how that went."""
        try:
            self.journal.prove()
        except JournalUnwritable as fault:
            self.fault = fault
        else:
            self.fault = None

    def _write(
        self, portion: Sequence[tuple[Record, Stamp]], stamp: Stamp
    ) -> tuple[contract.Entry, ...]:
        """Write a portion, and before it how many records fell out of the ring."""
        orphans = self._orphans(record for record, _ in portion)
        kept = [item for item in portion if item[0].passage not in orphans]
        gone = self.overflowed + len(portion) - len(kept)
        if gone:
            kept.insert(0, (Record(contract.Unrecorded(entries=gone)), stamp))
        entries = self.journal.append_all(kept)
        self.overflowed = 0
        return entries

    def _orphans(self, records: Iterable[Record]) -> set[int]:
        """Find passages whose `opened` fell out: nobody could say what the rest belongs to."""
        known: set[int] = set()
        orphans: set[int] = set()
        for record in records:
            if record.passage is None:
                continue
            if isinstance(record.body, contract.Opened):
                known.add(record.passage)
            elif record.passage not in known and not self.journal.knows(record.passage):
                orphans.add(record.passage)
        return orphans

    def _overflow(self) -> None:
        while len(self._ring) > self._ring_max:
            self._ring.popleft()
            self.overflowed += 1
