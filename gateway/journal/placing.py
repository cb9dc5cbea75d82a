"""Gives each entry of a broken journal to its stream. Pure: rows in, entries out.

Law: nothing is believed that a hash does not confirm: own hash, stream and sequence must agree.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec

from gateway import contract
from gateway.journal.pages import Values
from gateway.journal.rows import OWN_BYTES, Stream

NEAR: Final = 3
"""Streams below an entry that are tried for it."""
BACK: Final = 500
"""Entries back in which the `opened` of a passage is looked for."""
TRIES: Final = 300_000
"""Hashes computed, at most, in search of streams that no table names: 2 s of a slow board."""
_PASSAGE: Final = re.compile(rb'"passage":"([0-9a-f]{32})/([1-9][0-9]{0,12})"')
_ID: Final = re.compile(r"[0-9a-f]{32}")
_NO_HASH: Final = bytes.fromhex(contract.NO_HASH)


class Found(NamedTuple):
    """An entry as a page holds it."""

    id: int
    v: int
    prev: bytes
    kind: str
    at_ms: int | None
    open: bytes
    seal: bytes | None
    sealed: bytes | None
    own: bytes | None


class Told(msgspec.Struct):
    """What of any body is read here."""

    at_ms: int = 0
    clock: str = "unset"
    boot: str = ""
    before: str | None = None
    before_last: int = 0
    salvaged: bool = False


@dataclass(slots=True)
class Placing:
    """What lies on the pages, and which stream each entry belongs to."""

    rows: dict[int, list[Found]] = field(default_factory=lambda: defaultdict(list))
    lost: list[tuple[str, int, int, str]] = field(default_factory=list)
    streams: dict[int, Stream] = field(default_factory=dict)
    """By base."""
    kept: dict[int, tuple[Found, Stream, bytes]] = field(default_factory=dict)
    """By id: the entry, its stream and its hash."""
    strays: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[tuple[str, int, Values]]) -> "Placing":
        """Sort what was found on pages: table, row id, columns."""
        found = cls()
        for table, row_id, values in rows:
            if table == "entry":
                row = Found(row_id, *values[1:])
                if row.id > 0 and row not in found.rows[row_id] and 0 < row.v < 2**16:
                    found.rows[row_id].append(row)
            elif table == "lost":
                if _ID.fullmatch(values[0]) and 1 <= values[1] <= values[2]:
                    found.lost.append(values)
            else:
                found._add(Stream(row_id, *values[1:]))
        return found

    def _add(self, stream: Stream) -> None:
        """Take a row of the table of streams; of several the one with the highest anchor."""
        if not _ID.fullmatch(stream.stream) or stream.base < 0 or stream.anchor < 0:
            return
        before = self.streams.get(stream.base)
        if before is None or before.anchor < stream.anchor:
            self.streams[stream.base] = stream

    def place(self, known: Sequence[Stream]) -> None:
        """Give each entry to the stream that its hash names."""
        if known:
            self.streams = {stream.base: stream for stream in known}
        bases = sorted(self.streams)
        for row_id in sorted(self.rows):
            near = [base for base in bases if base < row_id][-NEAR:] if bases else []
            if not any(self._belongs(row_id, self.streams[base]) for base in reversed(near)):
                self.strays.append(row_id)

    def _belongs(self, row_id: int, stream: Stream) -> bool:
        for row in self.rows[row_id]:
            digest = _digest(row, stream)
            if digest is None:
                continue
            if row.own is None:
                after = self.rows.get(row_id + 1, ())
                right = any(one.prev == digest for one in after)
            else:
                right = digest[:OWN_BYTES] == row.own
            if right:
                self.kept[row_id] = (row, stream, digest)
                return True
        return False

    def search(self, names: Iterable[str]) -> None:
        """Find the streams of entries that no row of the table of streams claims.

        A `started` tells its own stream's base, and that of the stream before it; where entries end
        another stream may begin; a passage's name tells stream and sequence of an `opened` not far
        back. Only the hash decides.
        """
        ids = sorted({*names, *(stream.stream for stream in self.streams.values())})
        bases = sorted(set(self._bases()))
        left = TRIES
        for row_id in self.strays:
            if row_id in self.kept:
                continue
            near = [base for base in bases if base < row_id][-NEAR:]
            tries = [(name, base) for base in reversed(near) for name in ids]
            tries += self._by_passage(row_id)
            for name, base in tries[:left]:
                left -= 1
                stream = replace(self.streams.get(base) or Stream(0, name, base, ""), stream=name)
                if self._belongs(row_id, stream):
                    self.streams[base] = stream
                    self._claim()
                    break
        self.strays = [row_id for row_id in self.strays if row_id not in self.kept]

    def _claim(self) -> None:
        """Give the strays to the streams that are known by now."""
        bases = sorted(self.streams)
        for row_id in self.strays:
            if row_id not in self.kept:
                near = [base for base in bases if base < row_id][-NEAR:]
                any(self._belongs(row_id, self.streams[base]) for base in reversed(near))

    def _bases(self) -> Iterator[int]:
        yield 0
        yield from self.streams
        for row_id, rows in self.rows.items():
            if row_id + 1 not in self.rows:
                yield row_id
            for row in rows:
                if row.kind == "started" and row.prev == _NO_HASH:
                    yield row_id - 1
                    body = told_by(row)
                    if body.before and not body.salvaged and 0 < body.before_last < row_id:
                        yield row_id - 1 - body.before_last

    def _by_passage(self, row_id: int) -> list[tuple[str, int]]:
        tries = []
        named = [found for row in self.rows[row_id] for found in _PASSAGE.findall(row.open)]
        for name, seq in named:
            tries += [
                (name.decode(), at - int(seq))
                for at in range(row_id, max(int(seq) - 1, row_id - BACK), -1)
                if any(one.kind == "opened" for one in self.rows.get(at, ()))
            ]
        return tries

    def edges(self) -> None:
        """Keep what no later entry confirms, of rows that do not hold their own hash."""
        for row_id in self.strays:
            stream = self._last_below(row_id)
            after = row_id + 1 in self.rows and row_id not in self.streams
            if stream is None or after:
                continue
            before = self.kept.get(row_id - 1)
            for row in self.rows[row_id]:
                digest = _digest(row, stream)
                follows = (
                    before is not None and before[1].base == stream.base and row.prev == before[2]
                )
                first = row_id == stream.base + 1 and row.prev == _NO_HASH
                if row.own is None and digest is not None and (follows or first):
                    self.kept[row_id] = (row, stream, digest)

    def _last_below(self, row_id: int) -> Stream | None:
        return self.streams.get(max((base for base in self.streams if base < row_id), default=-1))

    def sound_streams(self) -> list[Stream]:
        """Give the streams, oldest first; without those among whose entries another's stand."""
        proven = {stream.base for _, stream, _ in self.kept.values()}
        tops = [(row_id, stream.base) for row_id, (_, stream, _) in self.kept.items()]
        return [
            stream
            for base, stream in sorted(self.streams.items())
            if base in proven or not any(low < base < row_id for row_id, low in tops)
        ]


def _digest(row: Found, stream: Stream) -> bytes | None:
    """Hash an entry as one of a stream; None when it cannot be one of it."""
    seal = None if row.seal is None else row.seal.hex()
    seq = row.id - stream.base
    try:
        return contract.entry_digest(
            row.v, stream.stream, seq, row.prev.hex(), row.kind, row.open, seal
        )
    except (OverflowError, ValueError):
        return None


def told_by(row: Found) -> Told:
    """Read of an entry's body what matters here; nothing of one that cannot be read."""
    try:
        return msgspec.json.decode(row.open, type=Told)
    except contract.UNREADABLE:
        return Told()
