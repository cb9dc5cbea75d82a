"""Cards and disks: real SQLite on real files in memory, and what real storage may do to them.

The product opens SQLite by its own code; `Engine` stands where its modules look for `sqlite3`, and
gives connections that know which card they lie on. A commit is where a disk says no, where power
goes, and where a process dies, so that is where a card acts. What a commit did not sync does not
outlive a power cut: a connection that is not FULL falls back to its last synced image.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PLENTY: Final = 20 * 2**30
COMMIT_BYTES: Final = 8192
"""What a commit takes of a disk that is nearly full."""
_FULL: Final = 2
"""The number of `synchronous = FULL`."""
_ERRORS: Final = {
    "full": ("SQLITE_FULL", "database or disk is full"),
    "readonly": ("SQLITE_READONLY", "attempt to write a readonly database"),
    "dead": ("SQLITE_IOERR_WRITE", "disk I/O error"),
    "torn": ("SQLITE_CORRUPT", "database disk image is malformed"),
}


class Crash(BaseException):
    """The process dies here, at once: kill -9, or the power."""


class Mortal:
    """What may have to die at a point of its work."""

    trap: list[Any] | None = None
    """Where to die next: a point, and how many times to pass it before."""

    def _pass(self, point: str) -> None:
        """Pass a point at which it may have to die."""
        if self.trap is not None and self.trap[0] == point:
            self.trap[1] -= 1
            if self.trap[1] <= 0:
                self.trap = None
                raise Crash(point)


class Card:
    """One folder on one storage device."""

    def __init__(self, folder: Path, name: str = "journal.db") -> None:
        self.folder = folder
        self.database = folder / name
        self.fault: str | None = None
        self.free = PLENTY
        self._reserve = 0
        self._torn = 0
        self.commits = 0
        self.trap: Callable[[str], None] | None = None
        """Called before and after each commit; may raise Crash."""
        self.unsynced: dict[str, bytes] | None = None
        """What was last synced, when something was committed without."""
        folder.mkdir(parents=True, exist_ok=True)
        self.factory = type("CardConnection", (Disk,), {"card": self})

    def fill(self) -> None:
        """Have somebody else's files take all the room there is."""
        reserve = self.folder / "reserve"
        self._reserve = reserve.stat().st_size if reserve.exists() else 0
        self.free = 0

    def room(self) -> int:
        """Tell how much is free, with what was given back since the card was filled."""
        if self._reserve and not (self.folder / "reserve").exists():
            self.free, self._reserve = self.free + self._reserve, 0
        return self.free

    def empty(self) -> None:
        """Make room again."""
        self.free, self._reserve = PLENTY, 0

    def refusal(self, name: str = "") -> sqlite3.Error:
        """Make the error by which SQLite would say what is wrong."""
        word, text = _ERRORS[name or self.fault or "full"]
        error = sqlite3.DatabaseError(text) if word == "SQLITE_CORRUPT" else (
            sqlite3.OperationalError(text)
        )  # fmt: skip
        error.sqlite_errorname = word
        return error

    def commit(self, connection: "Disk") -> None:
        """Take a commit, or do not."""
        if self.trap is not None:
            self.trap("before commit")
        if self.fault is not None and not (self.fault == "torn" and connection.is_made_anew()):
            raise self.refusal()
        if self.free < PLENTY:
            if self.room() < COMMIT_BYTES:
                raise self.refusal("full")
            self.free -= COMMIT_BYTES
        if self.unsynced is None and connection.sync_level() < _FULL:
            self.unsynced = self.image()
        self.commits += 1
        connection.really("COMMIT")
        if self.trap is not None:
            self.trap("after commit")

    def lose_power(self) -> None:
        """Forget what was not synced."""
        if self.unsynced is not None:
            self.put(self.unsynced)
            self.unsynced = None

    def image(self) -> dict[str, bytes]:
        """Copy the database as an image of the card would hold it."""
        return {
            suffix: path.read_bytes()
            for suffix in ("", "-wal")
            if (path := Path(f"{self.database}{suffix}")).exists()
        }

    def put(self, image: dict[str, bytes]) -> None:
        """Put an image in place of what is there."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        for suffix, held in image.items():
            Path(f"{self.database}{suffix}").write_bytes(held)

    def cut_off(self, close: Callable[[], None]) -> None:
        """Have a process die: closing moves its log into the file, and dying does not."""
        image = self.image()
        close()
        self.put(image)

    def is_mended(self) -> bool:
        """Tell whether another file stands in the place of the torn one."""
        return not self.database.exists() or self.database.stat().st_ino != self._torn

    def tear(self, how: str) -> None:
        """Damage the file as a dying card does, or have it only called damaged."""
        path = self.database
        if not path.exists():
            return
        self._torn = path.stat().st_ino
        if how == "only":
            return
        held = path.read_bytes()
        Path(f"{path}-wal").unlink(missing_ok=True)
        if how == "header":
            path.write_bytes(bytes(100) + held[100:])
        else:
            path.write_bytes(held[: len(held) // 8192 * 4096])


class Disk(sqlite3.Connection):
    """A connection to a file that lies on a card."""

    card: Card
    _level: int | None = None

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Pass SQL on to SQLite, unless the card is dead; a commit goes by the card."""
        if sql == "COMMIT":
            self.card.commit(self)
            return self.cursor()
        if self.card.fault == "dead":
            raise self.card.refusal()
        return super().execute(sql, parameters)

    def really(self, sql: str) -> None:
        """Do it, whatever the card says."""
        super().execute(sql)

    def is_made_anew(self) -> bool:
        """Tell whether this is a new file beside a torn one."""
        return not str(super().execute("PRAGMA database_list").fetchone()[2]).endswith(
            self.card.database.name
        )

    def sync_level(self) -> int:
        """Tell how much this connection syncs, as SQLite has it."""
        if self._level is None:
            self._level = int(super().execute("PRAGMA synchronous").fetchone()[0])
        return self._level


class Engine:
    """Stands where the product looks for `sqlite3`: the same, but files lie on cards."""

    def __init__(self, cards: dict[str, Card]) -> None:
        self._cards = cards

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)

    def connect(self, database: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        """Open a database on whatever card it lies."""
        path = str(database).removeprefix("file:").partition("?")[0]
        card = self._cards.get(path.rpartition("/")[0])
        if card is None:
            return sqlite3.connect(database, *args, **options)
        if card.fault == "torn" and card.is_mended():
            card.fault = None  # The damaged file was set aside.
        if card.fault in {"dead", "readonly"}:
            raise card.refusal()
        return sqlite3.connect(database, *args, factory=card.factory, **options)


class Os:
    """Stands where the product looks for `os`: the same, but for the room on a card."""

    def __init__(self, cards: dict[str, Card]) -> None:
        self._cards = cards

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def statvfs(self, path: Any) -> Any:
        """Tell how much is free there."""
        card = self._cards[str(path)]
        return Room(f_bavail=card.room() // 4096, f_frsize=4096)

    def posix_fallocate(self, descriptor: int, offset: int, size: int) -> None:
        """Take room for a file; it holds no bytes, for nobody reads them."""
        card = self._cards[str(Path(f"/proc/self/fd/{descriptor}").readlink().parent)]
        if card.free < size:
            raise OSError(28, "No space left on device")
        if card.free < PLENTY:
            card.free -= size
        os.ftruncate(descriptor, offset + size)


class Room:
    """The two fields of `statvfs` that the product reads."""

    def __init__(self, f_bavail: int, f_frsize: int) -> None:
        self.f_bavail, self.f_frsize = f_bavail, f_frsize
