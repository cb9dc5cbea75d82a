"""The desk: what the gate itself must still know in plain for some hours, encrypted at rest.

Plate text and crops of passages, so that a restart in the middle of one can go on showing them.
Losing the desk loses no count: a desk that will not open is thrown away and begun anew.

A second such file holds the lessons: crops of plates that the guard read, for the next training.
They stay on the gate until their day, or until somebody takes them along by a command.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import msgspec
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from gateway import contract
from gateway.core.events import PlateRead
from gateway.journal import file as journal_file

DESK: Final = "desk.db"
LESSONS: Final = "lessons.db"
SHRUNK: Final = 200
"""Notes given up at a time, to stay under a bound: 6 MB at most, for a slow card's sake."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the desk holds of one passage."""

    status: contract.PlateStatus = "unread"
    text: str = ""
    confidence_pct: int = 0
    candidates: tuple[str, ...] = ()
    plate_kind: str = ""
    crop: bytes = b""

    def __repr__(self) -> str:
        return f"Note(status={self.status!r}, ...)"

    def as_plate(self, lane: str) -> PlateRead | None:
        """Say it as the core's event does; None when no plate was ever seen."""
        if self == Note():
            return None
        return PlateRead(
            camera="", lane=lane, track=0,
            status="read" if self.status == "typed" else self.status,
            text=self.text, confidence_pct=self.confidence_pct, candidates=self.candidates,
            plate_kind=self.plate_kind, crop=self.crop,
        )  # fmt: skip


class Desk:
    """One encrypted file of notes, by passage reference."""

    def __init__(self, connection: sqlite3.Connection, key: bytes) -> None:
        self._connection = connection
        self._box = SecretBox(key)

    @classmethod
    def open(cls, path: str | Path, key: bytes) -> Self:
        """Open the desk; one that will not open is deleted and begun anew, in memory at worst."""
        try:
            return cls(_open(path), key)
        except sqlite3.Error:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(f"{path}{suffix}").unlink()
        try:
            return cls(_open(path), key)
        except sqlite3.Error:
            return cls(_open(":memory:"), key)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def keep(self, ref: str, note: Note, at_ms: int) -> None:
        """Put a passage's note on the desk, in place of an older one."""
        box = self._box.encrypt(msgspec.msgpack.encode(note))
        with contextlib.suppress(sqlite3.Error):  # A full disk costs a picture, never a count.
            self._connection.execute(
                "INSERT OR REPLACE INTO note (ref, at_ms, box) VALUES (?,?,?)", (ref, at_ms, box)
            )

    def find(self, ref: str) -> Note | None:
        """Read a passage's note; None when there is none, or none that this key opens."""
        row = None
        with contextlib.suppress(sqlite3.Error):
            row = self._connection.execute("SELECT box FROM note WHERE ref = ?", (ref,)).fetchone()
        if row is None:
            return None
        try:
            return msgspec.msgpack.decode(self._box.decrypt(row[0]), type=Note)
        except (CryptoError, msgspec.DecodeError):
            return None

    def notes(self) -> Iterator[tuple[str, Note]]:
        """Give every note that this key opens, the oldest first."""
        rows = self._connection.execute("SELECT ref FROM note ORDER BY at_ms, ref").fetchall()
        for (ref,) in rows:
            note = self.find(ref)
            if note is not None:
                yield ref, note

    def clear(self, before_ms: int, after_ms: int | None = None) -> int:
        """Delete the notes older than a moment, and those of a future that cannot be."""
        return self._delete(
            "DELETE FROM note WHERE at_ms < ? OR at_ms > ?",
            before_ms,
            2**62 if after_ms is None else after_ms,
        )

    def shrink(self, bytes_max: int) -> int:
        """Delete the oldest notes, a portion at a time, while they occupy more than that."""
        with contextlib.suppress(sqlite3.Error):  # As in `_delete`.
            if self._connection.execute(journal_file.BYTES_USED).fetchone()[0] > bytes_max:
                oldest = "SELECT ref FROM note ORDER BY at_ms, ref LIMIT ?"
                return self._delete(f"DELETE FROM note WHERE ref IN ({oldest})", SHRUNK)  # noqa: S608
        return 0

    def _delete(self, sql: str, *values: int) -> int:
        gone = 0
        with contextlib.suppress(sqlite3.Error):  # A card that takes nothing: an hour later again.
            gone = self._connection.execute(sql, values).rowcount
            if gone:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone


def _open(path: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(str(path), isolation_level=None)
    try:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS note (ref TEXT PRIMARY KEY, at_ms INTEGER NOT NULL,"
            " box BLOB NOT NULL) WITHOUT ROWID"
        )
        connection.execute("SELECT count(*) FROM note").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
