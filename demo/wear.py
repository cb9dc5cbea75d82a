"""`./gatepost bench wear`: how many bytes reach the card for an entry, alone and in bursts.

Measured at the block device: a fresh ext4 on a loop device, as on a Pi's card, mounted noatime as
the guide says; /sys/block/LOOP/stat counts the sectors that were written to it, the file system's
own journal included. The journal's file is written by the gateway's own code. Needs root.
"""

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from nacl.public import PrivateKey, SealedBox

from demo.backlog import passage
from gateway.contract import Mark
from gateway.core.events import Record
from gateway.desk import Desk, Note
from gateway.journal.journal import Journal, Stamp

IMAGE_BYTES: Final = 512 * 2**20
SECTOR: Final = 512
ENTRIES_ALONE: Final = 3000
ENTRIES_IN_BURSTS: Final = 20_000
PACED_S: Final = 60
PASSAGES_A_DAY: Final = 625
"""5,000 vehicles a day over 8 gates."""
PROOFS_A_DAY: Final = 1440
CROP_BYTES: Final = 12_000
"""A plate's crop, as the camera process cuts it; 32 KB at most."""


class NoCard(Exception):  # noqa: N818 - it says what happened, as its neighbours do.
    """No loop device with ext4 can be made here."""


class Card:
    """A file system on a device of its own, whose written sectors are counted."""

    def __init__(self, folder: Path, device: Path) -> None:
        self.folder = folder
        self._stat = Path("/sys/block") / device.name / "stat"

    def written(self) -> int:
        """Tell how many bytes have reached the device, once all of it has."""
        os.sync()
        return int(self._stat.read_text().split()[6]) * SECTOR


@contextlib.contextmanager
def card(folder: Path) -> Iterator[Card]:
    """Make a card; raises NoCard."""
    image, mount = folder / "card.img", folder / "card"
    mount.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    try:
        _run("mkfs.ext4", "-q", "-F", str(image))
        device = Path(_run("losetup", "--find", "--show", str(image)).strip())
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoCard(
            f"no loop device with ext4 here ({error}): it needs root and losetup"
        ) from error
    try:
        _run("mount", "-o", "noatime", str(device), str(mount))
        try:
            yield Card(mount, device)
        finally:
            _run("umount", str(mount))
    finally:
        _run("losetup", "--detach", str(device))
        image.unlink()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Gate:
    """A journal on the card, which writes passages' entries in portions."""

    def __init__(self, folder: Path, pragmas: tuple[str, ...] = ()) -> None:
        box = SealedBox(PrivateKey.generate().public_key)
        self.journal = Journal.open(
            folder / "journal.db", compound="c01", gate="east", boot="b", version="0",
            new_stream=lambda: secrets.token_hex(16), seal=box.encrypt,
        )  # fmt: skip
        for pragma in pragmas:
            self.journal._connection.execute(f"PRAGMA {pragma}").fetchall()  # noqa: SLF001 - to compare with.
        self._entries = self._endless()

    @staticmethod
    def _endless() -> Iterator[tuple[Record, Stamp]]:
        key = 0
        while True:
            key += 1
            for record in passage(key):
                yield record, Stamp(1_581_400_800_000 + key, key, "ntp")

    def write(self, many: int) -> None:
        """Write some entries in one commit."""
        self.journal.append_all([next(self._entries) for _ in range(many)])


def per_entry(
    folder: Path, burst: int, entries: int, *, pragmas: tuple[str, ...] = (), every_s: float = 0.0
) -> float:
    """Write entries in bursts; give the bytes that reached the card for each."""
    with card(folder) as found:
        gate = Gate(found.folder, pragmas)
        for _ in range(1200):  # Until the write-ahead log has its size.
            gate.write(burst)
        before = found.written()
        for _ in range(entries // burst):
            gate.write(burst)
            time.sleep(every_s)
        written = found.written() - before
        gate.journal.close()
    return written / (entries // burst * burst)


def a_day(folder: Path) -> dict[str, float]:
    """Write what a gate writes in a day, and prune it; give megabytes by what they are for."""
    with card(folder) as found:
        gate = Gate(found.folder)
        desk = Desk.open(found.folder / "desk.db", bytes(32))
        parts: dict[str, Callable[[], None]] = {
            "entries": lambda: [gate.write(1) for _ in range(5 * PASSAGES_A_DAY)] and None,
            "proofs": lambda: [gate.journal.prove() for _ in range(PROOFS_A_DAY)] and None,
            "crops": lambda: _crops(desk),
            "pruning": lambda: _prune(gate.journal),
        }
        for _ in range(1200):
            gate.write(1)
        found_mb = {}
        for name, work in parts.items():
            before = found.written()
            work()
            found_mb[name] = round((found.written() - before) / 1e6, 1)
        gate.journal.close()
        desk.close()
    found_mb["all"] = round(sum(found_mb.values()), 1)
    return found_mb


def _crops(desk: Desk) -> None:
    for number in range(PASSAGES_A_DAY):
        note = Note(status="read", text="A12345", crop=os.urandom(CROP_BYTES))
        desk.keep(f"{number:032x}/1", note, number)
    desk.clear(PASSAGES_A_DAY // 2)


def _prune(journal: Journal) -> None:
    marks = [Mark(stream=h.stream, committed=h.last, safe=h.last) for h in journal.held()]
    journal.prune(marks, keep=2000)


VARIANTS: Final = {
    "as it is": (),
    "secure_delete = OFF": ("secure_delete = OFF",),
    "wal_autocheckpoint = 100": ("wal_autocheckpoint = 100",),
    "wal_autocheckpoint = 4000": ("wal_autocheckpoint = 4000", "journal_size_limit = 33554432"),
}


def run(folder: Path, *, variants: bool) -> dict[str, Any]:
    """Measure everything once."""
    result: dict[str, Any] = {
        "bytes_an_entry": {
            "alone, one a second": round(per_entry(folder, 1, PACED_S, every_s=1.0)),
            "alone, at once": round(per_entry(folder, 1, ENTRIES_ALONE)),
            "in tens": round(per_entry(folder, 10, ENTRIES_IN_BURSTS)),
            "in hundreds": round(per_entry(folder, 100, ENTRIES_IN_BURSTS)),
        },
        "megabytes_a_day": a_day(folder),
    }
    if variants:
        result["alone_otherwise"] = {
            name: round(per_entry(folder, 1, ENTRIES_ALONE, pragmas=pragmas))
            for name, pragmas in VARIANTS.items()
        }
    return result
