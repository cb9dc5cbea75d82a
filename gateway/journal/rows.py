"""What the journal's rows mean: streams, entries, and the check of a chain. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from msgspec import UNSET, Raw

from gateway import contract
from gateway.contract import Entry

Row: TypeAlias = tuple[Any, ...]
"""id, v, prev, kind, open, seal, sealed."""
OWN_BYTES: Final = 8
"""Of its own hash a row keeps so much: SQLite checks no page, and no entry names the newest."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment as it is written down."""

    at_ms: int
    """UTC."""
    mono_ms: int
    """Since the boot."""
    clock: contract.Clock


@dataclass(frozen=True, slots=True)
class Fault:
    """An entry that is not as it was recorded."""

    stream: str
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the whole chain found."""

    streams: int
    entries: int
    sealed_erased: int
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class Stream:
    """A stream as the file holds it: entries `anchor + 1` to `last`."""

    no: int
    stream: str
    base: int
    boot: str
    anchor: int = 0
    anchor_hash: bytes | None = None
    last: int = 0


def entry_of(row: Row, stream: Stream) -> Entry:
    """Read an entry back from its row."""
    row_id, v, prev, kind, open_, seal, sealed = row
    return Entry(
        v=v, stream=stream.stream, seq=row_id - stream.base, prev=prev.hex(), kind=kind,
        open=Raw(open_), seal=UNSET if seal is None else seal.hex(),
        sealed=UNSET if sealed is None else sealed,
    )  # fmt: skip


def _faults(entry: Entry, seq: int, prev: str | None) -> Iterator[str]:
    """Compare an entry with the one before it; `prev` is None where that is known to be gone."""
    if entry.seq != seq:
        yield f"entries {seq} to {entry.seq - 1} are missing"
    elif prev is not None and entry.prev != prev:
        yield "does not follow from the entry before it"
    if entry.sealed is not UNSET and (
        entry.seal is UNSET or hashlib.sha256(entry.sealed).hexdigest() != entry.seal
    ):
        yield "its sealed part is not the one that was recorded"


def check(
    stream: Stream, entries: Iterable[Entry], gone: Sequence[tuple[int, int]] = ()
) -> tuple[int, int, list[Fault]]:
    """Check a stream's chain; give its entries, the sealed parts erased, and what is wrong.

    `gone` are ranges that were given up with a tombstone: over them the chain cannot be followed.
    """
    count = erased = 0
    faults: list[Fault] = []
    seq, prev = stream.anchor, contract.NO_HASH if stream.anchor == 0 else None
    if stream.anchor_hash is not None:
        prev = stream.anchor_hash.hex()
    for entry in entries:
        count += 1
        while over := [last for first, last in gone if first <= seq + 1 <= last < entry.seq]:
            seq, prev = max(over), None
        faults += [Fault(stream.stream, entry.seq, what) for what in _faults(entry, seq + 1, prev)]
        if any(first <= entry.seq <= last for first, last in gone):
            faults.append(Fault(stream.stream, entry.seq, "is held and called lost"))
        seq, prev = entry.seq, contract.hash_of(entry)
        erased += entry.seal is not UNSET and entry.sealed is UNSET
    return count, erased, faults
