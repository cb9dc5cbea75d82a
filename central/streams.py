"""What the ledger knows of each stream: what it holds, what is lost, where the watermark stands.

One stream is one start of one gateway's journal. `committed` is the highest sequence up to which
every entry is held or known to be lost; it is a hint, and falls when the ledger is restored.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from central import spans
from central.keys import SEQ_MAX, STREAMS_MAX, key_of


@dataclass(slots=True)
class Stream:
    """One stream, as loaded; the row in the ledger is its truth."""

    number: int
    id: str
    compound: str
    gate: str
    boot: str | None = None
    named_last: int | None = None
    committed: int = 0
    top: int = 0
    cover_from_ms: int | None = None
    cover_to_ms: int | None = None
    filled: list[spans.Span] = field(default_factory=list)
    """Held or lost, from 1 on."""
    lost: list[spans.Span] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str]:
        """Compound and gate: those of its `started`, or of the topic until that came."""
        return self.compound, self.gate

    def fill(self, held: Iterable[spans.Span]) -> None:
        """Take note of entries that are now held."""
        for first, last in held:
            spans.add(self.filled, first, last)
        self.committed = spans.contiguous(self.filled)


class Streams:
    """The streams of one ledger, loaded as they are asked for."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._by_id: dict[str, Stream] = {}
        self._by_number: dict[int, Stream] = {}

    def forget(self) -> None:
        """Drop what was loaded: the transaction it was changed in did not commit."""
        self._by_id.clear()
        self._by_number.clear()

    def find(self, stream: str) -> Stream | None:
        """Load a stream by its id; None when the ledger has never heard of it."""
        if known := self._by_id.get(stream):
            return known
        return self._load("SELECT * FROM stream WHERE id = ?", stream)

    def of_number(self, number: int) -> Stream:
        """Load a stream by its number."""
        if known := self._by_number.get(number):
            return known
        found = self._load("SELECT * FROM stream WHERE no = ?", number)
        assert found, number
        return found

    def of_boot(self, boot: str) -> list[Stream]:
        """Load all streams of one boot of one gate."""
        rows = self._db.execute("SELECT no FROM stream WHERE boot = ?", (boot,)).fetchall()
        return [self.of_number(number) for (number,) in rows]

    def get(self, stream: str, compound: str, gate: str) -> Stream:
        """Load a stream, or begin it at the place whose topic first named it."""
        if known := self.find(stream):
            return known
        cursor = self._db.execute(
            "INSERT INTO stream (id, compound, gate, named_last)"
            " VALUES (?, ?, ?,"
            " (SELECT min(before_last) FROM stream WHERE before = ? AND NOT salvaged))",
            (stream, compound, gate, stream),
        )
        number = cursor.lastrowid
        assert number is not None
        assert number <= STREAMS_MAX, "the ledger has numbered all the streams it can"
        found = self.find(stream)
        assert found
        return found

    def _load(self, query: str, name: str | int) -> Stream | None:
        row = self._db.execute(query, (name,)).fetchone()
        if row is None:
            return None
        stream = Stream(
            number=row["no"], id=row["id"], compound=row["compound"], gate=row["gate"],
            boot=row["boot"], named_last=row["named_last"],
            committed=row["committed"], top=row["top"],
            cover_from_ms=row["cover_from_ms"], cover_to_ms=row["cover_to_ms"],
        )  # fmt: skip
        number = stream.number
        if stream.committed:
            stream.filled.append((1, stream.committed))
        if stream.top > stream.committed:
            for (key,) in self._db.execute(
                "SELECT key FROM entry WHERE key > ? AND key <= ? ORDER BY key",
                (key_of(number, stream.committed), key_of(number, stream.top)),
            ):
                spans.add(stream.filled, key & SEQ_MAX, key & SEQ_MAX)
        for first, last in self._db.execute(
            "SELECT first, last FROM lost WHERE stream = ? ORDER BY first", (number,)
        ):
            spans.add(stream.lost, first, last)
            spans.add(stream.filled, first, last)
        self._by_id[stream.id] = self._by_number[number] = stream
        return stream

    def save(self, stream: Stream) -> None:
        """Write a stream's watermark and cover back to its row."""
        self._db.execute(
            "UPDATE stream SET committed = ?, top = ?, cover_from_ms = ?, cover_to_ms = ?"
            " WHERE no = ?",
            (stream.committed, stream.top, stream.cover_from_ms, stream.cover_to_ms, stream.number),
        )

    def lose(
        self, stream: Stream, first: int, last: int, reason: str, arrived_ms: int
    ) -> list[spans.Span]:
        """Fill with LOST what of a range the ledger does not hold; give what that is."""
        holes = list(spans.holes(stream.filled, first, last))
        for low, high in holes:
            self._db.execute(
                "INSERT INTO lost VALUES (?, ?, ?, ?, ?)",
                (stream.number, low, high, reason, arrived_ms),
            )
            spans.add(stream.lost, low, high)
            spans.add(stream.filled, low, high)
        if holes:
            stream.committed = spans.contiguous(stream.filled)
            self.save(stream)
        return holes

    def found_again(self, stream: Stream, seq: int) -> None:
        """Take a late arrival out of the LOST range that it was in."""
        first, last, reason, arrived_ms = self._db.execute(
            "SELECT first, last, reason, arrived_ms FROM lost"
            " WHERE stream = ? AND first <= ? AND last >= ?",
            (stream.number, seq, seq),
        ).fetchone()
        self._db.execute("DELETE FROM lost WHERE stream = ? AND first = ?", (stream.number, first))
        rest = [(first, last)]
        spans.remove(rest, seq, seq)
        self._db.executemany(
            "INSERT INTO lost VALUES (?, ?, ?, ?, ?)",
            [(stream.number, low, high, reason, arrived_ms) for low, high in rest],
        )
        spans.remove(stream.lost, seq, seq)
