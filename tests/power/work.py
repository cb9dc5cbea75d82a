"""What is running when the power goes: the gate's real journal, the centre's real ledger and
backups. Each says on the tape what it has shown, acknowledged or promised so far.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, TypeAlias

from central import backup
from central.ledger import Ledger
from gateway import contract
from gateway.contract import Entry, Mark
from gateway.core.events import Record
from gateway.journal.journal import Journal
from tests.central.gates import Stream
from tests.gateway import journals
from tests.power.tape import Tape

AT_MS = 1_600_000_000_000
PLACE = ("c01", "east")

Planted: TypeAlias = Literal["", "synchronous-off", "synchronous-normal", "shown-before-commit",
                             "lying-card", "unsynced-backup"]  # fmt: skip


class Tried(NamedTuple):
    """A transaction is about to begin; it may be there after a cut, whole, or not."""

    count: int


class Shown(NamedTuple):
    """Entries that were shown as recorded."""

    entries: tuple[Entry, ...]


class Deletes(NamedTuple):
    """The gate may from here on lack these."""

    keys: frozenset[tuple[str, int]]


class Acknowledged(NamedTuple):
    """The centre told a gate that it has this."""

    marks: tuple[Mark, ...]


class Promised(NamedTuple):
    """The centre told a gate what it may delete."""

    safe: dict[str, int]


def gate(folder: Path, tape: Tape, chance: Random, size: int, planted: Planted) -> None:
    """Record, alone and in bursts; delete, bury, erase; stop and start again."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    key = 0
    while size > 0:
        journal = _open(folder / "journal.db", number, planted)
        number += 1
        for _ in range(chance.randint(15, 50)):
            records: list[Record] = []
            for _ in range(chance.choice((1, 1, 1, 1, 2, 5, 20))):
                key += 1
                records += [journals.opened(key), journals.reading(key)]
            size -= 1
            _append(tape, journal, records, planted)
            _tidy(tape, journal, chance)
        journal.close()


def _open(path: Path, number: int, planted: Planted) -> Journal:
    journal = journals.open_journal(path, boot=f"boot-{number}", first=number)
    if planted.startswith("synchronous"):
        level = planted.rpartition("-")[2].upper()
        journal._connection.execute(f"PRAGMA synchronous = {level}")
    return journal


def _append(tape: Tape, journal: Journal, records: list[Record], planted: Planted) -> None:
    place = len(tape.ops)
    tape.mark(Tried(len(records)))
    entries = journal.append(records, journals.stamp(place % 100_000))
    tape.mark(Shown(entries))
    if planted == "shown-before-commit":
        tape.ops.insert(place, tape.ops.pop())


def _tidy(tape: Tape, journal: Journal, chance: Random) -> None:
    """Do now and then what the gate's upkeep does."""
    what = chance.randrange(30)
    held = journal.held()
    if what < 3:
        one = held[0]
        seq = chance.randint(one.first, one.last)
        tape.mark(Deletes(frozenset((one.stream, n) for n in range(1, seq + 1))))
        journal.prune([Mark(stream=one.stream, committed=seq, safe=seq)])
    elif what == 3:
        plain = [
            (entry.stream, entry.seq)
            for one in held
            for entry in journal.pending(one.stream, 0, 10_000, 10**9)
            if entry.kind not in {"alert", "tombstone"}
        ]
        tape.mark(Deletes(frozenset(plain[:5])))
        tape.mark(Tried(5))
        tape.mark(Shown(journal.bury(5, "full", journals.stamp())))
    elif what == 4:
        journal.erase_sealed(AT_MS + chance.randrange(100_000_000))


def centre(folder: Path, tape: Tape, chance: Random, size: int, planted: Planted) -> None:
    """Absorb batches of several gates, in and out of order and repeated; back up; start again."""
    (folder / "backup").mkdir(parents=True, exist_ok=True)
    streams = [Stream(boot=f"boot-{n}") for n in range(4)]
    made = 0
    while size > 0:
        ledger = Ledger.open(folder / "ledger.db")
        if planted.startswith("synchronous"):
            level = planted.rpartition("-")[2].upper()
            ledger.db.execute(f"PRAGMA synchronous = {level}")
        ledger.promise(backup.keep(folder / "backup").safe)
        for _ in range(chance.randint(15, 50)):
            size -= 1
            _absorb(tape, ledger, chance.choice(streams), chance, planted)
            if chance.randrange(12) == 0:
                made += 1
                kept = backup.make(folder / "ledger.db", folder / "backup", 2, AT_MS + made * 1000)
                ledger.promise(kept.safe)
                marks = [ledger.mark(stream.id) for stream in streams]
                tape.mark(Promised({mark.stream: mark.safe for mark in marks}))
        ledger.close()


def _absorb(tape: Tape, ledger: Ledger, stream: Stream, chance: Random, planted: Planted) -> None:
    for _ in range(chance.choice((1, 1, 1, 4))):
        stream.passage()
    first = max(0, ledger.mark(stream.id).committed - chance.choice((0, 0, 3)))
    batch = stream.entries[first : first + contract.BATCH_MAX]
    if chance.randrange(5) == 0:
        del batch[: chance.randint(0, len(batch) - 1)]
    place = len(tape.ops)
    absorbed = ledger.absorb(*PLACE, batch, AT_MS)
    tape.mark(Acknowledged(absorbed.marks))
    tape.mark(Shown(tuple(batch)))
    if planted == "shown-before-commit":
        tape.ops[place:] = [*tape.ops[-2:], *tape.ops[place:-2]]


def spoiled(tape: Tape, planted: Planted) -> None:
    """Take from a tape the syncs that a wrong program or a lying card leaves out."""
    leaves: dict[str, Callable[[str], bool]] = {
        "lying-card": lambda _: True,
        "unsynced-backup": lambda path: "/backup" in path,
    }
    if planted in leaves:
        tape.ops = [
            op
            for op in tape.ops
            if not (op.what in {"sync", "syncdir"} and leaves[planted](op.path))
        ]
