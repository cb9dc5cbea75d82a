"""Entries in the making: chained, sealed and laid out as rows, but not yet on disk. Pure.

Also the writes by which a journal gives entries up, and where a stream's chain then begins.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from gateway import contract
from gateway.contract import Entry
from gateway.core.events import Record
from gateway.journal.rows import OWN_BYTES, Row, Stamp, Stream

Write: TypeAlias = tuple[str, tuple[object, ...] | dict[str, object]]
"""A statement and its values."""

CUT: Final = "DELETE FROM entry WHERE id > ? AND id <= ?"
_TO: Final = "FROM entry WHERE id > :base AND id <= :base + :last ORDER BY id LIMIT 1"
_ANCHOR: Final = (
    f"UPDATE stream SET anchor = coalesce((SELECT id {_TO}) - 1 - :base, :last),"  # noqa: S608
    f" anchor_hash = (SELECT prev {_TO}) WHERE no = :no"
)
"""A stream's anchor is the entry before the first that is held; that one names its hash."""


@dataclass(slots=True)
class Draft:
    """Entries made but not yet on disk; dropped whole when the commit fails."""

    stream: Stream
    seq: int
    prev: str
    refs: dict[int, str]
    seal: Callable[[bytes], bytes]
    new_refs: dict[int, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def add(self, record: Record, stamp: Stamp) -> None:
        """Make the next entry of a record."""
        self.seq += 1
        name, passage = self.stream.stream, self._passage(record)
        body = msgspec.structs.replace(
            record.body, at_ms=stamp.at_ms, mono_ms=stamp.mono_ms, clock=stamp.clock,
            passage=passage,
        )  # fmt: skip
        kind = contract.kind_of(body)
        open_ = contract.encode(body)
        sealed = seal = None
        if record.sealed is not None:
            sealed = self.seal(contract.encode(record.sealed))
            seal = hashlib.sha256(sealed).hexdigest()
        entry = Entry(
            v=contract.VERSION, stream=name, seq=self.seq, prev=self.prev, kind=kind,
            open=Raw(open_), seal=UNSET if seal is None else seal,
            sealed=UNSET if sealed is None else sealed,
        )  # fmt: skip
        digest = contract.digest_of(entry)
        row = (
            self.stream.base + self.seq, contract.VERSION, bytes.fromhex(self.prev), kind,
            None if stamp.clock == "unset" else stamp.at_ms, open_,
            None if seal is None else bytes.fromhex(seal), sealed, digest[:OWN_BYTES],
        )  # fmt: skip
        self.prev = digest.hex()
        self.entries.append(entry)
        self.rows.append(row)

    def _passage(self, record: Record) -> str | None:
        """Name the passage of a record, also one that this draft itself opens."""
        key = record.passage
        if key is None:
            return record.body.passage
        if type(record.body) is contract.Opened:
            self.new_refs[key] = contract.entry_ref(self.stream.stream, self.seq)
            return record.body.passage
        return self.new_refs.get(key) or self.refs.get(key)


# --- Giving up ------------------------------------------------------------------------------


def ranges(rows: Iterable[tuple[Stream, int]]) -> list[tuple[Stream, int, int]]:
    """Gather sequences, in order, into ranges of their streams: first and last."""
    found: list[tuple[Stream, int, int]] = []
    for stream, seq in rows:
        if found and found[-1][0] is stream and found[-1][2] == seq - 1:
            found[-1] = (stream, found[-1][1], seq)
        else:
            found.append((stream, seq, seq))
    return found


def bury(stream: Stream, first: int, last: int, reason: str) -> list[Write]:
    """Delete a range, and note it as lost, joined to what was lost just before it."""
    name = stream.stream
    joined = "SELECT first FROM lost WHERE stream = ?1 AND last = ?2 - 1 AND reason = ?4"
    insert = f"INSERT INTO lost SELECT ?1, coalesce(({joined}), ?2), ?3, ?4"
    forget = "DELETE FROM lost WHERE stream = ? AND last = ? AND reason = ?"
    return [
        (CUT, (stream.base + first - 1, stream.base + last)),
        (insert, (name, first, last, reason)),
        (forget, (name, first - 1, reason)),
    ]


def anchor(stream: Stream) -> Write:
    """Set a stream's anchor by what is then held of it."""
    return _ANCHOR, {"base": stream.base, "last": stream.last, "no": stream.no}
