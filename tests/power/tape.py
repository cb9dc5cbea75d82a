"""Tapes everything that SQLite and our code ask of a folder's files: each write, sync, new name.

No root, no compiler, no copy of SQLite: the standard `sqlite3` module's own library is asked for
its default VFS, and the entry for opening is replaced by one that calls it and then puts our
`xWrite`, `xTruncate` and `xSync` before its own. All that is written still goes to the real files.

Two things that cannot be seen are written as SQLite's os_unix.c has them: the first sync of a new
rollback journal or write-ahead log syncs its folder too, and so does a deletion that asks for it.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.power.vfs import (
    DELETE,
    OPEN,
    SYNC,
    SYNCS,
    TRUNCATE,
    TRUNCATES,
    WRITE,
    WRITES,
    Vfs,
    default_vfs,
    put_before,
)

_JOURNALS = 0x800 | 0x4000 | 0x80000
"""Main journal, super-journal, write-ahead log."""


class Op(NamedTuple):
    """One thing that was asked of the files, or a mark that the run made."""

    what: str
    """create, write, truncate, sync, delete, rename, syncdir, mark"""
    path: str = ""
    at: int = 0
    """Offset of a write, size of a truncation."""
    data: bytes = b""
    to: str = ""
    mark: Any = None


class Tape:
    """What was asked of the files under one folder, in order."""

    def __init__(self, folder: Path) -> None:
        self.ops: list[Op] = []
        self.folder = os.path.realpath(folder)
        self._prefix = self.folder + os.sep
        self._kept: list[Any] = []
        """What C still points to."""

    def mark(self, mark: Any) -> None:
        """Note what the run knows at this moment: what it has shown, acknowledged, promised."""
        self.ops.append(Op("mark", mark=mark))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Tape while inside."""
        vfs = default_vfs()
        before = (vfs.open, vfs.delete)
        with self._os_calls():
            self._replace(vfs)
            try:
                yield
            finally:
                vfs.open, vfs.delete = before

    # --- SQLite's files ---

    def _replace(self, vfs: Vfs) -> None:
        opens, deletes = OPEN(vfs.open), DELETE(vfs.delete)

        def open_(here: int, name: int | None, file: Any, flags: int, out: int) -> int:
            # The name goes on as it came: behind it in memory SQLite looks for more.
            path = os.fsdecode(ctypes.string_at(name)) if name else ""
            fresh = not Path(path).exists()
            result: int = opens(here, name, file, flags, out)
            if result == 0 and self._ours(path):
                if fresh:
                    self.ops.append(Op("create", path))
                self._tap(file, path, fresh=fresh and bool(flags & _JOURNALS))
            return result

        def delete(here: int, name: bytes, sync: int) -> int:
            result: int = deletes(here, name, sync)
            if result == 0 and self._ours(path := os.fsdecode(name)):
                self.ops.append(Op("delete", path))
                if sync:
                    self.ops.append(Op("syncdir", str(Path(path).parent)))
            return result

        for name, call in (("open", OPEN(open_)), ("delete", DELETE(delete))):
            self._kept += [call, opens, deletes]
            setattr(vfs, name, ctypes.cast(call, ctypes.c_void_p).value)

    def _tap(self, file: Any, path: str, *, fresh: bool) -> None:
        """Put our calls before a file's own."""
        own = file.contents.methods.contents
        writes, truncates = WRITES(own.calls[WRITE]), TRUNCATES(own.calls[TRUNCATE])
        syncs = SYNCS(own.calls[SYNC])
        folder_due = [fresh]

        def write(file: Any, data: int, size: int, at: int) -> int:
            self.ops.append(Op("write", path, at, ctypes.string_at(data, size)))
            result: int = writes(file, data, size, at)
            return result

        def truncate(file: Any, size: int) -> int:
            self.ops.append(Op("truncate", path, size))
            result: int = truncates(file, size)
            return result

        def sync(file: Any, flags: int) -> int:
            result: int = syncs(file, flags)
            self.ops.append(Op("sync", path))
            if folder_due[0]:
                folder_due[0] = False
                self.ops.append(Op("syncdir", str(Path(path).parent)))
            return result

        ours = {WRITE: WRITES(write), TRUNCATE: TRUNCATES(truncate), SYNC: SYNCS(sync)}
        self._kept += [writes, truncates, syncs, put_before(file, ours)]

    # --- Our own calls ---

    @contextlib.contextmanager
    def _os_calls(self) -> Iterator[None]:
        fsync, rename, unlink = os.fsync, os.rename, os.unlink

        def taped_fsync(fd: int) -> None:
            fsync(fd)
            path = Path(f"/proc/self/fd/{fd}").readlink()
            if self._ours(f"{path}{os.sep}"):
                self.ops.append(Op("syncdir" if path.is_dir() else "sync", str(path)))

        def taped_rename(one: Any, other: Any) -> None:
            rename(one, other)
            if self._ours(os.fspath(one)):
                self.ops.append(Op("rename", os.fspath(one), to=os.fspath(other)))

        def taped_unlink(path: Any) -> None:
            unlink(path)
            if self._ours(os.fspath(path)):
                self.ops.append(Op("delete", os.fspath(path)))

        calls: dict[str, Callable[..., None]] = {
            "fsync": taped_fsync, "rename": taped_rename, "unlink": taped_unlink
        }  # fmt: skip
        for name, call in calls.items():
            setattr(os, name, call)
        try:
            yield
        finally:
            os.fsync, os.rename, os.unlink = fsync, rename, unlink

    def _ours(self, path: str) -> bool:
        return path.startswith(self._prefix)
