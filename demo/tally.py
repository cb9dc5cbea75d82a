"""Three counts of the same passages: the simulator's own, the journals', the ledger's.

The journals and the ledger are read as files, read-only, by their plain tables: this end of the
comparison trusts neither the gateway's nor central's own arithmetic. What central *says* it
counted is compared with both.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

SEQ_BITS = 40
"""The ledger's key is the stream's number, then the sequence in so many bits."""

Ref = tuple[str, int]


@dataclass(slots=True)
class Held:
    """What a set of journals, or the ledger, holds."""

    passages: dict[str, set[Ref]] = field(default_factory=dict)
    """By compound: the name of each passage's `opened`."""
    entries: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    """The latest decision of each passage."""
    interrupted: Counter[str] = field(default_factory=Counter)
    """By compound: passages that a restart cut off. Where no plate tells that the vehicle at the
    line is still the same one, the gate opens another passage for it rather than guess."""
    plates: Counter[str] = field(default_factory=Counter)
    """The last word on each passage's plate, by status."""

    def by_compound(self) -> dict[str, int]:
        """Count the passages of each compound."""
        return {compound: len(refs) for compound, refs in sorted(self.passages.items())}

    def total(self) -> int:
        """Count all passages."""
        return sum(len(refs) for refs in self.passages.values())

    def every(self) -> set[Ref]:
        """Give all passages."""
        return set().union(*self.passages.values())


Row = tuple[str, int, str, bytes, str]
"""Stream, sequence, kind, open body, compound."""


def read_journals(journals: dict[str, Path]) -> Held:
    """Read the journals of these compounds."""
    return _gather(row for compound, path in journals.items() for row in _journal(compound, path))


def read_ledger(ledger: Path) -> Held:
    """Read the ledger."""
    sql = (
        "SELECT s.id, e.key & ((1 << ?) - 1), e.kind, e.open, s.compound "
        "FROM entry e JOIN stream s ON s.no = e.key >> ? ORDER BY e.key"
    )
    with _reading(ledger) as found:
        return _gather(found.execute(sql, (SEQ_BITS, SEQ_BITS)))


def _journal(compound: str, path: Path) -> Iterator[Row]:
    sql = (
        "SELECT s.stream, e.id - s.base, e.kind, e.open, ? FROM entry e JOIN stream s ON s.no = "
        "(SELECT no FROM stream WHERE base < e.id ORDER BY base DESC LIMIT 1) ORDER BY e.id"
    )
    with _reading(path) as found:
        yield from found.execute(sql, (compound,))


def _gather(rows: Iterator[Row]) -> Held:
    held = Held()
    decided: dict[str, tuple[int, str]] = {}
    plates: dict[str, str] = {}
    for stream, seq, kind, body, compound in rows:
        held.entries += 1
        held.passages.setdefault(compound, set())
        if kind == "opened":
            held.passages[compound].add((stream, seq))
        elif kind in {"decided", "plate", "closed"}:
            said: dict[str, Any] = json.loads(body)
            if kind == "plate":
                plates[said["passage"]] = said["status"]
            elif kind == "closed":
                held.interrupted[compound] += said["how"] == "interrupted"
            elif said["revision"] >= decided.get(said["passage"], (0, ""))[0]:
                decided[said["passage"]] = (said["revision"], said["decision"])
    held.decisions = Counter(decision for _, decision in decided.values())
    held.plates = Counter(plates.values())
    return held


def _reading(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The three counts beside each other."""

    expected: dict[str, int]
    recorded: Held
    ledger: Held
    counted: dict[str, int]
    """What central says, by compound."""

    def lost(self) -> int:
        """Count passages that a journal holds and the ledger does not."""
        return len(self.recorded.every() - self.ledger.every())

    def double(self) -> int:
        """Count what central counted beyond the passages there were, compound by compound."""
        once = self.recorded.by_compound()
        beyond = sum(max(0, n - once.get(compound, 0)) for compound, n in self.counted.items())
        return max(beyond, len(self.ledger.every() - self.recorded.every()))

    def disagreements(self) -> list[str]:
        """Say in words where the three differ; nothing when they agree."""
        recorded = self.recorded.by_compound()
        told = []
        for compound in sorted(self.expected.keys() | recorded.keys() | self.counted.keys()):
            three = (
                self.expected.get(compound, 0),
                recorded.get(compound, 0),
                self.counted.get(compound, 0),
            )
            cut = self.recorded.interrupted[compound]
            if not three[0] <= three[1] <= three[0] + cut or three[1] != three[2]:
                told.append(f"{compound}: {three[0]} came, {three[1]} recorded, {three[2]} counted")
        if self.lost():
            told.append(f"{self.lost()} recorded passages are not in the ledger")
        if self.double():
            told.append(f"{self.double()} passages are counted more than once")
        return told

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Give the one object that the unattended demo ends with."""
        return {
            "expected": sum(self.expected.values()),
            "recorded": self.recorded.total(),
            "counted": sum(self.counted.values()),
            "lost": self.lost(),
            "double": self.double(),
            "passages": self.recorded.by_compound(),
            "decisions": dict(sorted(self.recorded.decisions.items())),
            "interrupted": sum(self.recorded.interrupted.values()),
            "seconds": round(seconds, 1),
            "entries": {"recorded": self.recorded.entries, "ledger": self.ledger.entries},
            "plates": dict(sorted(self.recorded.plates.items())),
        }
