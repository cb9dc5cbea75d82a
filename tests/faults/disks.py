"""The gate's card: full, read-only, gone bad; a small ext4 of its own that can be filled."""

import contextlib
import os
import subprocess
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from tests.faults.run import fault

SIZE_MB = 24


@lru_cache(1)
def obstacle():
    """Say why no card can be made on this machine; None when one was."""
    if os.geteuid() != 0:
        return "only root mounts a card"
    with tempfile.TemporaryDirectory(prefix="gatepost-card-") as folder:
        try:
            Card(Path(folder) / "card").close()
        except (OSError, subprocess.SubprocessError) as error:
            return f"no ext4 in a file can be mounted here ({error})"
    return None


class Card:
    """An ext4 in a file, mounted."""

    def __init__(self, folder):
        self.folder = folder
        self._image = folder.with_suffix(".img")
        folder.mkdir(parents=True)
        with self._image.open("wb") as file:
            file.truncate(SIZE_MB * 2**20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.mount()

    def mount(self, *options):
        _run("mount", "-o", ",".join(("loop", *options)), str(self._image), str(self.folder))

    def unmount(self):
        _run("umount", str(self.folder))

    def remount(self, option):
        _run("mount", "-o", f"remount,{option}", str(self.folder))

    def fill(self):
        """Write until nothing fits."""
        with (self.folder / "filler").open("ab", buffering=0) as file:
            for size in (2**20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * size)
            os.fsync(file.fileno())

    def empty(self):
        (self.folder / "filler").unlink()

    def copy(self):
        """Give what has reached the device by now: the page cache of the card is not in it."""
        return self._image.read_bytes()

    def put(self, image):
        """Put a card of this content in the place of the one that is there."""
        self.unmount()
        self._image.write_bytes(image)
        self.mount()

    def close(self):
        for _ in range(20):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.unmount()
                break
            time.sleep(0.2)
        self._image.unlink(missing_ok=True)


def _run(*words):
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(words, check=True, capture_output=True, timeout=30, env={"PATH": path})


CARD = {"needs": (obstacle,), "disk": Card}


def _is_not_recording(run):
    health = run.watcher.health((run.gate.compound, run.gate.gate))
    return health is not None and health.not_recorded > 0


def fill_until(run, disk, said, what):
    """Fill a card, and what room its owner gives up meanwhile, until the owner says so."""

    def refused():
        disk.fill()
        return said()

    run.wait_for(refused, 60, what)


def _fill(run):
    """Fill the card, and the reserve's room once the gate has given it up, until nothing goes."""
    said = "the gate says NOT RECORDED"
    fill_until(run, run.site.disk, lambda: _is_not_recording(run), said)


@fault("disk full", **CARD, keeps=True)
def full(run):
    """The card fills up under traffic: NOT RECORDED is shown and waits; then there is room."""
    run.work()
    run.go_on(1.0, 2.0)
    _fill(run)
    run.go_on(3.0)
    run.look()
    run.notes["not recorded, at most"] = run.watcher.health(
        (run.gate.compound, run.gate.gate)
    ).not_recorded
    run.site.disk.empty()
    run.wait_for(lambda: not _is_not_recording(run), 60, "all that waited is recorded")


@fault("disk full, then killed", **CARD)
def full_then_killed(run):
    """The gate dies while its card is full, and starts on the full card; then there is room."""
    run.work()
    run.go_on(1.0, 2.0)
    _fill(run)
    run.gate.kill()
    run.gate.start()
    run.go_on(2.0)
    run.site.disk.empty()
    run.wait_for(lambda: not _is_not_recording(run), 60, "all that waited is recorded")


@fault("disk goes read-only", **CARD)
def read_only(run):
    """The card fails under traffic and its file system turns read-only; it is mounted anew."""
    run.work()
    run.go_on(1.0, 2.0)
    run.site.disk.remount("abort")
    run.wait_for(lambda: _is_not_recording(run), 60, "the gate says NOT RECORDED")
    run.go_on(2.0)
    run.look()
    run.gate.kill()
    run.site.disk.unmount()
    run.site.disk.mount()
    run.gate.start()


@fault("disk read-only at start", **CARD, keeps=True)
def read_only_at_start(run):
    """A gate starts on a read-only card and works, NOT RECORDED, until it can be written."""
    run.gate.stop()
    run.site.disk.remount("ro")
    run.gate.start()
    run.work()
    run.wait_for(lambda: _is_not_recording(run), 60, "the gate says NOT RECORDED")
    run.go_on(3.0)
    run.site.disk.remount("rw")
    run.wait_for(lambda: not _is_not_recording(run), 60, "all that waited is recorded")


@fault("power cut", **CARD)
def power_cut(run):
    """The gate's power fails: only what had reached the card's device is there afterwards."""
    run.work(every_s=0.1)
    for _ in range(2):
        run.go_on(1.0, 3.0)
        run.gate.freeze()
        run.look()
        image = run.site.disk.copy()
        run.gate.kill()
        run.site.disk.put(image)
        run.gate.start()


@fault("power cut, broker away", **CARD)
def power_cut_with_a_backlog(run):
    """The same while nothing can be sent: all of it is on this card alone."""
    run.work(every_s=0.2)
    run.go_on(1.0)
    run.site.broker.kill()
    run.go_on(5.0, 12.0)
    run.gate.freeze()
    run.look()
    image = run.site.disk.copy()
    run.gate.kill()
    run.site.disk.put(image)
    run.gate.start()
    run.site.broker.start()
