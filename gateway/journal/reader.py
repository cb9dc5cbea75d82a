"""Reading the journal: what is held, what is to be sent, and whether the chain is whole.

Law: reads only. `Journal` writes; `Reader.look` opens the file of a gate that may be running.
"""

import itertools
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway import contract
from gateway.contract import Entry, Held, Lost
from gateway.errors import JournalUnwritable
from gateway.journal import file as journal_file
from gateway.journal.rows import Row, Stamp, Stream, Verified, check, entry_of

RANGE_BYTES: Final = 160
"""An entry's envelope on the wire, beside its parts."""
SEARCHED_MAX: Final = 200_000
"""The newest entries, in which those of one kind are looked for: 1 s of a slow card."""
WALKED: Final = 500
"""Entries read at a time when walking back to a moment."""

SELECT: Final = "SELECT id, v, prev, kind, open, seal, sealed FROM entry"


class Reader:
    """One gate's journal, open for reading; used by one thread."""

    def __init__(self, connection: sqlite3.Connection, path: str | Path) -> None:
        self.path = path
        self._connection = connection
        self._streams: dict[str, Stream] = {}
        self._lost: tuple[Lost, ...] = ()
        self._load()

    @staticmethod
    def look(path: Path) -> "Reader":
        """Open a journal to read it only, as it stands now, also while its gate writes on.

        Until `close` one transaction shows one moment: no row without its stream. Raises
        JournalUnwritable.
        """
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            connection.execute("BEGIN")
            return Reader(connection, path)
        except (sqlite3.Error, JournalUnwritable) as error:
            raise journal_file.unreadable(error.__cause__ or error, path) from error

    def close(self) -> None:
        """Close the file; the last one out empties the write-ahead log."""
        self._connection.close()

    # --- What is held -----------------------------------------------------------------------

    def held(self) -> tuple[Held, ...]:
        """Give the streams of which entries are held, oldest first."""
        return tuple(Held(stream=s.stream, first=s.anchor + 1, last=s.last) for s in self._held())

    def lost(self) -> tuple[Lost, ...]:
        """Give the ranges that are gone and of which central may not know yet."""
        return self._lost

    def last(self, stream: str) -> int | None:
        """Give a stream's highest sequence; None for a stream that is not of this journal."""
        found = self._streams.get(stream)
        return None if found is None else found.last

    def stream_at(self, row_id: int) -> Stream:
        """Give the stream that a row belongs to."""
        return next(s for s in reversed(self._streams.values()) if s.base < row_id)

    def pending(
        self, stream: str, after: int, limit: int = contract.BATCH_MAX, bytes_max: int = 250_000
    ) -> tuple[Entry, ...]:
        """Give a stream's entries above a sequence, in order; at least one, if there is one."""
        found = self._streams.get(stream)
        if found is None or max(after, found.anchor) >= found.last:
            return ()
        after = max(after, found.anchor)
        rows = self._read(
            f"{SELECT} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
            (found.base + after, found.base + found.last, limit),
        )
        entries: list[Entry] = []
        size = 0
        for row in rows:
            size += RANGE_BYTES + len(row[4]) + len(row[6] or b"") * 4 // 3 + len(stream)
            if entries and size > bytes_max:
                break
            entries.append(entry_of(row, found))
        return tuple(entries)

    def newest(self, count: int, kind: str | None = None) -> tuple[Entry, ...]:
        """Give the newest entries, of one kind if named, oldest of them first."""
        if kind is None:
            rows = self._read(f"{SELECT} ORDER BY id DESC LIMIT ?", (count,))
        else:
            rows = self._read(
                f"{SELECT} WHERE id > ? AND kind = ? ORDER BY id DESC LIMIT ?",
                (self._end() - SEARCHED_MAX, kind, count),
            )
        return tuple(entry_of(row, self.stream_at(row[0])) for row in reversed(rows))

    def since(self, at_ms: int, kinds: Sequence[str]) -> tuple[Entry, ...]:
        """Give the entries of some kinds recorded since a moment, in order.

        Walks back from the newest until a whole portion is older.
        """
        found: list[Entry] = []
        below = self._end() + 1
        while rows := self._read(
            "SELECT id, v, prev, kind, open, seal, sealed, at_ms FROM entry"
            " WHERE id < ? ORDER BY id DESC LIMIT ?",
            (below, WALKED),
        ):
            below = rows[-1][0]
            known = [row for row in rows if row[7] is not None]
            fresh = [row for row in known if row[7] >= at_ms]
            found += [entry_of(row[:7], self.stream_at(row[0])) for row in fresh if row[3] in kinds]
            if known and not fresh:
                break
        return tuple(reversed(found))

    def bytes_used(self) -> int:
        """Give the bytes that entries occupy, free pages of the file not counted."""
        return int(self._read(journal_file.BYTES_USED)[0][0])

    def verify(self) -> Verified:
        """Check every hash of every stream that is held."""
        found = [
            check(stream, self._walk(stream), self._gone(stream))
            for stream in self._streams.values()
        ]
        return Verified(
            streams=len(found),
            entries=sum(count for count, _, _ in found),
            sealed_erased=sum(erased for _, erased, _ in found),
            faults=tuple(fault for _, _, faults in found for fault in faults),
        )

    # --- Within -----------------------------------------------------------------------------

    def _load(self) -> None:
        rows = self._read(
            "SELECT no, stream, base, boot, anchor, anchor_hash FROM stream ORDER BY no"
        )
        self._streams = {row[1]: Stream(*row) for row in rows}
        streams = list(self._streams.values())
        for stream, after in itertools.pairwise(streams):
            stream.last = after.base - stream.base
        self._load_lost()
        if streams:
            one = streams[-1]
            newest = self._read("SELECT max(id) FROM entry")[0][0] or 0
            gone = [last for _, last in self._gone(one)]
            one.last = max(newest - one.base, one.anchor, *gone)

    def _load_lost(self) -> None:
        rows = self._read("SELECT stream, first, last, reason FROM lost ORDER BY rowid")
        self._lost = tuple(
            Lost(stream=stream, first=first, last=last, reason=reason)
            for stream, first, last, reason in rows
        )

    def _read(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise journal_file.unwritable(error, self.path) from error

    def _walk(self, stream: Stream) -> Iterator[Entry]:
        span = (stream.base, stream.base + stream.last)
        sql = f"{SELECT} WHERE id > ? AND id <= ? ORDER BY id"
        try:
            for row in self._connection.execute(sql, span):
                yield entry_of(row, stream)
        except sqlite3.Error as error:
            raise journal_file.unwritable(error, self.path) from error

    def _gone(self, stream: Stream) -> list[tuple[int, int]]:
        """Give the ranges of a stream that are known to be gone."""
        return [(lost.first, lost.last) for lost in self._lost if lost.stream == stream.stream]

    def _held(self) -> Iterator[Stream]:
        return (stream for stream in self._streams.values() if stream.last > stream.anchor)

    def _end(self) -> int:
        newest = next(reversed(self._streams.values()), None)
        return newest.base + newest.last if newest else 0


def moment_of(entry: Entry) -> Stamp | None:
    """Read when an entry was recorded; None when its body is not understood."""
    try:
        body = contract.decode_body(entry)
    except contract.NotUnderstood:
        return None
    return Stamp(body.at_ms, body.mono_ms, body.clock)
