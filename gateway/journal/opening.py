"""Opening the journal: checked before it is believed, and made anew out of a broken file.

Law: the new file is whole before the broken one is renamed, so a gate that dies in between begins
again. A broken file is set aside with the next number; the newest few are kept, so that a card that
goes on breaking files is not filled with them.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway import contract
from gateway.errors import JournalUnwritable
from gateway.journal import file as journal_file
from gateway.journal.file import MEMORY
from gateway.journal.reader import Reader
from gateway.journal.rows import OWN_BYTES, Stream, entry_of
from gateway.journal.salvage import Saved, salvage

CHECKED_BYTES_MAX: Final = 64 * 2**20
"""Up to this size the whole file is checked at every opening; an SD card reads about 40 MB/s."""
NEWEST: Final = 1000
"""Rows of each table that are read at the opening of any file."""
ASIDE_MAX: Final = 5
ASIDE_BYTES_MAX: Final = 256 * 2**20
"""Files set aside are kept up to so many and so much, the newest in any case."""
WAL_VERSION: Final = 2
"""Of the file's format, in bytes 18 and 19 of its head; SQLite only reads what is above it."""
_COLUMNS: Final = {
    "stream": "no, stream, base, boot, anchor, anchor_hash",
    "entry": "id, v, prev, kind, at_ms, open, seal, sealed, own",
    "lost": "stream, first, last, reason",
    "salvaged": "stream_no, entries, lost",
}
"""All that is ever asked of a table, by name."""
PROGRESS: Final = 200_000
"""Steps of SQLite's machine between two signs of life: some 15,000 entries checked."""
_PARTS: Final = ("", "-wal", "-shm")
_SHORTEST: Final = 512
"""No database is shorter, but an empty one."""


def connect(
    path: str | Path,
    let_go: Callable[[], None] = lambda: None,
    known: Sequence[Stream] = (),
    alive: Callable[[], object] = lambda: None,
    *,
    trusted: bool = True,
) -> tuple[sqlite3.Connection, Path | None, Saved]:
    """Open the journal's file and bring its schema up to date.

    Gives the connection, the new name of a file that had to be set aside, and what was taken over
    from it; before that `let_go` is called, for whoever still has it open would remove the new
    file's write-ahead log when closing the old one. `known` are the streams of a gate that runs: a
    file that holds less of them is set aside, too, so that what is gone is named; so is one that is
    not `trusted`. `alive` is called now and then while a large file is read. Raises
    JournalUnwritable when no file can be opened there at all.
    """
    try:
        if path == MEMORY:
            return _open(path), None, Saved()
        _finish(Path(path))
        if not trusted:
            raise journal_file.broken("SQLite goes on calling it broken")
        return _open(path, alive, known), None, Saved()
    except (sqlite3.Error, LookupError, ValueError) as error:
        if path == MEMORY or not _is_damaged(error):
            raise journal_file.unwritable(error, path) from error
    except OSError as error:
        raise journal_file.unreachable(error, path) from error
    let_go()
    try:
        saved = _make_anew(Path(path), known, alive)
        aside = _swap(Path(path))
        dropped = _bound_aside(Path(path))
        return _open(path), aside, replace(saved, dropped=dropped)
    except sqlite3.Error as error:
        raise journal_file.unwritable(error, path) from error
    except OSError as error:
        raise journal_file.unreachable(error, path) from error


def _is_damaged(error: Exception) -> bool:
    """Tell a file that will not open for its own sake.

    One flipped bit renames a column in the schema, or leaves a name that is no text.
    """
    name = getattr(error, "sqlite_errorname", None)
    schema = not isinstance(error, sqlite3.Error) or name == "SQLITE_ERROR"
    return schema or journal_file.is_broken(error)


def _open(
    path: str | Path,
    alive: Callable[[], object] = lambda: None,
    known: Sequence[Stream] = (),
) -> sqlite3.Connection:
    if path != MEMORY and _has_lost_its_head(Path(path)):
        raise journal_file.broken("the file is gone, its write-ahead log is not")
    if path != MEMORY and _calls_itself_newer(Path(path)):
        raise journal_file.broken("the file's head asks for another SQLite")
    connection = sqlite3.connect(str(path))
    try:
        journal_file.prepare(connection)
        if path != MEMORY:
            _check(connection, Path(path), alive)
            _compare(connection, Path(path), known)
    except BaseException as error:
        connection.close()
        if isinstance(error, JournalUnwritable):
            raise (error.__cause__ or error) from None
        raise
    return connection


def _has_lost_its_head(path: Path) -> bool:
    """Tell of a log without a file: SQLite would delete the log."""
    with contextlib.suppress(OSError):
        if Path(f"{path}-wal").stat().st_size:
            return not path.exists() or path.stat().st_size < _SHORTEST
    return False


def _calls_itself_newer(path: Path) -> bool:
    """Tell of a flipped bit by which SQLite would take the file for read-only, for good."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return any(version > WAL_VERSION for version in file.read(20)[18:])
    return False


def _check(connection: sqlite3.Connection, path: Path, alive: Callable[[], object]) -> None:
    """Read what must be readable; a torn page shows itself here and not in the rush hour."""
    for table, columns in _COLUMNS.items():
        newest = f"SELECT {columns} FROM {table} ORDER BY rowid DESC LIMIT {NEWEST}"  # noqa: S608 - our own names.
        if any(row[0] is None for row in connection.execute(newest)):
            raise journal_file.broken(f"the key of {table} is none any more")
    if path.stat().st_size > CHECKED_BYTES_MAX and not _suspected(path).exists():
        return
    alive()
    connection.set_progress_handler(lambda: bool(alive()) and False, PROGRESS)
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        wrong = _wrong(connection, path) if found == "ok" else found
    except (AttributeError, OverflowError, StopIteration, TypeError, ValueError) as error:
        wrong = f"a column is not what it was: {error}"
    finally:
        connection.set_progress_handler(None, 0)
    if wrong:
        raise journal_file.broken(wrong)
    _suspected(path).unlink(missing_ok=True)


def _compare(connection: sqlite3.Connection, path: Path, known: Sequence[Stream]) -> None:
    """Hold the file to what the gate remembers: an older card, or an empty one, holds less."""
    if known:
        held = Reader(connection, path)
        if any((held.last(one.stream) or 0) < one.last for one in known):
            raise journal_file.broken("it holds less than was recorded")


def suspect(path: str | Path) -> None:
    """Have the file checked whole at its next opening, however large: it could not be read."""
    if path != MEMORY:
        with contextlib.suppress(OSError):
            _suspected(Path(path)).touch()


def _suspected(path: Path) -> Path:
    return path.with_name(f"{path.name}.suspected")


def _wrong(connection: sqlite3.Connection, path: Path) -> str | None:
    """Say what of a file that SQLite finds whole is not as it was recorded."""
    reader = Reader(connection, path)
    for fault in reader.verify().faults:
        return f"entry {fault.seq} {fault.what}"
    for lost in reader.lost():
        if lost.last > (reader.last(lost.stream) or 0):
            return "a range is called lost that never was"
    # The chain confirms every entry but those that no later one names.
    for row in connection.execute(
        "SELECT id, v, prev, kind, open, seal, sealed, own FROM entry WHERE own IS NOT NULL"
        " AND (id + 1 NOT IN (SELECT id FROM entry) OR id IN (SELECT base FROM stream))"
    ):
        entry = entry_of(row[:7], reader.stream_at(row[0]))
        if contract.digest_of(entry)[:OWN_BYTES] != row[7]:
            return f"entry {entry.seq} is not what was recorded"
    return None


# --- A broken file ----------------------------------------------------------------------------


def _made(path: Path) -> Path:
    """Name the new file once it is whole."""
    return path.with_name(f"{path.name}.new")


def _make_anew(path: Path, known: Sequence[Stream], alive: Callable[[], object]) -> Saved:
    """Write a file beside the broken one, whole and synced, with what that one still holds."""
    making = path.with_name(f"{path.name}.making")
    _remove(making)
    connection = sqlite3.connect(str(making))
    try:
        journal_file.prepare(connection)
        saved = salvage(path, connection, known, alive)
    except BaseException:
        connection.close()
        _remove(making)  # It may be what fills the disk.
        raise
    connection.close()
    making.rename(_made(path))
    return saved


def _swap(path: Path) -> Path:
    """Rename the broken file, its log and its index to the next number, then the new one.

    Ended in between it is done again, from where it was: the new file never meets the old log.
    """
    aside = path.with_name(f"{path.name}.aside-{max(_aside(path), default=0) + 1}")
    for part in _PARTS:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{aside}{part}")
    _made(path).rename(path)
    _sync(path.parent)
    return aside


def _finish(path: Path) -> None:
    """End a swap that a power cut ended: the new file is whole once the broken one has gone."""
    if not path.exists() and _made(path).exists():
        _swap(path)


def _aside(path: Path) -> dict[int, int]:
    """Give the numbers of the files set aside, and their sizes in bytes."""
    found: dict[int, int] = {}
    name = re.compile(re.escape(path.name) + r"\.aside-(\d+)(-wal|-shm)?")
    for one in path.parent.iterdir():
        if match := name.fullmatch(one.name):
            number = int(match[1])
            found[number] = found.get(number, 0) + one.stat().st_size
    return found


def _bound_aside(path: Path) -> int:
    """Delete the oldest files set aside beyond the bounds; give how many."""
    found = _aside(path)
    size = dropped = 0
    for nth, number in enumerate(sorted(found, reverse=True)):
        size += found[number]
        if nth and (nth >= ASIDE_MAX or size > ASIDE_BYTES_MAX):
            _remove(path.with_name(f"{path.name}.aside-{number}"))
            dropped += 1
    return dropped


def _remove(path: Path) -> None:
    for part in _PARTS:
        Path(f"{path}{part}").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
