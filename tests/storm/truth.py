"""What really happened: every entry that a card took, and the fact of the world that it stands for.

Entries of a stream are numbered from 1; sets of them are integers used as bits, so that a whole
day's bookkeeping is cheap and nobody's code is shared with the ledger.
"""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import contract

MONO: Final = re.compile(rb'"mono_ms":(-?\d+)')
NAMED: Final = re.compile(rb'"stream":"([0-9a-f]{32})","seq":(\d+)')
OWN: Final = frozenset({"started", "unrecorded", "tombstone"})
"""Kinds that the journal writes by itself."""


def full(last: int) -> int:
    """Give the set of 1 to `last`."""
    return (1 << (last + 1)) - 2


def numbers(bits: int) -> str:
    """Say a set as ranges, for people."""
    found, at = [], 1
    while bits >> at:
        if bits >> at & 1:
            first = at
            while bits >> at & 1:
                at += 1
            found.append(f"{first}-{at - 1}" if at - 1 > first else str(first))
        at += 1
    return ", ".join(found)


@dataclass(slots=True)
class Fact:
    """Something that happened in the world and was handed to a gate."""

    kind: str
    body: contract.Body
    key: int | None
    mono_ms: int
    true_ms: int
    clock: str
    off_ms: int
    """By how much the gate's clock was off."""


@dataclass(slots=True)
class Row:
    """An entry that a card took."""

    entry: contract.Entry
    fact: Fact | None
    """None for what the journal wrote by itself, and for what a crash left unsaid."""


@dataclass(slots=True)
class Stream:
    """A stream, as it really is."""

    place: tuple[str, str]
    boot: str
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Waiting:
    """Facts handed to one process of a gate and not yet on its card."""

    facts: deque[Fact] = field(default_factory=deque)
    refs: dict[int, str] = field(default_factory=dict)
    """The passages' names by their keys, as the card has them."""


def mono_of(entry: contract.Entry) -> int:
    """Read an entry's moment of its boot."""
    found = MONO.search(bytes(entry.open))
    return int(found[1]) if found else 0


def body_of(row: Row) -> Any:
    """Give the body of a row: the world's own where there is one."""
    return row.fact.body if row.fact else contract.decode_body(row.entry)
