"""Online backups of the ledger, and the word `safe` that is read from inside the oldest one kept.

A gate may delete what `safe` covers, so it is read from nowhere else: each backup is written under
another name, opened, checked whole, and only then takes its place; the oldest beyond the wanted
number goes only after the newest has checked out. A backup that will not open counts for nothing.
"""

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from central.errors import BackupFailed

_PATTERN: Final = "ledger-????????T?????????Z.db"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the backups are worth."""

    count: int
    oldest: str
    newest: str
    safe: Mapping[str, int]
    """By stream, the contiguous sequence that the oldest kept backup holds."""


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
    final = directory / name_of(at_ms)
    draft = final.with_suffix(".draft")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for stale in directory.glob("*.draft*"):
            stale.unlink()
        _copy(ledger, draft)
        check(draft)
        _settle(draft, final, directory)
        for old in backups(directory)[:-count]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise BackupFailed(
            f"no backup into {directory}: {error}; until one is made no gate may delete anything"
        ) from error
    return keep(directory)


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


def check(path: Path) -> None:
    """Open a backup and check it whole; raises sqlite3.DatabaseError."""
    with contextlib.closing(_open(path)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"{path}: {verdict}")
        db.execute("SELECT count(*) FROM stream").fetchone()


def _settle(draft: Path, final: Path, directory: Path) -> None:
    for path in (draft, directory):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            if path is draft:
                draft.rename(final)
        finally:
            os.close(descriptor)


def keep(directory: Path) -> Kept:
    """Read what the kept backups are worth, passing over any that will not open."""
    good: list[tuple[Path, dict[str, int]]] = []
    for path in backups(directory):
        with contextlib.suppress(sqlite3.Error):
            good.append((path, marks(path)))
    if not good:
        return NOTHING
    return Kept(len(good), good[0][0].name, good[-1][0].name, good[0][1])


def marks(path: Path) -> dict[str, int]:
    """Read from inside a backup how far each stream had come."""
    with contextlib.closing(_open(path)) as db:
        return dict(db.execute("SELECT id, committed FROM stream WHERE committed > 0"))


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)


def same_device(ledger: Path, directory: Path) -> bool:
    """Tell whether one dead disk takes the ledger and its backups both."""
    try:
        return ledger.parent.stat().st_dev == directory.stat().st_dev
    except OSError:
        return True


def newest_good(directory: Path) -> Path | None:
    """Name the newest backup that checks out, for whoever must restore."""
    for path in reversed(backups(directory)):
        with contextlib.suppress(sqlite3.Error):
            check(path)
            return path
    return None
