"""What the demo's site is made of: its gates, their lanes, and the folder it all lives in.

Pure: names and shapes only. `settings.py` writes them down for the processes.
"""

from dataclasses import dataclass
from pathlib import Path

TEMPERATURE_DRIVER = "gy_mcu90614"


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane; a lane without a camera is for people on foot."""

    name: str
    camera: str | None
    thermometer: str | None

    @property
    def way(self) -> str:
        """Give the way that the name begins with."""
        return self.name.rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of one compound."""

    number: int
    compound: str
    gate: str
    names: dict[str, str]
    port: int
    """The guard's screen listens here."""
    lanes: tuple[Lane, ...]

    @property
    def url(self) -> str:
        """Where the guard's screen is."""
        return f"http://127.0.0.1:{self.port}/"


@dataclass(frozen=True, slots=True)
class Site:
    """The whole site in one folder."""

    folder: Path
    gates: tuple[Gate, ...]
    broker: str
    """As `mqtt://HOST:PORT`."""
    websockets: str
    """As `ws://HOST:PORT`, for the wall page."""
    central_port: int
    username: str | None = None
    password: str | None = None

    def gate_folder(self, gate: Gate) -> Path:
        """Where a gate keeps its data and its devices."""
        return self.folder / gate.compound

    def device(self, gate: Gate, name: str) -> Path:
        """Where a device's line ends, or a camera's pictures lie."""
        return self.gate_folder(gate) / "devices" / name

    def settings(self, gate: Gate) -> Path:
        """Where a gate's TOML is."""
        return self.gate_folder(gate) / "gateway.toml"

    @property
    def central_settings(self) -> Path:
        """Where central's TOML is."""
        return self.folder / "central" / "central.toml"

    @property
    def wall(self) -> str:
        """Where the wall page is."""
        return f"http://127.0.0.1:{self.central_port}/"


def lanes_of(number: int) -> tuple[Lane, ...]:
    """Choose a gate's lanes: all have a way in; some a way out, some a foot lane."""
    lanes = [Lane("in1", "c1", "t1")]
    if number % 3 == 1:
        lanes.append(Lane("out1", "c2", None))
    if number % 3 == 2:
        lanes.append(Lane("foot1", None, "t2"))
    return tuple(lanes)
