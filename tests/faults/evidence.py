"""What was recorded, and what was counted: read from the files, by their plain tables.

Neither the gateway's nor central's arithmetic is trusted here: entries are compared by name and
hash, counters with a slow count of the recorded bodies (`tests.central.oracle`), and both with
what central itself says.
"""

import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from gateway import contract
from tests.central import oracle

SEQ_BITS = 40
_JOURNAL = (
    "SELECT s.stream, e.id - s.base, e.v, e.prev, e.kind, e.open, e.seal FROM entry e"
    " JOIN stream s ON s.no = (SELECT no FROM stream WHERE base < e.id ORDER BY base DESC LIMIT 1)"
    " ORDER BY e.id"
)
_LEDGER = (
    "SELECT s.id, e.key & ((1 << 40) - 1), e.v, e.prev, e.kind, e.open, e.seal, e.understood"
    " FROM entry e JOIN stream s ON s.no = e.key >> 40 ORDER BY e.key"
)


class Row(NamedTuple):
    """One entry, as a file holds it."""

    stream: str
    seq: int
    kind: str
    open: bytes
    hash: str


def _row(stream, seq, v, prev, kind, open_, seal, *_):
    digest = contract.entry_hash(
        v, stream, seq, prev.hex(), kind, bytes(open_), seal.hex() if seal else None
    )
    return Row(stream, seq, kind, bytes(open_), digest)


def sent_row(entry):
    """Make a row of an entry that was seen on the wire: none is sent before it is recorded."""
    return Row(entry.stream, entry.seq, entry.kind, bytes(entry.open), contract.hash_of(entry))


def read_only(path):
    return closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=20))


def journal_rows(path):
    """Read a journal's entries, also one that its gate holds or that lies on a read-only disk."""
    with tempfile.TemporaryDirectory(prefix="gatepost-journal-") as folder:
        copy = Path(folder) / "journal.db"
        for suffix in ("", "-wal"):
            if Path(f"{path}{suffix}").exists():
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        with closing(sqlite3.connect(copy)) as db:
            return [_row(*row) for row in db.execute(_JOURNAL)]


def live_rows(path):
    """Read the journal of a gate that runs."""
    with read_only(path) as db:
        return [_row(*row) for row in db.execute(_JOURNAL)]


class Recorded:
    """Every entry that any journal was ever seen to hold; a tampered file takes none back."""

    def __init__(self):
        self.rows = {}
        self.forged = 0
        """Entries of one name and two contents: a stream's id was used twice."""

    def add(self, rows):
        for row in rows:
            kept = self.rows.setdefault((row.stream, row.seq), row)
            self.forged += kept.hash != row.hash


@dataclass(slots=True)
class Verdict:
    """The two beside each other."""

    recorded: int = 0
    counted: int = 0
    passages: int = 0
    lost: int = 0
    named: int = 0
    """Of what is not there, what central itself says is lost,"""
    unsure: int = 0
    """or may be: beyond what could be read of a broken journal. Counted in `named`, too."""
    double: int = 0
    wrong: list[str] = field(default_factory=list)
    kinds: dict[str, int] = field(default_factory=dict)
    compounds: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)


class Held:
    """What the ledger holds and counts."""

    def __init__(self, ledger):
        with read_only(ledger) as db:
            self.rows, self.not_understood = {}, 0
            for found in db.execute(_LEDGER):
                row = _row(*found)
                self.rows[row.stream, row.seq] = row
                self.not_understood += not found[7]
            self.lost = db.execute(
                "SELECT s.id, l.first, l.last FROM lost l JOIN stream s ON s.no = l.stream"
            ).fetchall()
            self.streams = {
                name: (compound, gate, before)
                for name, compound, gate, before in db.execute(
                    "SELECT id, compound, gate, before FROM stream WHERE top > 0"
                )
            }
            # An earlier central's ledger knows nothing of broken journals.
            tells = any(row[1] == "salvaged" for row in db.execute("PRAGMA table_info(stream)"))
            torn = "SELECT compound, gate, before, before_last FROM stream WHERE salvaged"
            self.torn = db.execute(torn).fetchall() if tells else []
            self.troubles = Counter(
                what for (what,) in db.execute("SELECT what FROM trouble").fetchall()
            )
            self.conflicts = db.execute("SELECT count(*) FROM conflict").fetchone()[0]
            found = db.execute("SELECT * FROM counter")
            names = [one[0] for one in found.description[4:]]
            self.counters = {
                row[:4]: {name: n for name, n in zip(names, row[4:], strict=True) if n}
                for row in found
                if any(row[4:])
            }

    def says_lost(self, ref):
        return any(ref[0] == s and first <= ref[1] <= last for s, first, last in self.lost)

    def says_unsure(self, ref):
        """Tell whether an entry stood beyond what a start could read of its broken journal."""
        stream, seq = ref
        return any(
            seq > last if stream == named[2] else self.streams.get(stream, named) == named
            for *place, last in self.torn
            for named in [tuple(place)]
        )

    def accounts_for(self, ref):
        return ref in self.rows or self.says_lost(ref) or self.says_unsure(ref)


class _Entry(NamedTuple):
    stream: str
    seq: int
    kind: str
    open: bytes


def nothing(_):
    """Say of an entry that the harm cannot have taken it."""
    return False


def judge(recorded, held, summary, may_be_gone=nothing):
    """Compare what was recorded with what is counted, and with what central says it counted.

    `may_be_gone` tells of an entry's name whether the harm can have taken it.
    """
    verdict = Verdict(recorded=len(recorded.rows), counted=len(held.rows))
    missing = [ref for ref in recorded.rows if ref not in held.rows]
    verdict.unsure = sum(held.says_unsure(ref) for ref in missing if not held.says_lost(ref))
    verdict.named = sum(held.says_lost(ref) for ref in missing) + verdict.unsure
    verdict.lost = len(missing) - verdict.named
    verdict.double = len(held.rows.keys() - recorded.rows.keys()) + held.conflicts
    verdict.wrong += _misnamed(recorded, held, missing, may_be_gone)
    arrived = {ref: row for ref, row in recorded.rows.items() if ref in held.rows}
    differing = sum(row.hash != held.rows[ref].hash for ref, row in arrived.items())
    if differing:
        verdict.wrong.append(f"{differing} entries are held otherwise than they were recorded")
    if recorded.forged:
        verdict.wrong.append(f"{recorded.forged} names of entries were given twice")
    starts = {ref: row for ref, row in recorded.rows.items() if row.kind == "started"}
    expected = oracle.count(
        [_Entry(r.stream, r.seq, r.kind, r.open) for r in (arrived | starts).values()]
    )
    verdict.double += _beyond(expected, held.counters)
    verdict.wrong += _differences(expected, held.counters)
    verdict.passages = sum(found.get("passages", 0) for found in expected.values())
    if summary["total"] != verdict.passages:
        verdict.wrong.append(f"central says {summary['total']} passages of {verdict.passages}")
    if summary["rows"] != summary["distinct"]:
        verdict.wrong.append(f"{summary['rows']} rows, {summary['distinct']} of them distinct")
    verdict.kinds = dict(sorted(Counter(row.kind for row in arrived.values()).items()))
    for bucket, found in expected.items():
        for counts, name in ((verdict.compounds, bucket[0]), (verdict.days, bucket[2])):
            counts[name] = counts.get(name, 0) + found.get("passages", 0)
    return verdict


def _misnamed(recorded, held, missing, may_be_gone):
    """Hold what is called lost, or perhaps missing, to what was recorded and may be gone.

    A stream counts from 1 without a gap: below an entry that somebody saw each one was recorded,
    though nobody saw it while it was there.
    """
    tops = {}
    for stream, seq in (*recorded.rows, *held.rows):
        tops[stream] = max(seq, tops.get(stream, 0))
    named = {ref for ref in missing if held.says_unsure(ref)}
    for stream, first, last in held.lost:
        top = tops.get(stream, 0)
        named.update((stream, seq) for seq in range(first, min(last, top) + 1))
        beyond = range(max(first, top + 1), last + 1)
        if not all(may_be_gone((stream, seq)) for seq in beyond):
            yield f"{stream}: {beyond[0]} to {last} are named as lost and were never recorded"
    if there := len(named & held.rows.keys()):
        yield f"{there} entries are named as lost and are in the ledger"
    if found := [ref for ref in named - held.rows.keys() if not may_be_gone(ref)]:
        yield f"{len(found)} entries are named as lost that the harm cannot have taken"


def _beyond(expected, counters):
    """Count passages that central counts beyond those that there were, bucket by bucket."""
    return sum(
        max(0, found.get("passages", 0) - expected.get(bucket, {}).get("passages", 0))
        for bucket, found in counters.items()
    )


def _differences(expected, counters):
    for bucket in sorted(expected.keys() | counters.keys()):
        one, other = dict(expected.get(bucket, {})), dict(counters.get(bucket, {}))
        if one != other:
            names = sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n))
            told = ", ".join(f"{n} {one.get(n, 0)} but {other.get(n, 0)} counted" for n in names)
            yield f"{'/'.join(map(str, bucket))}: {told}"
