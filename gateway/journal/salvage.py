"""Saving what can still be read of a journal that would not open.

Law: nothing is believed that the chain does not confirm. An entry is taken over when the next one
names its hash, or, at the edge of a hole, when it names the hash of the one before. What is missing
is noted as lost, so that central hears of it; the broken file stays as it is.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway import contract
from gateway.journal.rows import Row, Stream, entry_of

TORN: Final = "torn"
LEAPS: Final = (2,) * 64 + (16,) * 64 + (256,)
"""How many entries are stepped over where nothing can be read: a page holds about seven."""
LEAPS_MAX: Final = 2000
"""Unreadable places in a row after which nothing more is looked for."""
READ: Final = "SELECT id, v, prev, kind, open, seal, sealed, at_ms FROM entry"


@dataclass(frozen=True, slots=True)
class Saved:
    """What was taken over from a broken file."""

    entries: int = 0
    lost: int = 0


def salvage(aside: Path, fresh: sqlite3.Connection) -> Saved:
    """Take over into a fresh journal what a broken one still holds; never raises for its sake."""
    try:
        broken = sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return Saved()
    try:
        streams = _streams(broken)
        rows = _confirmed(streams, list(_readable(broken))) if streams else []
    except sqlite3.Error:
        return Saved()
    finally:
        broken.close()
    if not rows:
        return Saved()
    return _take_over(fresh, streams, rows)


def _streams(broken: sqlite3.Connection) -> list[Stream]:
    found = broken.execute(
        "SELECT no, stream, base, boot, anchor, anchor_hash FROM stream ORDER BY no"
    )
    return [Stream(*row) for row in found if tuple(map(type, row[:5])) == (int, str, int, str, int)]


def _readable(broken: sqlite3.Connection) -> Iterator[Row]:
    """Read from the first entry to the last, stepping over what cannot be read.

    A torn tree may lead back to where it was: only what lies further on counts as read.
    """
    after, failures = 0, 0
    while failures < LEAPS_MAX:
        try:
            for row in broken.execute(f"{READ} WHERE id > ? ORDER BY id", (after,)):
                if row[0] > after:
                    after, failures = row[0], 0
                    yield row
        except sqlite3.DatabaseError:
            after += LEAPS[min(failures, len(LEAPS) - 1)]
            failures += 1
        else:
            return


def _confirmed(streams: Sequence[Stream], rows: Sequence[Row]) -> list[Row]:
    """Keep the rows that the chain confirms."""
    ids = {row[0]: row for row in rows if all(type(part) is bytes for part in (row[2], row[4]))}
    hashes = {}
    for row_id, row in ids.items():
        stream = _stream_at(streams, row_id)
        try:
            hashes[row_id] = bytes.fromhex(contract.hash_of(entry_of(row[:7], stream)))
        except (AttributeError, OverflowError, TypeError, ValueError):
            continue
    kept = []
    for row_id, digest in hashes.items():
        ends = {stream.base for stream in streams}
        after = hashes.get(row_id + 1) if row_id not in ends else None
        named = ids[row_id + 1][2] if after is not None else None
        before = hashes.get(row_id - 1) if row_id - 1 not in ends else None
        if named == digest or (named is None and before in {None, ids[row_id][2]}):
            kept.append(ids[row_id])
    return kept


def _stream_at(streams: Sequence[Stream], row_id: int) -> Stream:
    return next((s for s in reversed(streams) if s.base < row_id), streams[0])


def _take_over(fresh: sqlite3.Connection, streams: Sequence[Stream], rows: Sequence[Row]) -> Saved:
    newest = rows[-1][0]
    ends = [*(stream.base for stream in streams[1:]), max(newest, streams[-1].base)]
    gone = []
    for stream, end in zip(streams, ends, strict=True):
        held = [row[0] for row in rows if stream.base + stream.anchor < row[0] <= end]
        gone += [
            (stream.stream, first - stream.base, last - stream.base, TORN)
            for first, last in _holes(stream.base + stream.anchor + 1, end, held)
        ]
    fresh.execute("BEGIN IMMEDIATE")
    fresh.executemany(
        "INSERT INTO stream (no, stream, base, boot, anchor, anchor_hash) VALUES (?,?,?,?,?,?)",
        [(s.no, s.stream, s.base, s.boot, s.anchor, s.anchor_hash) for s in streams],
    )
    fresh.executemany(
        "INSERT INTO entry (id, v, prev, kind, open, seal, sealed, at_ms) VALUES (?,?,?,?,?,?,?,?)",
        rows,
    )
    fresh.executemany("INSERT INTO lost VALUES (?,?,?,?)", gone)
    fresh.execute("COMMIT")
    return Saved(len(rows), sum(last - first + 1 for _, first, last, _ in gone))


def _holes(first: int, last: int, held: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the ranges from `first` to `last` that are not held."""
    for row_id in held:
        if row_id > first:
            yield first, row_id - 1
        first = row_id + 1
    if first <= last:
        yield first, last
