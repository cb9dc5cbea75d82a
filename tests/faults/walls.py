"""A wall clock for one process alone, and whether the kernel calls it synchronised."""

import atexit
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

SOURCE = Path(__file__).with_name("wall.c")


def obstacle():
    """Say why no clock can be faked on this machine; None when it can."""
    return None if shutil.which("cc") else "no C compiler (cc) to build wall.c with"


@lru_cache(1)
def library():
    """Build the clock once in a process."""
    folder = Path(tempfile.mkdtemp(prefix="gatepost-wall-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = folder / "wall.so"
    subprocess.run(
        ["cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(built), str(SOURCE)], check=True
    )
    return built


class Wall:
    """One process's wall clock."""

    def __init__(self, file):
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self.wrong_by_ms = 0
        self.set(0, "ntp")
        self.environment = {"LD_PRELOAD": str(library()), "GATEPOST_WALL": str(file)}

    def set(self, wrong_by_ms, state):
        """Set it, at once and whole: it is read again at every look."""
        self.wrong_by_ms = wrong_by_ms
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{wrong_by_ms} {state}")
        fresh.replace(self._file)
