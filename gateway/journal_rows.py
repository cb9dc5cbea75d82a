"""What the journal's rows mean: streams, drafts, entries, and the check of a chain. Pure."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec import UNSET, Raw

from gateway import contract
from gateway.contract import Entry

Row: TypeAlias = tuple[Any, ...]
"""id, v, prev, kind, open, seal, sealed."""


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


@dataclass(slots=True)
class Draft:
    """Entries made but not yet on disk; dropped whole when the commit fails."""

    stream: Stream
    seq: int
    prev: str
    refs: dict[int, str]
    new_refs: dict[int, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def ref(self, key: int | None) -> str | None:
        """Name the passage of a key, also one that this draft itself opens."""
        return None if key is None else self.new_refs.get(key) or self.refs.get(key)


def entry_of(row: Row, stream: Stream) -> Entry:
    """Read an entry back from its row."""
    row_id, v, prev, kind, open_, seal, sealed = row
    return Entry(
        v=v, stream=stream.stream, seq=row_id - stream.base, prev=prev.hex(), kind=kind,
        open=Raw(open_), seal=UNSET if seal is None else seal.hex(),
        sealed=UNSET if sealed is None else sealed,
    )  # fmt: skip


def _faults(entry: Entry, seq: int, prev: str) -> Iterator[str]:
    if entry.seq != seq:
        yield f"entries {seq} to {entry.seq - 1} are missing"
    elif entry.prev != prev:
        yield "does not follow from the entry before it"
    if entry.sealed is not UNSET and (
        entry.seal is UNSET or hashlib.sha256(entry.sealed).hexdigest() != entry.seal
    ):
        yield "its sealed part is not the one that was recorded"


def check(stream: Stream, entries: Iterable[Entry]) -> tuple[int, int, list[Fault]]:
    """Check a stream's chain; give its entries, the sealed parts erased, and what is wrong."""
    count = erased = 0
    faults: list[Fault] = []
    seq = stream.anchor
    prev = stream.anchor_hash.hex() if stream.anchor_hash else contract.NO_HASH
    for entry in entries:
        count += 1
        faults += [Fault(stream.stream, entry.seq, what) for what in _faults(entry, seq + 1, prev)]
        seq, prev = entry.seq, contract.hash_of(entry)
        erased += entry.seal is not UNSET and entry.sealed is UNSET
    return count, erased, faults
