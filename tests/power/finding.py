"""What must be found when the power is back: opened by the real code, looked at by it and by us."""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from central import backup
from central.errors import LedgerUnreadable
from central.ledger import Ledger
from gateway import contract
from gateway.contract import Entry
from gateway.errors import JournalUnwritable
from gateway.journal.journal import Journal
from tests.gateway import journals
from tests.power.tape import Op
from tests.power.work import Acknowledged, Deletes, Promised, Shown, Tried

Told: TypeAlias = tuple[str, str, bytes]


def lay_out(files: dict[str, bytes], was: Path, here: Path) -> None:
    """Write the files that are left, in another folder."""
    for path, data in files.items():
        place = here / os.path.relpath(path, os.path.realpath(was))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def told(entry: Entry) -> Told:
    """Give what of an entry must be found again; the chain's check sees to the rest."""
    return entry.prev, entry.kind, bytes(entry.open)


class Known:
    """What had been said before the cut."""

    def __init__(self) -> None:
        self.shown: dict[tuple[str, int], Told] = {}
        self.gone: set[tuple[str, int]] = set()
        self.committed: dict[str, int] = {}
        self.safe: dict[str, int] = {}
        self.tried = 0

    def hear(self, ops: Iterable[Op]) -> None:
        """Take marks of the tape."""
        for op in ops:
            match op.mark:
                case Shown():
                    self.tried = 0
                    for entry in op.mark.entries:
                        self.shown[entry.stream, entry.seq] = told(entry)
                case Tried():
                    self.tried = op.mark.count
                case Deletes():
                    self.gone |= op.mark.keys
                case Acknowledged():
                    self.committed |= {mark.stream: mark.committed for mark in op.mark.marks}
                case Promised():
                    self.safe |= op.mark.safe


def gate_faults(folder: Path, known: Known) -> Iterator[str]:
    """Open the journal as the gate's next start does; name everything that is wrong."""
    path = folder / "journal.db"
    if not path.exists():
        if known.shown:
            yield "the file is gone"
        return
    try:
        journal = journals.open_journal(path, boot="after", first=900_000)
    except JournalUnwritable as error:
        yield f"it does not open: {error}"
        return
    except Exception as error:  # noqa: BLE001 - whatever ends the start of a gate is a loss.
        yield f"the start dies of {error!r}"
        return
    with closing(journal):
        yield from _journal_faults(journal, known)


def _journal_faults(journal: Journal, known: Known) -> Iterator[str]:
    if journal.set_aside is not None:
        yield "the file would not open and was set aside"
    held = {(one.stream, one.seq): told(one) for one in _entries(journal)}
    missing = [key for key in known.shown if key not in held and key not in known.gone]
    if missing:
        yield f"{len(missing)} entries shown as recorded are missing, first {missing[0]}"
    if any(held.get(key, entry) != entry for key, entry in known.shown.items()):
        yield "an entry is not what was shown"
    more = len(held.keys() - known.shown.keys())
    if more and not known.tried:
        yield f"{more} entries are there that nobody recorded"
    for fault in journal.verify().faults:
        yield f"the chain: {fault}"
    last = journal.held()[-1] if journal.held() else None
    started = journal.append([journals.opened(1)], journals.stamp())[0]
    body = contract.decode_body(started)
    assert isinstance(body, contract.Started)
    if last is not None and (body.before, body.before_last) != (last.stream, last.last):
        yield "the next start does not go on from the last entry"


def _entries(journal: Journal) -> Iterator[Entry]:
    for one in journal.held():
        after = one.first - 1
        while found := journal.pending(one.stream, after):
            yield from found
            after = found[-1].seq


def centre_faults(folder: Path, known: Known) -> Iterator[str]:
    """Open the ledger and the backups as the centre's next start does."""
    if not (folder / "ledger.db").exists():
        if known.shown:
            yield "the ledger is gone"
        return
    try:
        ledger = Ledger.open(folder / "ledger.db")
    except LedgerUnreadable as error:
        yield f"the ledger does not open: {error}"
        return
    with closing(ledger):
        yield from _ledger_faults(ledger, known)
    kept = backup.keep(folder / "backup")
    for stream, safe in known.safe.items():
        if kept.safe.get(stream, 0) < safe:
            yield f"{safe} was promised as safe, a kept backup holds {kept.safe.get(stream, 0)}"


def _ledger_faults(ledger: Ledger, known: Known) -> Iterator[str]:
    (verdict,) = ledger.db.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        yield f"the ledger is damaged: {verdict}"
        return
    for stream, committed in known.committed.items():
        if ledger.mark(stream).committed < committed:
            yield f"{committed} was acknowledged, {ledger.mark(stream).committed} is held"
    rows = ledger.db.execute(
        "SELECT s.id, e.key & ((1 << 40) - 1), e.prev, e.kind, e.open FROM entry e"
        " JOIN stream s ON s.no = e.key >> 40"
    )
    held = {(row[0], row[1]): (row[2].hex(), row[3], row[4]) for row in rows}
    missing = sum(held.get(key) != entry for key, entry in known.shown.items())
    if missing:
        yield f"{missing} acknowledged entries are missing"
    if ledger.counters() != ledger.recount():
        yield "the counters are not those of the entries"
