"""The ledger: central's copy of every gate's journal, and the counters that follow from it.

Law: in one transaction rows are inserted ON CONFLICT DO NOTHING, counters move for rows really
inserted only, and the watermark moves; only after its commit may anything be acknowledged.

- The same key with another hash is a CONFLICT: the first stays counted, the other is kept beside
  it. An entry whose envelope could be read takes the place of one whose envelope could not.
- A stream belongs to the compound and gate that its `started` names; until that came, to the
  topic that first named it. A topic that differs is a trouble of its own, and changes no count.
- A body that is not understood is kept and acknowledged, and counted by the first start that
  understands it.

One writer: `central run` holds the ledger; commands read it beside it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from central import aggregate, reading, spans
from central.aggregate import Calendar, Counts
from central.arrivals import Parcel
from central.counting import Bucket, Counting, Understood
from central.errors import LedgerUnreadable, LedgerUnwritable
from central.keys import SEQ_MAX, key_of, read_key
from central.noticing import Noticing
from central.rows import UNREAD, Fresh, fresh_of, row_of
from central.schema import lay
from central.sifting import runs, sort, stretches
from central.streams import Stream, Streams
from central.understanding import understand
from gateway import contract
from gateway.contract import Entry, Hello, Mark

_LOST_TOLD: Final = 100
"""Ranges taken for lost that a mark names."""
_ERASED: Final = 20_000
"""Entries looked at in one portion when sealed parts reach their day."""
_DISK: Final = (
    "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR_SHM",
    "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE",
)  # fmt: skip
"""How SQLite's words for a disk that takes nothing begin: the ledger on it may be sound."""
_INSERT: Final = (
    "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What became of a parcel's entries."""

    new: int
    repeats: int
    conflicts: int
    not_understood: int
    marks: tuple[Mark, ...]
    """Of each stream in the parcel."""
    moved: frozenset[Bucket]
    """The counters that changed."""


class Ledger:
    """Every gate's entries, and what they add up to."""

    def __init__(self, path: str | Path, zone: str = "Asia/Shanghai") -> None:
        self.path = str(path)
        self._db = connect(self.path)
        self.calendar = Calendar(zone)
        self._streams = Streams(self._db)
        self._counting = Counting(self._db, self._streams, self.calendar)
        self._noticing = Noticing(self._db, self._streams)
        self._safe: Mapping[str, int] = {}
        self._safe_lost: Mapping[str, Sequence[spans.Span]] = {}
        self._count_waiting()

    @classmethod
    def open(cls, path: str | Path, zone: str = "Asia/Shanghai") -> "Ledger":
        """Open or begin a ledger; raises LedgerUnreadable and LedgerUnwritable."""
        return cls(path, zone)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- Entries ---

    def absorb(
        self, compound: str, gate: str, entries: Sequence[Entry], arrived_ms: int
    ) -> Absorbed:
        """Take entries of one message in one transaction; raises LedgerUnwritable."""
        return self.absorb_all([Parcel(compound, gate, entries)], arrived_ms)[0]

    def absorb_all(self, parcels: Iterable[Parcel], arrived_ms: int) -> tuple[Absorbed, ...]:
        """Take several messages in one transaction; raises LedgerUnwritable."""
        with self._transaction():
            return tuple(self._take(parcel, arrived_ms) for parcel in parcels)

    def _take(self, parcel: Parcel, arrived_ms: int) -> Absorbed:
        groups, repeats, contradicting, refused = sort(parcel)
        for reason, payload in refused:
            self._noticing.refuse(_place(parcel), reason, payload, arrived_ms)
        conflicts = sum(
            self._conflict(self._streams.get(name, *_place(parcel)), parcel, fresh, arrived_ms)
            for name, fresh in contradicting
        )
        understood: list[Understood] = []
        waiting = new = 0
        for name, group in groups.items():
            stream = self._streams.get(name, parcel.compound, parcel.gate)
            fresh, same, differing = self._sift(stream, group)
            for entry in differing:
                conflicts += self._conflict(stream, parcel, entry, arrived_ms)
            read = self._insert(stream, parcel, fresh, arrived_ms)
            understood += read
            repeats, new, waiting = repeats + same, new + len(fresh), waiting - len(read)
        waiting += new
        self._noticing.starts(understood, arrived_ms)
        moved = self._count(understood, arrived_ms)
        for name in groups:
            self._noticing.place(
                self._streams.get(name, *_place(parcel)), _place(parcel), arrived_ms
            )
        marks = tuple(self.mark(name) for name in groups)
        return Absorbed(new, repeats, conflicts, waiting, marks, frozenset(moved))

    def _sift(
        self, stream: Stream, group: dict[int, Fresh]
    ) -> tuple[list[Fresh], int, list[Fresh]]:
        """Part a stream's entries into those not held, the number that repeat, and conflicts."""
        numbers = sorted(group)
        if numbers[0] > stream.top:
            return [group[seq] for seq in numbers], 0, []
        held: dict[int, tuple[bytes, str]] = {}
        for low, high in runs(numbers):
            for key, digest, kind in self._db.execute(
                "SELECT key, hash, kind FROM entry WHERE key BETWEEN ? AND ?",
                (key_of(stream.number, low), key_of(stream.number, high)),
            ):
                held[key & SEQ_MAX] = (digest, kind)
        fresh, same, differing = [], 0, []
        for seq in numbers:
            found = held.get(seq)
            if found is None:
                fresh.append(group[seq])
            elif found[0] == group[seq].hash:
                same += 1
            elif found[1] == UNREAD and group[seq].entry is not None:
                self._set_aside(stream, seq)
                fresh.append(group[seq])
            else:
                differing.append(group[seq])
        return fresh, same, differing

    def _insert(
        self, stream: Stream, parcel: Parcel, fresh: list[Fresh], arrived_ms: int
    ) -> list[Understood]:
        """Write rows, move the watermark; return what of them was understood."""
        if not fresh:
            return []
        read = [_understand(stream, one) for one in fresh]
        rows = [
            row_of(stream.number, one, arrived_ms, understood=found is not None)
            for one, found in zip(fresh, read, strict=True)
        ]
        written = self._db.executemany(_INSERT, rows).rowcount
        assert written == len(fresh), "a row that was not held could not be inserted"
        self._noticing.chain(stream, _place(parcel), fresh, arrived_ms)
        numbers = [one.seq for one in fresh]
        if stream.lost:
            for seq in numbers:
                if spans.contains(stream.lost, seq):
                    self._streams.found_again(stream, seq)
        stream.fill(stretches(numbers))
        stream.top = max(stream.top, fresh[-1].seq)
        understood = [found for found in read if found is not None]
        self._cover(stream, understood)
        self._streams.save(stream)
        return understood

    def _cover(self, stream: Stream, understood: list[Understood]) -> None:
        """Say up to when the contiguous part of a stream tells of its gate."""
        times = [
            one.body.at_ms
            for one in understood
            if one.seq <= stream.committed and one.body.clock == "ntp"
        ]
        if times:
            known = [at for at in (stream.cover_from_ms, stream.cover_to_ms) if at is not None]
            stream.cover_from_ms = min(times + known)
            stream.cover_to_ms = max(times + known)

    def _count_waiting(self) -> None:
        """Count what an earlier version kept without understanding it."""
        last = 0
        while rows := self._db.execute(
            "SELECT * FROM entry WHERE understood = 0 AND key > ? ORDER BY key LIMIT 1000", (last,)
        ).fetchall():
            last = rows[-1]["key"]
            with self._transaction():
                self._recount_rows(rows)

    def _recount_rows(self, rows: list[sqlite3.Row]) -> None:
        understood = []
        for row in rows:
            number, seq = read_key(row["key"])
            stream = self._streams.of_number(number)
            fresh = fresh_of(stream.id, seq, row)
            read = _understand(stream, fresh) if fresh else None
            if fresh is None or read is None:
                continue
            understood.append(read)
            self._db.execute("DELETE FROM entry WHERE key = ?", (row["key"],))
            kept = row_of(stream.number, fresh, row["arrived_ms"], understood=True)
            self._db.execute(_INSERT, kept)
        if understood:
            self._count(understood, max(row["arrived_ms"] for row in rows))

    def _count(self, understood: list[Understood], arrived_ms: int) -> set[Bucket]:
        """Move the counters, and do what else follows; return the buckets that moved."""
        if not understood:
            return set()
        moved = self._counting.take(understood, arrived_ms)
        self._follow((one for one in understood if one.passage is None), arrived_ms)
        return moved

    # --- What follows from an entry beside the counters ---

    def _follow(self, news: Iterable[Understood], arrived_ms: int) -> None:
        """Take what no passage has as its fact."""
        for one in news:
            stream, seq, body = one.stream, one.seq, one.body
            match body:
                case contract.AlertChanged():
                    self._noticing.alert(stream, seq, body)
                case contract.Started():
                    self._noticing.start(stream, body, arrived_ms)
                case contract.Answered():
                    self._noticing.answer(stream, body, arrived_ms)
                case contract.Tombstone():
                    lost = self._streams.get(body.stream, *stream.place)
                    self._lose(lost, body.first, body.last, body.reason, arrived_ms)
                case _:
                    pass

    # --- What is wrong, kept ---

    def _conflict(self, stream: Stream, parcel: Parcel, fresh: Fresh, arrived_ms: int) -> int:
        row = row_of(stream.number, fresh, arrived_ms, understood=False)[:-1]
        kept = self._db.execute(
            "INSERT OR IGNORE INTO conflict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, *_place(parcel)),
        ).rowcount
        detail = "another entry has this name already"
        note = self._noticing.trouble if kept else self._noticing.still
        note("conflict", stream.id, fresh.seq, _place(parcel), detail, arrived_ms)
        return kept

    def _set_aside(self, stream: Stream, seq: int) -> None:
        """Keep a row that could not be read beside the one that can be and takes its place."""
        key = key_of(stream.number, seq)
        self._db.execute(
            "INSERT OR IGNORE INTO conflict SELECT key, hash, prev, v, kind, open, seal, sealed,"
            " arrived_ms, ?, ? FROM entry WHERE key = ?",
            (*stream.place, key),
        )
        self._db.execute("DELETE FROM entry WHERE key = ?", (key,))

    def refuse(
        self, compound: str, gate: str, reason: str, payload: bytes, arrived_ms: int
    ) -> None:
        """Keep a message that could not be read at all."""
        with self._transaction():
            self._noticing.refuse((compound, gate), reason, payload, arrived_ms)

    # --- Watermarks ---

    def hello(self, compound: str, gate: str, hello: Hello, arrived_ms: int) -> tuple[Mark, ...]:
        """Answer what a gate says it holds, after filling what it says it does not."""
        gone = [(lost.stream, lost.first, lost.last, lost.reason) for lost in hello.lost]
        gone += [(held.stream, 1, held.first - 1, "not held") for held in hello.held]
        news = [one for one in gone if self._is_news(*one[:3])]
        if news:
            with self._transaction():
                for name, first, last, reason in news:
                    stream = self._streams.get(name, compound, gate)
                    self._lose(stream, first, last, reason, arrived_ms)
        spoken = [one.stream for one in hello.held] + [one.stream for one in hello.lost]
        named = dict.fromkeys(spoken)
        return tuple(self.mark(name) for name in named)

    def _is_news(self, name: str, first: int, last: int) -> bool:
        """Tell whether a range is missing here; most hellos say nothing new, and cost no commit."""
        stream = self._streams.find(name)
        return first <= last and (
            stream is None or next(spans.holes(stream.filled, first, last), None) is not None
        )

    def _lose(self, stream: Stream, first: int, last: int, reason: str, arrived_ms: int) -> None:
        if not 1 <= first <= last <= SEQ_MAX:
            return
        for low, high in self._streams.lose(stream, first, last, reason, arrived_ms):
            detail = f"{low} to {high}: {reason}"
            self._noticing.trouble("lost", stream.id, low, stream.place, detail, arrived_ms)

    def mark(self, stream: str) -> Mark:
        """Tell how far a stream has come; nothing is safe that this ledger does not hold, too."""
        known = self._streams.find(stream)
        if known is None:
            return Mark(stream=stream, committed=0, safe=0)
        safe = min(known.committed, self._safe.get(stream, 0))
        for first, last in self._safe_lost.get(stream, ()):
            # What a backup took for lost and has turned up since is in the ledger alone.
            if (found := next(spans.holes(known.lost, first, last), None)) is not None:
                safe = min(safe, found[0] - 1)
                break
        lost = tuple(span for span in known.lost[:_LOST_TOLD] if span[1] <= known.committed)
        return Mark(stream=stream, committed=known.committed, safe=safe, lost=lost)

    def promise(
        self, safe: Mapping[str, int], lost: Mapping[str, Sequence[spans.Span]] | None = None
    ) -> None:
        """Take over what every kept backup holds, and what one took for lost."""
        self._safe, self._safe_lost = dict(safe), dict(lost or {})

    def heard(self, hours: Iterable[tuple[str, str, int]]) -> None:
        """Note that gates were heard of: compound, gate, hours since 1970 UTC."""
        rows = list(hours)
        if rows:
            with self._transaction():
                self._db.executemany("INSERT OR IGNORE INTO heard VALUES (?, ?, ?)", rows)

    def erase_sealed(self, before_ms: int) -> int:
        """Erase the sealed parts that arrived before a moment; the chain still verifies."""
        erased = 0
        after: int | None = -1
        while after is not None:
            more, after = self.erase_portion(before_ms, after)
            erased += more
        return erased

    def erase_portion(self, before_ms: int, after: int) -> tuple[int, int | None]:
        """Erase among the next entries; give how many, and after which to go on, if any.

        The loop that gates wait for asks for a portion each tick: years of entries take minutes.
        """
        (last,) = self._db.execute(
            "SELECT max(key) FROM (SELECT key FROM entry WHERE key > ? ORDER BY key LIMIT ?)",
            (after, _ERASED),
        ).fetchone()
        old = "SET sealed = NULL WHERE sealed IS NOT NULL AND arrived_ms < ?"
        with self._transaction():
            if last is None:
                return self._db.execute(f"UPDATE conflict {old}", (before_ms,)).rowcount, None
            erased = self._db.execute(
                f"UPDATE entry {old} AND key > ? AND key <= ?", (before_ms, after, last)
            ).rowcount
        return erased, last

    # --- Reading ---

    @property
    def db(self) -> sqlite3.Connection:
        """The open file, for `central.reading` and the feeds, which only read."""
        return self._db

    def is_empty(self) -> bool:
        """Tell whether no gate was ever heard of."""
        return self._db.execute("SELECT 1 FROM stream LIMIT 1").fetchone() is None

    def figures(
        self, day: str | None = None, compound: str | None = None, gate: str | None = None
    ) -> contract.Figures:
        """Add up what is counted: of one day or all, of one place or all."""
        return aggregate.figures(reading.counts(self._db, day, compound, gate))

    def counters(self) -> dict[Bucket, Counts]:
        """Give every counter that is not zero."""
        return reading.counters(self._db)

    def recount(self) -> dict[Bucket, Counts]:
        """Count everything anew from the entries; slow, and the checker of `counters`."""
        return reading.recount(self._db, self.calendar)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._streams.forget()
            self._counting.forget()
            if isinstance(error, sqlite3.OperationalError):
                raise _unwritable(self.path, error) from error
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(
                error, sqlite3.IntegrityError
            ):
                raise LedgerUnreadable(f"{self.path}: {error}; restore a backup") from error
            raise


def connect(path: str) -> sqlite3.Connection:
    """Open a ledger's file for writing and bring its tables up to date.

    Raises LedgerUnreadable, or LedgerUnwritable where only its disk is at fault.
    """
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA cache_size = -65536")
        lay(db)
    except sqlite3.Error as error:
        if (error.sqlite_errorname or "").startswith(_DISK):
            raise _unwritable(path, error) from error
        raise LedgerUnreadable(
            f"{path}: {error}; nothing is begun in its place: restore a backup over it"
        ) from error
    return db


def _unwritable(path: str, error: sqlite3.Error) -> LedgerUnwritable:
    todo = "free the disk or give it back its write permission"
    return LedgerUnwritable(f"{path}: {error}; {todo}")


def _place(parcel: Parcel) -> tuple[str, str]:
    return parcel.compound, parcel.gate


def _understand(stream: Stream, fresh: Fresh) -> Understood | None:
    if fresh.entry is None:
        return None
    found = understand(fresh.entry)
    return None if found is None else Understood(stream, fresh.seq, *found)
