"""The gate's devices, simulated at their wires: a serial line's bytes, a camera's folder."""

import os
import random
import tty
from pathlib import Path

from drivers import thermometer
from drivers.driver import load

FRAME_S = 0.1
REFRESH_S = 0.5
"""A camera goes on sending the same picture: one that stops is a camera that failed."""
PICTURES_KEPT = 4
ABSENT_CENTI_C = 2150
AMBIENT_CENTI_C = 2400


class SerialThermometer:
    """A thermometer on a pseudo-terminal, sending frames like the real module."""

    def __init__(self, driver: str, link: Path, chance: random.Random) -> None:
        self._driver = load(driver, thermometer.Thermometer)
        self._chance = chance
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        # The far end stays open here too, so that a gateway may die and open it again.
        link.symlink_to(os.ttyname(self._slave))
        self._due = 0.0
        self.shows_centi_c: int | None = None
        """The forehead before it; None is nobody."""
        self.dropped = 0

    def tick(self, now: float) -> None:
        """Send the next frame when it is due."""
        if now < self._due:
            return
        self._due = now + FRAME_S
        shown = ABSENT_CENTI_C if self.shows_centi_c is None else self.shows_centi_c
        frame = self._driver.write_frame(
            thermometer.Sample(
                object_centi_c=shown + self._chance.randint(-4, 4),
                ambient_centi_c=AMBIENT_CENTI_C + self._chance.randint(-2, 2),
            )
        )
        try:
            os.write(self._master, frame)
        except BlockingIOError:
            # Nobody reads: a serial line loses what it cannot hold.
            self.dropped += 1

    def close(self) -> None:
        """Pull the plug."""
        os.close(self._master)
        os.close(self._slave)


class CameraFolder:
    """A camera that lays its newest picture into a folder, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._laid: list[Path] = []
        self._number = 0
        self._shots: tuple[bytes, ...] = ()
        self._due = 0.0

    def show(self, shots: tuple[bytes, ...]) -> None:
        """Show this from now on, one shot after the other."""
        self._shots = shots
        self._due = 0.0

    def tick(self, now: float) -> None:
        """Lay the next picture into the folder when it is due."""
        if now < self._due or not self._shots:
            return
        self._due = now + REFRESH_S
        self._number += 1
        fresh = self._folder / f".{self._number:08d}.part"
        fresh.write_bytes(self._shots[self._number % len(self._shots)])
        self._laid.append(fresh.rename(self._folder / f"{self._number:08d}.jpg"))
        while len(self._laid) > PICTURES_KEPT:
            self._laid.pop(0).unlink(missing_ok=True)
