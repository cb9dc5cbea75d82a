"""A gate's card as the model sees it: what `gateway.journal` keeps, without SQLite. Pure.

Law: this file says in sixty lines what the journal does to its streams; `test_same_as_code.py`
walks it beside the real journal and compares after every step.

An item is `(stream, sequence, content)`. Its content names what must not be mixed up: the first of
a stream names the stream before it, every other one the start in which it was written.
"""

from typing import NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from gateway import contract
from gateway.contract import Entry, Held, Lost

Content: TypeAlias = tuple[object, ...]
Item: TypeAlias = tuple[str, int, Content]
KINDS = {"s": "started", "e": "opened", "a": "alert", "t": "tombstone"}


class Stream(NamedTuple):
    """A stream on a card: what is above `anchor` is still there, but for holes, None."""

    name: str
    anchor: int
    contents: tuple[Content | None, ...]

    @property
    def last(self) -> int:
        return self.anchor + len(self.contents)

    def items(self) -> tuple[Item, ...]:
        return tuple(
            (self.name, self.anchor + n, content)
            for n, content in enumerate(self.contents, 1)
            if content is not None
        )

    def without(self, sequences: range) -> "Stream":
        """Take entries away; the anchor stands before the first that is left."""
        left = [
            None if self.anchor + n in sequences else content
            for n, content in enumerate(self.contents, 1)
        ]
        gone = next((n for n, content in enumerate(left) if content is not None), len(left))
        return Stream(self.name, self.anchor + gone, tuple(left[gone:]))


class Card(NamedTuple):
    """All that survives a power cut."""

    streams: tuple[Stream, ...] = ()
    graves: tuple[tuple[str, int, int], ...] = ()

    def items(self) -> frozenset[Item]:
        return frozenset(item for stream in self.streams for item in stream.items())


class Journal:
    """A card in use: the part of `gateway.journal.Journal` that the uplink and the model call."""

    def __init__(self, card: Card, current: str | None, epoch: str, *, keeps: bool = False) -> None:
        self.card = card
        self.current = current
        self._epoch = epoch
        self._keeps = keeps

    # --- Writing ---

    def append(self, kind: str) -> tuple[Item, ...]:
        """Write an entry; the first of a start begins a stream."""
        return self._write((kind, self._epoch))

    def bury(self) -> tuple[Item, ...]:
        """Delete the oldest entry though the centre may lack it, and leave a tombstone.

        Alerts and tombstones are spared as long as there is anything else.
        """
        items = [item for stream in self.card.streams for item in stream.items()]
        plain = [item for item in items if item[2][0] not in {"a", "t"}]
        if not items:
            return ()
        name, seq, _ = (plain or items)[0]
        self._cut(name, range(seq, seq + 1))
        first, graves = seq, []
        for grave in self.card.graves:
            if grave[0] == name and grave[2] == seq - 1:
                first = grave[1]
            else:
                graves.append(grave)
        self.card = self.card._replace(graves=(*graves, (name, first, seq)))
        return self._write(("t", name, seq, seq))

    def prune(self, safe: dict[str, int]) -> bool:
        """Delete what is safe; say whether anything went."""
        before = self.card
        for name, seq in safe.items():
            self._cut(name, range(1, seq + 1))
        anchors = {stream.name: stream.anchor for stream in self.card.streams}
        graves = tuple(
            (name, first, last)
            for name, first, last in self.card.graves
            if last > min(safe.get(name, 0), anchors[name])
        )
        self.card = self.card._replace(graves=graves)
        return self.card.streams != before.streams

    def _write(self, content: Content) -> tuple[Item, ...]:
        written = [*self._begin(), content]
        at = next(n for n, one in enumerate(self.card.streams) if one.name == self.current)
        stream = self.card.streams[at]
        first = stream.last + 1
        stream = stream._replace(contents=(*stream.contents, *written))
        streams = (*self.card.streams[:at], stream, *self.card.streams[at + 1 :])
        self.card = self.card._replace(streams=streams)
        return tuple((stream.name, first + n, one) for n, one in enumerate(written))

    def _begin(self) -> tuple[Content, ...]:
        if self.current is not None:
            return ()
        before = self.card.streams[-1] if self.card.streams else None
        if self._keeps and before is not None:
            self.current = before.name
            return ()
        self.current = self._epoch
        self.card = self.card._replace(streams=(*self.card.streams, Stream(self._epoch, 0, ())))
        return (("s", before.name, before.last) if before else ("s", None, 0),)

    def _cut(self, name: str, sequences: range) -> None:
        streams = (
            stream.without(sequences) if stream.name == name else stream
            for stream in self.card.streams
        )
        self.card = self.card._replace(streams=tuple(streams))

    # --- Reading, as the uplink asks it ---

    def held(self) -> tuple[Held, ...]:
        return tuple(
            Held(stream=wire_name(one.name), first=one.anchor + 1, last=one.last)
            for one in self.card.streams
            if one.contents
        )

    def lost(self) -> tuple[Lost, ...]:
        return tuple(
            Lost(stream=wire_name(name), first=first, last=last, reason="buried")
            for name, first, last in self.card.graves
        )

    def last(self, stream: str) -> int | None:
        found = [one.last for one in self.card.streams if wire_name(one.name) == stream]
        return found[0] if found else None

    def pending(self, stream: str, after: int, limit: int, bytes_max: int = 0) -> tuple[Entry, ...]:
        return tuple(
            entry_of(item)
            for one in self.card.streams
            if wire_name(one.name) == stream
            for item in one.items()
            if item[1] > after
        )[:limit]

    def newest(self, count: int, kind: str | None = None) -> tuple[Entry, ...]:
        found = [entry_of(item) for one in self.card.streams for item in one.items()]
        return tuple(entry for entry in found if kind in {None, entry.kind})[-count:]


# --- Items on the wire ---


def wire_name(name: str) -> str:
    """Give a stream its 128 bits."""
    return name.encode().hex().ljust(32, "0")


def name_of(stream: str) -> str:
    """Read a stream's name back."""
    return bytes.fromhex(stream).rstrip(b"\0").decode()


def entry_of(item: Item) -> Entry:
    """Write an item as it goes over the wire; its body is its content."""
    name, seq, content = item
    return Entry(
        v=contract.VERSION, stream=wire_name(name), seq=seq, prev=contract.NO_HASH,
        kind=KINDS[str(content[0])], open=Raw(msgspec.json.encode(content)),
    )  # fmt: skip


def item_of(entry: Entry) -> Item:
    """Read an item back."""
    return name_of(entry.stream), entry.seq, tuple(msgspec.json.decode(entry.open))
