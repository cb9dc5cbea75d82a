"""The gate's journal: an append-only chain of entries, the only durable queue of the gate.

Law: one transaction an append. What `append` returned is on disk; what raised is not, and leaves
no trace. Nothing is deleted above central's `safe` without a tombstone, and alerts last. A stream's
id is never used by two starts.

No clock and no randomness: moments come as `Stamp`, a stream's id from `new_stream`. The world
drives this same class on `:memory:`.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from gateway import contract
from gateway.contract import Entry, Mark
from gateway.core.events import Record, Unfinished
from gateway.errors import JournalUnwritable
from gateway.journal import file as journal_file
from gateway.journal import folding, opening
from gateway.journal.draft import CUT, Draft, Write, anchor, bury, ranges
from gateway.journal.reader import Reader, moment_of
from gateway.journal.rows import Fault, Row, Stamp, Stream, Verified
from gateway.journal.salvage import Saved

KEYS_MAX: Final = 4096
"""Passages whose reference is remembered, for records that come after the closing."""
FOLDED_MAX: Final = 4000
"""Entries read back after a start to find passages that were left unfinished."""
ERASED: Final = 2000
"""Entries looked at in one transaction when sealed parts reach their day."""
BROKEN_MAX: Final = 2
"""A file that reads well is given up when SQLite has called it broken so often in a row."""
PRUNED: Final = 5000
"""Entries deleted in one transaction when they are safe: 58,001 at once wrote 28 MB."""

_INSERT: Final = (
    "INSERT INTO entry (id, v, prev, kind, at_ms, open, seal, sealed, own)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)


class Journal(Reader):
    """One gate's journal, open for writing; used by one thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        path: str | Path,
        compound: str,
        gate: str,
        boot: str,
        version: str,
        new_stream: Callable[[], str],
        seal: Callable[[bytes], bytes],
        set_aside: Path | None = None,
    ) -> None:
        super().__init__(connection, path)
        self.set_aside = set_aside
        """The new name of a file that would not open."""
        self.fault: JournalUnwritable | None = None
        """Why there is no file to write to."""
        self.saved = Saved()
        """What could be taken over from a file that would not open."""
        self._origin = contract.Started(compound=compound, gate=gate, boot=boot, version=version)
        self._new_stream = new_stream
        self._seal = seal
        self._current: Stream | None = None
        self._prev = contract.NO_HASH
        self._refs: dict[int, str] = {}
        self._erased = 0
        self._proofs = 0
        self._called_broken = 0
        """How often SQLite called the file broken since it last took something."""
        self._sized: tuple[tuple[sqlite3.Connection, int], int] = ((connection, -1), 0)
        """Up to which change of which file its size is known, and the size."""
        self._unsure = self._ends_unsure()
        """Whether more may have been recorded after the newest entry than anybody can tell."""

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        compound: str,
        gate: str,
        boot: str,
        version: str,
        new_stream: Callable[[], str],
        seal: Callable[[bytes], bytes],
        or_refuse: bool = False,
        alive: Callable[[], object] = lambda: None,
    ) -> Self:
        """Open the journal; a file that will not open is set aside and a new one begun.

        What can still be read of it is taken over, the rest is told as lost; `alive` is called now
        and then meanwhile. Raises JournalUnwritable when there can be no file at `path` at all;
        with `or_refuse` it gives a journal that refuses every entry until `reopen` succeeds, for a
        gate must work on.
        """
        fault = None
        try:
            connection, aside, saved = opening.connect(path, alive=alive)
        except JournalUnwritable as error:
            if not or_refuse:
                raise
            fault = error
            connection, aside, saved = opening.connect(journal_file.MEMORY)
        journal = cls(
            connection, path=path, compound=compound, gate=gate, boot=boot, version=version,
            new_stream=new_stream, seal=seal, set_aside=aside,
        )  # fmt: skip
        journal.saved, journal.fault = saved, fault
        return journal

    @classmethod
    def over(
        cls,
        connection: sqlite3.Connection,
        *,
        compound: str,
        gate: str,
        boot: str,
        version: str,
        new_stream: Callable[[], str],
        seal: Callable[[bytes], bytes],
    ) -> Self:
        """Start again over a connection that outlives this start, as the world's disk does."""
        journal_file.prepare(connection)
        return cls(
            connection, path=journal_file.MEMORY, compound=compound, gate=gate, boot=boot,
            version=version, new_stream=new_stream, seal=seal,
        )  # fmt: skip

    def reopen(self) -> None:
        """Open the file afresh after a fault; a damaged one is set aside and a new one begun.

        So is one that reads well and is called broken again before it took anything. What can still
        be read of it is taken over; what this journal remembers and the file no longer holds is
        told as lost. What follows is a new stream. Raises JournalUnwritable when there can be no
        file.
        """
        try:
            connection, self.set_aside, self.saved = opening.connect(
                self.path, self._connection.close,
                () if self._unsure else tuple(self._streams.values()),
                trusted=self._called_broken < BROKEN_MAX,
            )  # fmt: skip
        except JournalUnwritable as error:
            if not _is_open(self._connection):
                self._connection, self.fault = opening.connect(journal_file.MEMORY)[0], error
            raise
        self._connection.close()
        self._connection, self.fault = connection, None
        self._current, self._prev, self._erased = None, contract.NO_HASH, 0
        if self.set_aside is not None:
            self._called_broken = 0
        self._load()
        self._unsure = self._ends_unsure()

    # --- Writing ----------------------------------------------------------------------------

    def append(self, records: Sequence[Record], stamp: Stamp) -> tuple[Entry, ...]:
        """Write records of one moment, in one transaction; see `append_all`."""
        return self.append_all([(record, stamp) for record in records])

    def append_all(self, records: Sequence[tuple[Record, Stamp]]) -> tuple[Entry, ...]:
        """Write records in one transaction; the first of a start draws the stream.

        Raises JournalUnwritable, and then nothing of it was written.
        """
        if not records:
            return ()
        draft = self._begin(records[0][1])
        for record, stamp in records:
            draft.add(record, stamp)
        self._commit(draft, ())
        return tuple(draft.entries)

    def bury(self, entries: int, reason: str, stamp: Stamp) -> tuple[Entry, ...]:
        """Delete the oldest `entries` though central may lack them, leaving tombstones.

        Only for a bound that forces it. Alerts and tombstones are spared as long as there is
        anything else. Gives what was recorded of it.
        """
        oldest = "SELECT id FROM entry {} ORDER BY id LIMIT ?"
        found = self._read(oldest.format("WHERE kind NOT IN ('alert', 'tombstone')"), (entries,))
        found = found or self._read(oldest.format(""), (entries,))
        streams = [(self.stream_at(row[0]), row[0]) for row in found]
        graves = ranges((stream, row_id - stream.base) for stream, row_id in streams)
        if not graves:
            return ()
        draft = self._begin(stamp)
        writes: list[Write] = []
        for stream, first, last in graves:
            writes += bury(stream, first, last, reason)
            body = contract.Tombstone(stream=stream.stream, first=first, last=last, reason=reason)
            draft.add(Record(body), stamp)
        touched = {stream.no: stream for stream, _, _ in graves}.values()
        writes += map(anchor, touched)
        self._commit(draft, writes)
        self._reload(touched)
        return tuple(draft.entries)

    def prune(self, marks: Iterable[Mark], keep: int = 0) -> int:
        """Delete what is safe at central, but for the newest `keep` entries; give their number.

        The hash of the last deleted entry stays as the anchor of the chain. A portion at a time.
        """
        floor, left = self._end() - keep, PRUNED
        writes: list[Write] = []
        touched = []
        for mark in marks:
            stream = self._streams.get(mark.stream)
            if stream is None:
                continue
            last = min(mark.safe, stream.last, floor - stream.base, stream.anchor + left)
            if last > stream.anchor:
                left -= last - stream.anchor
                writes += [(CUT, (stream.base, stream.base + last)), anchor(stream)]
                touched.append(stream)
            if any(lost.stream == mark.stream and lost.last <= mark.safe for lost in self._lost):
                forget = "DELETE FROM lost WHERE stream = ? AND last <= ? AND last <= "
                forget += "(SELECT anchor FROM stream WHERE no = ?)"
                writes.append((forget, (mark.stream, mark.safe, stream.no)))
        if not writes:
            return 0
        changed = self._run(writes)
        self._reload(touched)
        return sum(count for (sql, _), count in zip(writes, changed, strict=True) if sql == CUT)

    def _reload(self, touched: Iterable[Stream]) -> None:
        for stream in touched:
            stream.anchor, stream.anchor_hash = self._read(
                "SELECT anchor, anchor_hash FROM stream WHERE no = ?", (stream.no,)
            )[0]
        self._load_lost()

    def erase_sealed(self, before_ms: int) -> int | None:
        """Erase the next sealed parts recorded before a moment; None once nothing older is left.

        The chain still verifies. An entry of an unset clock is as old as the next one whose time is
        known. A portion at a time: a card is slow, and the gate's one loop waits for it.
        """
        rows = self._read(
            "SELECT id, at_ms FROM entry WHERE id > ? AND at_ms IS NOT NULL ORDER BY id LIMIT ?",
            (self._erased, ERASED),
        )
        old = [row_id for row_id, at_ms in rows if at_ms < before_ms]
        if not old:
            return None
        erase = "UPDATE entry SET sealed = NULL WHERE id > ? AND id <= ? AND sealed IS NOT NULL"
        count = sum(self._run([(erase, (self._erased, old[-1]))]))
        self._erased = old[-1]
        if count:
            self._read("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def prove(self) -> None:
        """Write something for certain: the least that a commit can be, one page of the card.

        Raises JournalUnwritable. Off the chain, and of no meaning to anybody.
        """
        self._proofs = (self._proofs + 1) % 2**31
        self._run([(f"PRAGMA user_version = {self._proofs}", ())])

    # --- Reading ----------------------------------------------------------------------------

    def bytes_used(self) -> int:
        """Give the bytes that entries occupy; asked of the file only after a row was changed."""
        now = (self._connection, self._connection.total_changes)
        if now != self._sized[0]:
            self._sized = (now, super().bytes_used())
        return self._sized[1]

    @property
    def stream(self) -> str | None:
        """The stream of this start, once something was appended."""
        return None if self._current is None else self._current.stream

    def newest_moment(self) -> Stamp | None:
        """Give the moment of the newest entry, when it is of this boot and understood."""
        for entry in self.newest(1):
            if self._streams[entry.stream].boot == self._origin.boot:
                return moment_of(entry)
        return None

    def unfinished(
        self, stamp: Stamp, boot: str | None = None, first_key: int = 1
    ) -> tuple[Unfinished, ...]:
        """Fold back the passages that are open, and key them from `first_key` on."""
        boots = {stream.stream: stream.boot for stream in self._streams.values()}
        boot = boot or self._origin.boot
        found = []
        for key, open_ in enumerate(folding.fold(self.newest(FOLDED_MAX)), first_key):
            self._refs[key] = open_.ref
            same = boots.get(open_.last_stream) == boot
            away_ms = stamp.mono_ms - open_.mono_ms if same else stamp.at_ms - open_.at_ms
            found.append(open_.as_unfinished(key, away_ms / 1000))
        return tuple(found)

    def knows(self, key: int) -> bool:
        """Say whether a passage's key stands for an entry in this journal."""
        return key in self._refs

    def ref(self, key: int) -> str | None:
        """Give the reference of a passage's key."""
        return self._refs.get(key)

    # --- Within -----------------------------------------------------------------------------

    def _begin(self, stamp: Stamp) -> Draft:
        if self._current is not None:
            return Draft(self._current, self._current.last, self._prev, self._refs, self._seal)
        before = next(reversed(self._streams.values()), None)
        no = before.no + 1 if before else 1
        stream = Stream(no, self._new_stream(), self._end(), self._origin.boot)
        assert stream.stream not in self._streams, "a stream's id is never used by two starts"
        draft = Draft(stream, 0, contract.NO_HASH, self._refs, self._seal)
        body = msgspec.structs.replace(
            self._origin,
            before=before.stream if before else None,
            before_last=before.last if before else 0,
            salvaged=self._unsure,
        )
        draft.add(Record(body), stamp)
        return draft

    def _commit(self, draft: Draft, writes: Sequence[Write]) -> None:
        stream = draft.stream
        if stream is not self._current:
            insert = "INSERT INTO stream (no, stream, base, boot, anchor) VALUES (?,?,?,?,0)"
            writes = [
                (insert, (stream.no, stream.stream, stream.base, stream.boot)), *writes,
            ]  # fmt: skip
        self._run(writes, draft.rows)
        stream.last = draft.seq
        self._prev = draft.prev
        self._unsure = False
        self._current = self._streams[stream.stream] = stream
        self._refs.update(draft.new_refs)
        while len(self._refs) > KEYS_MAX:
            del self._refs[next(iter(self._refs))]

    def _read(self, sql: str, values: Sequence[object] = ()) -> list[Row]:
        try:
            return super()._read(sql, values)
        except JournalUnwritable as error:
            if error.torn:
                opening.suspect(self.path)
            raise

    def _ends_unsure(self) -> bool:
        """Tell whether nothing was recorded since this file was made out of a broken one."""
        newest = next(reversed(self._streams.values()), None)
        no = newest.no if newest else 0
        return bool(self._read("SELECT 1 FROM salvaged WHERE stream_no = ?", (no,)))

    def _run(self, writes: Sequence[Write], rows: Sequence[Row] = ()) -> list[int]:
        """Write in one transaction, all or nothing; give how many rows each write changed."""
        if self.fault is not None:
            raise self.fault
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            changed = [self._connection.execute(sql, values).rowcount for sql, values in writes]
            if rows:
                self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if journal_file.is_broken(error):
                self._called_broken += 1
                opening.suspect(self.path)
            raise journal_file.unwritable(error, self.path) from error
        self._called_broken = 0
        return changed


def _is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.total_changes  # noqa: B018 - a closed one says so.
    except sqlite3.ProgrammingError:
        return False
    return True


__all__ = ["Fault", "Journal", "JournalUnwritable", "Stamp", "Verified"]
