"""Sorts what one message brought: by stream and sequence, repeats and contradictions apart.

Pure: no clock, no disk, no network. One bad entry never rejects its batch: what has at least a name
is kept under it, what has not even that is refused and said.
"""

import hashlib
from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple

import msgspec

from central.arrivals import Parcel
from central.keys import SEQ_MAX
from central.rows import NO_HASH, Fresh
from gateway import contract

_RUN_GAP: Final = 256
"""Sequences further apart than this in one message are looked up apart."""


class _Key(msgspec.Struct, frozen=True):
    """The least that can be read of an entry: its name."""

    stream: contract.StreamId
    seq: Annotated[int, msgspec.Meta(ge=1, le=SEQ_MAX)]


class Sorted(NamedTuple):
    """A parcel, sorted."""

    groups: dict[str, dict[int, Fresh]]
    """By stream and sequence."""
    repeats: int
    conflicts: list[tuple[str, Fresh]]
    """Stream and entry of those that contradict another of the same message."""
    refused: list[tuple[str, bytes]]
    """Reason and payload of what cannot be kept under a name."""


def sort(parcel: Parcel) -> Sorted:
    """Sort a parcel's entries by stream and sequence; find its own repeats and conflicts."""
    found = Sorted({}, 0, [], [])
    repeats = 0
    stream, group = "", {}
    for name, fresh in _envelopes(parcel, found.refused):
        if name != stream:
            stream, group = name, found.groups.setdefault(name, {})
        other = group.setdefault(fresh.seq, fresh)
        if other is fresh:
            continue
        if other.hash == fresh.hash:
            repeats += 1
        else:
            found.conflicts.append((name, fresh))
    return found._replace(repeats=repeats)


def _envelopes(parcel: Parcel, refused: list[tuple[str, bytes]]) -> Iterator[tuple[str, Fresh]]:
    for entry in parcel.entries:
        try:
            if entry.seq > SEQ_MAX:
                raise OverflowError("sequence too high")  # noqa: TRY301
            digest = contract.digest_of(entry)
        except (OverflowError, ValueError) as error:
            refused.append((str(error), contract.encode(entry)))
        else:
            yield entry.stream, Fresh(entry.seq, digest, bytes.fromhex(entry.prev), entry)
    for raw in parcel.unread:
        try:
            key = msgspec.json.decode(raw, type=_Key)
        except contract.UNREADABLE as error:
            refused.append((str(error), raw))
            continue
        yield key.stream, Fresh(key.seq, hashlib.sha256(raw).digest(), NO_HASH, None, raw)


def runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Cut sorted numbers where the next is far away.

    >>> list(runs([1, 2, 3, 900, 901]))
    [(1, 3), (900, 901)]
    """
    first = last = numbers[0]
    for number in numbers[1:]:
        if number - last > _RUN_GAP:
            yield first, last
            first = number
        last = number
    yield first, last


def stretches(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Join sorted numbers that follow each other.

    >>> list(stretches([1, 2, 3, 5]))
    [(1, 3), (5, 5)]
    """
    if numbers and numbers[-1] - numbers[0] + 1 == len(numbers):  # The common case: no gap.
        yield numbers[0], numbers[-1]
        return
    first = last = None
    for number in numbers:
        if last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last
