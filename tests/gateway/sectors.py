"""A sector of a card that cannot be read: SQLite and `os.pread` get an I/O error there."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.power.vfs import OPEN, READ, READS, Unrecordable, default_vfs, put_before

IOERR_READ = 266
"""What SQLite's os_unix.c gives for EIO."""
_KEPT = []
"""What C still points to: a file may stay open longer than it is unreadable."""


@contextmanager
def unreadable(path: Path, at: int) -> Iterator[None]:
    """Have the byte `at` of a file unreadable, by whatever name the file goes meanwhile."""
    bad = path.stat().st_ino
    try:
        vfs = default_vfs()
    except Unrecordable as reason:
        pytest.skip(str(reason))
    before, opens, pread = vfs.open, OPEN(vfs.open), os.pread

    def open_(here, name, file, flags, out):
        result = opens(here, name, file, flags, out)
        opened = Path(os.fsdecode(ctypes.string_at(name))) if name else None
        if result == 0 and opened is not None and opened.stat().st_ino == bad:
            reads = READS(file.contents.methods.contents.calls[READ])

            def read(file, data, size, offset):
                if offset <= at < offset + size:
                    return IOERR_READ
                return reads(file, data, size, offset)

            _KEPT.extend([reads, put_before(file, {READ: READS(read)})])
        return result

    def refuse(descriptor, size, offset):
        if os.fstat(descriptor).st_ino == bad and offset <= at < offset + size:
            raise OSError(5, "Input/output error")
        return pread(descriptor, size, offset)

    call = OPEN(open_)
    _KEPT.extend([opens, call])
    vfs.open = ctypes.cast(call, ctypes.c_void_p).value
    try:
        with patch.object(os, "pread", refuse):
            yield
    finally:
        vfs.open = before
