"""Saving what a broken journal still holds.

Law: nothing is believed that a hash does not confirm. Rows come off the raw pages (`pages`), so no
page is needed for the sake of another. An entry is taken over when its own hash, its stream and its
sequence agree; one written before rows kept their own hash, when the next one names it or, at the
edge of a hole, when it names the one before. What is missing is noted as lost. How far the newest
stream went nobody knows then, unless a gate that was running remembers: that is noted, too, and the
next start says so. The broken file stays as it is.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from gateway.journal.pages import Pages
from gateway.journal.placing import Found, Placing, told_by
from gateway.journal.rows import OWN_BYTES, Stream

TORN: Final = "torn"
_INSERT: Final = (
    "INSERT INTO entry (id, v, prev, kind, at_ms, open, seal, sealed, own)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)


@dataclass(frozen=True, slots=True)
class Saved:
    """What was taken over from a broken file."""

    entries: int = 0
    lost: int = 0
    """Entries that are known to have been there."""
    dropped: int = 0
    """Files set aside earlier that were deleted, to bound them."""


def salvage(
    path: Path,
    fresh: sqlite3.Connection,
    known: Sequence[Stream] = (),
    alive: Callable[[], object] = lambda: None,
) -> Saved:
    """Take over into a fresh journal what a broken file still holds, in one transaction.

    `known` are its streams, when a running gate remembers them. Raises sqlite3.Error when the fresh
    one takes nothing, never for the broken one's sake.
    """
    pages = Pages(path)
    try:
        found = Placing.of(pages.rows(alive))
        found.place([replace(stream) for stream in known])
        if found.strays:
            found.search(pages.stream_ids())
    finally:
        pages.close()
    found.edges()
    return _take_over(fresh, found, {stream.stream: stream.last for stream in known})


def _take_over(fresh: sqlite3.Connection, found: Placing, ends: dict[str, int]) -> Saved:
    """Write it down; sequences stay, and ids follow from them anew."""
    entries: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    gone: list[tuple[str, int, int, str]] = []
    held: dict[int, list[tuple[Found, bytes]]] = defaultdict(list)
    for row_id in sorted(found.kept):
        row, stream, digest = found.kept[row_id]
        held[stream.base].append((row, digest))
    streams = found.sound_streams()
    base = 0
    for no, stream in enumerate(streams, 1):
        mine = held[stream.base]
        following = streams[no] if no < len(streams) else None
        _measure(stream, mine, ends.get(stream.stream) or _end(stream, following, held))
        rows.append(
            (no, stream.stream, base, stream.boot, stream.anchor, stream.anchor_hash)
        )  # fmt: skip
        entries += (_mended(row, digest, base - stream.base) for row, digest in mine)
        seqs = [row.id - stream.base for row, _ in mine]
        gone += _gaps(stream, seqs, [one for one in found.lost if one[0] == stream.stream])
        base += stream.last
    lost = sum(last - first + 1 for _, first, last, reason in gone if reason == TORN)
    fresh.execute("BEGIN IMMEDIATE")
    fresh.executemany(
        "INSERT INTO stream (no, stream, base, boot, anchor, anchor_hash) VALUES (?,?,?,?,?,?)",
        rows,
    )
    fresh.executemany(_INSERT, entries)
    fresh.executemany("INSERT INTO lost VALUES (?,?,?,?)", gone)
    if not ends:
        salvaged = (len(rows), len(entries), lost)
        fresh.execute("INSERT INTO salvaged VALUES (?,?,?)", salvaged)
    fresh.execute("COMMIT")
    return Saved(len(entries), lost)


def _end(
    stream: Stream, following: Stream | None, held: dict[int, list[tuple[Found, bytes]]]
) -> int:
    """Say how far a stream went, where the one after it tells; 0 where nobody does."""
    if following is None:
        return 0
    first = next((row for row, _ in held[following.base][:1] if row.id == following.base + 1), None)
    named = first is not None and told_by(first).before == stream.stream
    if named or (stream.no > 0 and following.no == stream.no + 1):
        return following.base - stream.base
    return 0


def _measure(stream: Stream, mine: Sequence[tuple[Found, bytes]], end: int) -> None:
    """Set what is known of a stream: its first, its last, its boot."""
    seqs = [row.id - stream.base for row, _ in mine]
    if seqs:
        first = mine[0][0]
        below = seqs[0] - 1
        stream.anchor = below if stream.no == 0 else min(stream.anchor, below)
        if stream.anchor == below:
            stream.anchor_hash = first.prev if below else None
        if first.kind == "started" and seqs[0] == 1:
            stream.boot = told_by(first).boot
    stream.last = max(end, *seqs[-1:], 0 if end else stream.anchor)
    stream.anchor = min(stream.anchor, stream.last)


def _gaps(
    stream: Stream, seqs: Sequence[int], told: Sequence[tuple[str, int, int, str]]
) -> Iterator[tuple[str, int, int, str]]:
    """Name the ranges of a stream that are not held: those given up in writing, and those torn."""
    covered = list(seqs)
    for name, first, last, reason in told:
        for low, high in _holes(first, min(last, stream.last), sorted(covered)):
            yield name, low, high, reason
            covered += range(low, high + 1)
    for low, high in _holes(stream.anchor + 1, stream.last, sorted(covered)):
        yield stream.stream, low, high, TORN


def _holes(first: int, last: int, held: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Give the ranges from `first` to `last` that are not held."""
    for seq in held:
        if seq > last:
            break
        if seq > first:
            yield first, seq - 1
        first = max(first, seq + 1)
    if first <= last:
        yield first, last


def _mended(row: Found, digest: bytes, shift: int) -> tuple[Any, ...]:
    """Lay an entry out as the fresh journal's row; a sealed part that is damaged is gone."""
    body = told_by(row)
    at_ms = body.at_ms if body.clock != "unset" else None
    sealed = row.sealed
    if sealed is not None and sha256(sealed).digest() != row.seal:
        sealed = None
    return (
        row.id + shift, row.v, row.prev, row.kind, at_ms, row.open, row.seal, sealed,
        digest[:OWN_BYTES],
    )  # fmt: skip
