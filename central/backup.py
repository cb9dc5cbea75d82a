"""Online backups of the ledger, and the word `safe` that is read from inside all those kept.

A gate may delete what `safe` covers, so it is read from nowhere else: each backup is written under
another name, opened, checked whole, and only then takes its place; the oldest beyond the wanted
number goes only after the newest has checked out. A backup that does not check out counts for
nothing. `safe` is what *every* kept one holds: that of the oldest, as long as each goes on from
the one before; after a restore a newer one may hold what the ledger no longer has.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from central import spans
from central.errors import BackupFailed
from central.spans import Span

_PATTERN: Final = "ledger-????????T?????????Z.db"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the backups are worth."""

    count: int
    oldest: str
    newest: str
    safe: Mapping[str, int]
    """By stream, the contiguous sequence that every kept backup holds or knows to be lost."""
    lost: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """By stream, what a kept backup took for lost: should it turn up, it is in no backup."""


NOTHING: Final = Kept(0, "", "", {})


def name_of(at_ms: int) -> str:
    """Name a backup by its moment, so that names sort by age.

    >>> name_of(1_581_400_000_123)
    'ledger-20200211T054640123Z.db'
    """
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"ledger-{moment:%Y%m%dT%H%M%S}{at_ms % 1000:03d}Z.db"


def made_ms(name: str) -> int:
    """Read a backup's moment back from its name.

    >>> made_ms("ledger-20200211T054640123Z.db")
    1581400000123
    """
    moment = datetime.strptime(name[7:22], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + int(name[22:25])


def backups(directory: Path) -> list[Path]:
    """List the backups, oldest first."""
    return sorted(directory.glob(_PATTERN))


def make(ledger: Path, directory: Path, count: int, at_ms: int) -> Kept:
    """Copy the ledger while it is in use, check the copy, keep the newest; raises BackupFailed."""
    final = directory / name_of(_after_all(directory, at_ms))
    draft = final.with_suffix(".draft")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for stale in directory.glob("*.draft*"):
            stale.unlink()
        _copy(ledger, draft)
        with checked(draft):
            pass
        _settle(draft, final, directory)
        for old in backups(directory)[:-count]:
            old.unlink()
        _sync(directory)  # A power cut must not bring back one that holds less than is promised.
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        what = f"no backup into {directory}: {error}"
        full = isinstance(error, OSError | sqlite3.OperationalError)  # No word of damage.
        if not full and (torn := _damage(ledger)) is not None:
            what = f"{ledger} is damaged ({torn}): restore a backup"
        raise BackupFailed(f"{what}; until one is made no gate may delete anything") from error
    return keep(directory)


def _damage(ledger: Path) -> str | None:
    """Say what is wrong with a ledger that is in use; None when it reads well."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return None  # It cannot be had now, which says nothing of it.
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if verdict == "ok" else " ".join(str(verdict).split())


def _after_all(directory: Path, at_ms: int) -> int:
    """Give a moment that is newer than every backup's, though the clock was set back."""
    return max([at_ms, *(made_ms(path.name) + 1 for path in backups(directory)[-1:])])


def _copy(ledger: Path, draft: Path) -> None:
    """Copy in one step: one read transaction, beside which the ledger goes on being written."""
    source = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=30.0)
    target = sqlite3.connect(draft)
    try:
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        source.close()
        target.close()


@contextlib.contextmanager
def checked(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a backup and check it whole; raises sqlite3.DatabaseError."""
    with contextlib.closing(_open(path)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{path}: {verdict}")
        db.execute("SELECT count(*) FROM stream").fetchone()
        yield db


def _settle(draft: Path, final: Path, directory: Path) -> None:
    _sync(draft)
    draft.rename(final)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def keep(directory: Path) -> Kept:
    """Read what the kept backups are worth, passing over any that does not check out.

    Reads every backup whole: not for the loop that gates wait for.
    """
    good: list[tuple[Path, dict[str, int]]] = []
    lost: dict[str, list[Span]] = {}
    for path in backups(directory):
        with contextlib.suppress(sqlite3.Error), checked(path) as db:
            good.append((path, marks(db)))
            for stream, first, last in losses(db):
                spans.add(lost.setdefault(stream, []), first, last)
    if not good:
        return NOTHING
    found = [held for _, held in good]
    safe = {
        stream: min(held.get(stream, 0) for held in found)
        for stream in found[0]
        if all(stream in held for held in found)
    }
    gone = {stream: tuple(found) for stream, found in lost.items()}
    return Kept(len(good), good[0][0].name, good[-1][0].name, safe, gone)


def marks(db: sqlite3.Connection) -> dict[str, int]:
    """Read from inside a backup how far each stream had come."""
    return dict(db.execute("SELECT id, committed FROM stream WHERE committed > 0"))


def knows_gates(path: Path) -> bool:
    """Tell whether a backup can be read and knows of a gate."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(_open(path)) as db:
        return db.execute("SELECT 1 FROM stream LIMIT 1").fetchone() is not None
    return False


def losses(db: sqlite3.Connection) -> list[tuple[str, int, int]]:
    """Read from inside a backup what it took for lost: stream, first and last."""
    return db.execute(
        "SELECT s.id, l.first, l.last FROM lost l JOIN stream s ON s.no = l.stream"
        " ORDER BY l.stream, l.first"
    ).fetchall()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)


def same_device(ledger: Path, directory: Path) -> bool:
    """Tell whether one dead disk takes the ledger and its backups both."""
    try:
        return ledger.parent.stat().st_dev == _there(directory).stat().st_dev
    except OSError:
        return True


def _there(directory: Path) -> Path:
    """Give a folder, or where it will be made the one above it."""
    return next(one for one in (directory, *directory.absolute().parents) if one.exists())


def newest_good(directory: Path) -> Path | None:
    """Name the newest backup that checks out; one that knows of no gate only if there is no other.

    For whoever must restore.
    """
    by_worth = sorted((knows_gates(path), path) for path in backups(directory))
    for _, path in reversed(by_worth):
        with contextlib.suppress(sqlite3.Error), checked(path):
            return path
    return None
