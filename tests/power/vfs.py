"""The files of SQLite's own library, seen from outside: calls of ours before a file's own.

No root, no compiler, no copy of SQLite: the library that the standard `sqlite3` module uses is
asked for its default VFS.
"""

import ctypes
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_METHODS = 19
READ, WRITE, TRUNCATE, SYNC = 1, 2, 3, 4
"""Places in sqlite3_io_methods, after its version."""


class Unrecordable(RuntimeError):  # noqa: N818 - said to people as it stands.
    """This Python's SQLite cannot be taped."""


class _Methods(ctypes.Structure):
    _fields_ = (("version", ctypes.c_int), ("calls", ctypes.c_void_p * _METHODS))


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int), ("size", ctypes.c_int), ("path_max", ctypes.c_int),
        ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p), ("delete", ctypes.c_void_p),
    )  # fmt: skip


FILE = ctypes.POINTER(_File)
OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, FILE, ctypes.c_int, ctypes.c_void_p
)
DELETE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
READS = WRITES = ctypes.CFUNCTYPE(
    ctypes.c_int, FILE, ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
)
TRUNCATES = ctypes.CFUNCTYPE(ctypes.c_int, FILE, ctypes.c_longlong)
SYNCS = ctypes.CFUNCTYPE(ctypes.c_int, FILE, ctypes.c_int)


def default_vfs() -> Vfs:
    """Find the VFS of the library that `sqlite3` itself uses; raises Unrecordable."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    loaded = {line.split()[-1] for line in maps if "libsqlite3" in line}
    if len(loaded) != 1:
        raise Unrecordable(
            "this Python has SQLite built in, so its files cannot be taped: use the"
            " distribution's python3"
        )
    library = ctypes.CDLL(loaded.pop())
    library.sqlite3_libversion.restype = ctypes.c_char_p
    assert library.sqlite3_libversion().decode() == sqlite3.sqlite_version
    library.sqlite3_vfs_find.restype = ctypes.POINTER(Vfs)
    return library.sqlite3_vfs_find(None).contents  # type: ignore[no-any-return]


def put_before(file: Any, calls: Mapping[int, Any]) -> Any:
    """Put calls before an open file's own, by their places; what is given must be kept for C."""
    ours = _Methods()
    ctypes.memmove(
        ctypes.byref(ours), ctypes.byref(file.contents.methods.contents), ctypes.sizeof(ours)
    )
    for place, call in calls.items():
        ours.calls[place] = ctypes.cast(call, ctypes.c_void_p).value
    file.contents.methods = ctypes.pointer(ours)
    return ours, calls
