"""The journal's file: opening, schema, setting a broken one aside, and room for a full disk.

Law: a file that will not open is renamed with a number, never deleted.
"""

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gateway.errors import JournalUnwritable

MEMORY: Final = ":memory:"
CHECKED_BYTES_MAX: Final = 64 * 2**20
"""Up to this size the whole file is checked at opening; an SD card reads about 40 MB/s."""
RESERVE_BYTES: Final = 4 * 2**20
"""SQLite cannot even delete on a full disk: this much is kept to be given up."""

_BROKEN: Final = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT"}

migrations: Final = Migrations("gatepost-journal")


@migrations()  # type: ignore[untyped-decorator]
def first_schema(db: Database) -> None:
    """Lay the tables: entries, the streams they belong to, and what was lost.

    An entry's `id` is its stream's `base` plus its sequence, so the one B-tree needs no index
    beside it: each would cost another 4.7 KB on the card for an entry.
    """
    db.table("stream").create(
        {
            "no": int,
            "stream": str,
            "base": int,
            "boot": str,
            "anchor": int,  # the highest sequence that is no longer kept,
            "anchor_hash": bytes,  # and its hash, so that the chain can still be verified
        },
        pk="no",
        not_null={"stream", "base", "boot", "anchor"},
    )
    db.table("entry").create(
        {
            "id": int,
            "v": int,
            "prev": bytes,
            "kind": str,
            "at_ms": int,  # null while the clock was unset
            "open": bytes,
            "seal": bytes,
            "sealed": bytes,  # null once retention has erased it
        },
        pk="id",
        not_null={"v", "prev", "kind", "open"},
    )
    db.table("lost").create(
        {"stream": str, "first": int, "last": int, "reason": str},
        not_null={"stream", "first", "last", "reason"},
    )


def connect(
    path: str | Path, let_go: Callable[[], None] | None = None
) -> tuple[sqlite3.Connection, Path | None]:
    """Open the journal's file and bring its schema up to date.

    Gives the connection, and the new name of a file that had to be set aside; before that
    `let_go` is called, for whoever still has it open would remove the new file's write-ahead log
    when closing the old one. Raises JournalUnwritable when no file can be opened there at all.
    """
    try:
        return _open(path), None
    except sqlite3.Error as error:
        if path == MEMORY or not is_broken(error):
            raise unwritable(error, path) from error
    if let_go is not None:
        let_go()
    aside = set_aside(Path(path))
    try:
        return _open(path), aside
    except sqlite3.Error as error:
        raise unwritable(error, path) from error


def prepare(connection: sqlite3.Connection) -> None:
    """Set the pragmas and bring the schema up to date."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # NORMAL lost 127 of 127 entries at a power cut
        "secure_delete = ON",  # what retention erases is overwritten, not just forgotten
        "busy_timeout = 1000",  # the loop waits for it, and nobody else has any business there
        "journal_size_limit = 4194304",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    migrations.apply(Database(connection))


def set_aside(path: Path) -> Path:
    """Rename a broken file, with its write-ahead log, to the first free number."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}.aside-{number}")
        if not aside.exists():
            break
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
    return aside


def keep_reserve(path: Path, size: int = RESERVE_BYTES) -> bool:
    """Have the reserve file in place; False when the disk has no room for it."""
    with contextlib.suppress(OSError):
        if path.stat().st_size >= size:
            return True
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
            os.fsync(file.fileno())
    except OSError:
        free_reserve(path)
        return False
    return True


def free_reserve(path: Path) -> bool:
    """Give the reserve file's room back to the disk; False when there was none."""
    try:
        path.unlink()
    except OSError:
        return False
    return True


def is_broken(error: BaseException) -> bool:
    """Tell a damaged file from one that cannot be reached or written."""
    name = getattr(error, "sqlite_errorname", None) or ""
    return any(name.startswith(word) for word in _BROKEN)


def unwritable(error: sqlite3.Error, path: str | Path) -> JournalUnwritable:
    """Say what SQLite said in words of the gate."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_FULL":
        return JournalUnwritable(
            f"The disk of {path} is full: make room there, or put in a larger card.", "full"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        todo = "make the folder and the file writable for this user; a card may be worn out"
    elif name.startswith("SQLITE_BUSY"):
        todo = "end the other program that holds it open"
    elif is_broken(error):
        todo = "restart the gateway; it sets the file aside and begins a new one"
    else:
        todo = "look at the card and its mount"
    return JournalUnwritable(
        f"The journal {path} takes no entry ({error}): {todo}.", torn=is_broken(error)
    )


def unreadable(error: BaseException, path: str | Path) -> JournalUnwritable:
    """Say why a journal cannot be read by one who only looks."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_BUSY"):
        todo = "try again in a moment"
    elif is_broken(error):
        todo = "restart the gateway; it sets the file aside and begins a new one"
    else:
        todo = "is data_dir right, has the gate run once, and may this user read the file?"
    return JournalUnwritable(f"The journal {path} cannot be read ({error}): {todo}")


def _open(path: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(str(path))
    try:
        prepare(connection)
        _check(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: str | Path) -> None:
    """Read what must be readable; a torn page shows itself here and not in the rush hour."""
    if path == MEMORY:
        return
    for table in ("stream", "entry", "lost"):
        connection.execute(f"SELECT * FROM {table} ORDER BY rowid DESC LIMIT 1000").fetchall()  # noqa: S608 - our own names.
    if Path(path).stat().st_size <= CHECKED_BYTES_MAX:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            broken = sqlite3.DatabaseError(found)
            broken.sqlite_errorname = "SQLITE_CORRUPT"
            raise broken
