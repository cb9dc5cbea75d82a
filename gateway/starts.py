"""Deaths in a row: after two within a minute the gate starts without taking passages up again.

What killed it may be what it would resume.
"""

import json
from pathlib import Path
from typing import Final

WITHIN_MS: Final = 60_000
DEATHS_MAX: Final = 2
KEPT: Final = 10


class Starts:
    """Remembers starts that had no clean end, in a small file of its own."""

    def __init__(self, path: Path, boot: str, mono_ms: int) -> None:
        self._path = path
        started = [mark for mark in self._read() if mark[0] == boot]
        self.deaths = sum(mono_ms - at_ms < WITHIN_MS for _, at_ms in started)
        """Starts of the last minute that did not end cleanly."""
        self._write([*started, (boot, mono_ms)][-KEPT:])

    @property
    def resumes(self) -> bool:
        """Whether unfinished passages are to be taken up again."""
        return self.deaths < DEATHS_MAX

    def ended(self) -> None:
        """Take note of a clean end."""
        self._write([])

    def _read(self) -> list[tuple[str, int]]:
        try:
            return [(str(boot), int(at_ms)) for boot, at_ms in json.loads(self._path.read_text())]
        except (OSError, ValueError, TypeError):
            return []

    def _write(self, marks: list[tuple[str, int]]) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(marks))
            fresh.replace(self._path)
        except OSError:
            return  # A full disk must not keep the gate from starting.
