"""The journal's file: pragmas, what its errors mean, and room for a full disk."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from gateway.errors import JournalUnwritable
from gateway.journal.schema import lay

MEMORY: Final = ":memory:"
RESERVE_BYTES: Final = 4 * 2**20
"""SQLite cannot even delete on a full disk: this much is kept to be given up."""
BYTES_USED: Final = (
    "SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
"""Asks for the bytes that a database's rows occupy, free pages of its file not counted."""

_BROKEN: Final = (
    "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_IOERR_CORRUPTFS",
    "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ",
)  # fmt: skip
"""A sector that cannot be read is damage like any other: it does not get better by waiting."""
_NO_TEXT: Final = "Could not decode to UTF-8"
"""What Python's `sqlite3` says, without a name, of a text column with a flipped bit."""


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
    lay(connection)


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
    return name.startswith(_BROKEN) or str(error).startswith(_NO_TEXT)


def broken(what: str) -> sqlite3.DatabaseError:
    """Make the error of a file that SQLite would open and that is damaged all the same."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


def unwritable(error: Exception, path: str | Path) -> JournalUnwritable:
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


def unreachable(error: OSError, path: str | Path) -> JournalUnwritable:
    """Say that the file or its folder cannot be got at."""
    return JournalUnwritable(
        f"The journal {path} takes no entry ({error}): look at the card and its mount."
    )


def unreadable(error: BaseException, path: str | Path) -> JournalUnwritable:
    """Say why a journal cannot be read by one who only looks."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name.startswith("SQLITE_BUSY"):
        todo = "try again in a moment"
    elif is_broken(error) and Path(path).is_file():
        todo = "restart the gateway; it sets the file aside and begins a new one"
    else:
        todo = "is data_dir right, has the gate run once, and may this user read the file?"
    return JournalUnwritable(f"The journal {path} cannot be read ({error}): {todo}")
