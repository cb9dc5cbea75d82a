"""A sector of a card that cannot be read: SQLite and `os.pread` get an I/O error there."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tests.power import tape

IOERR_READ = 266
"""What SQLite's os_unix.c gives for EIO."""
_READ = 1
_KEPT = []
"""What C still points to: a file may stay open longer than it is unreadable."""
_READS = ctypes.CFUNCTYPE(ctypes.c_int, tape._F, ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong)


@contextmanager
def unreadable(path: Path, at: int) -> Iterator[None]:
    """Have the byte `at` of a file unreadable, by whatever name the file goes meanwhile."""
    bad = path.stat().st_ino
    vfs = tape._default_vfs()
    before, opens, pread = vfs.open, tape._OPEN(vfs.open), os.pread

    def open_(here, name, file, flags, out):
        result = opens(here, name, file, flags, out)
        opened = Path(os.fsdecode(ctypes.string_at(name))) if name else None
        if result == 0 and opened is not None and opened.stat().st_ino == bad:
            own = file.contents.methods.contents
            reads = _READS(own.calls[_READ])

            def read(file, data, size, offset):
                if offset <= at < offset + size:
                    return IOERR_READ
                return reads(file, data, size, offset)

            ours, call = tape._Methods(), _READS(read)
            ctypes.memmove(ctypes.byref(ours), ctypes.byref(own), ctypes.sizeof(ours))
            ours.calls[_READ] = ctypes.cast(call, ctypes.c_void_p).value
            file.contents.methods = ctypes.pointer(ours)
            _KEPT.extend([reads, call, ours])
        return result

    def refuse(descriptor, size, offset):
        if os.fstat(descriptor).st_ino == bad and offset <= at < offset + size:
            raise OSError(5, "Input/output error")
        return pread(descriptor, size, offset)

    call = tape._OPEN(open_)
    _KEPT.extend([opens, call])
    vfs.open = ctypes.cast(call, ctypes.c_void_p).value
    try:
        with patch.object(os, "pread", refuse):
            yield
    finally:
        vfs.open = before
