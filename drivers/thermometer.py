"""What a thermometer's driver file declares, and the byte-fed decoder that works for all of them.

A driver is one file: its name is the file's name, its declaration is `DRIVER` at the foot. Adding
one touches no other file. Temperatures are hundredths of a degree Celsius, integers.
"""

import importlib
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from drivers.errors import DriverUnknown
from drivers.framing import Framing, Refusal, cut

__all__ = [
    "Agreement", "Decoder", "Example", "Refusal", "Sample", "Thermometer", "load", "names",
]  # fmt: skip

Integrity: TypeAlias = Literal["checksum", "crc", "none"]
Mark: TypeAlias = Literal["C", "S", "D"]
"""Confirmed by maker or two sources; one source; derived. An unconfirmed frame is not shipped."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one frame says."""

    object_centi_c: int
    ambient_centi_c: int
    """The sensor's own body, never the weather."""


@dataclass(frozen=True, slots=True)
class Example:
    """A frame from a manual, a capture or a computation, and what it must become."""

    source: str
    hex: str
    expected: Sample | Refusal


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many samples must say nearly the same before one is believed."""

    samples: int
    """This one included."""
    among: int
    """The newest frames that are compared."""
    within_centi_c: int


@dataclass(frozen=True, slots=True)
class Thermometer:
    """A driver's declaration."""

    model: str
    baud: int
    integrity: Integrity
    framing: Framing
    read_frame: Callable[[bytes], Sample | Refusal]
    write_frame: Callable[[Sample], bytes]
    """For the simulated device and the tests."""
    examples: tuple[Example, ...]
    source: str
    mark: Mark
    step_centi_c: int = 1
    """The finest difference that the wire can carry."""
    polls: tuple[bytes, ...] = ()
    """Sent in turn; empty when the device speaks by itself."""
    poll_s: float = 0.1
    agreement: Agreement | None = None
    """Demanded where nothing in a frame tells a wrong one."""

    def __post_init__(self) -> None:
        """Hold the rule of rtl_433: no checksum, then a stated number of agreeing values."""
        assert self.integrity != "none" or self.agreement is not None, self.model


class Decoder:
    """One thermometer's bytes in, its samples and refusals out; keeps what is left over."""

    def __init__(self, driver: Thermometer) -> None:
        self.driver = driver
        self.bytes_in = 0
        self.bytes_framed = 0
        """Bytes that were a frame with a right check, whether or not it was then believed."""
        self._buffer = bytearray()
        agreement = driver.agreement
        self._recent: deque[Sample] = deque(maxlen=agreement.among - 1 if agreement else 0)

    def feed(self, chunk: bytes, *, quiet: bool = False) -> list[Sample | Refusal]:
        """Take bytes as they came; `quiet` says that none came for a while."""
        self.bytes_in += len(chunk)
        self._buffer += chunk
        driver = self.driver
        pieces = cut(driver.framing, driver.read_frame, self._buffer, quiet=quiet)
        return [self._believe(piece.raw, piece.found) for piece in pieces]

    def forget(self) -> None:
        """Drop what is left over: the line was interrupted."""
        self._buffer.clear()
        self._recent.clear()

    def _believe(self, raw: bytes, found: Sample | Refusal) -> Sample | Refusal:
        if isinstance(found, Refusal):
            return found
        self.bytes_framed += len(raw)
        agreement = self.driver.agreement
        if agreement is None:
            return found
        near = sum(_near(found, other, agreement.within_centi_c) for other in self._recent)
        self._recent.append(found)
        return found if 1 + near >= agreement.samples else Refusal.DISAGREEMENT


def _near(one: Sample, other: Sample, within_centi_c: int) -> bool:
    return (
        abs(one.object_centi_c - other.object_centi_c) <= within_centi_c
        and abs(one.ambient_centi_c - other.ambient_centi_c) <= within_centi_c
    )


_DECLARATION = re.compile(r"^DRIVER(?:: Thermometer)? = Thermometer\(", re.MULTILINE)


def names() -> tuple[str, ...]:
    """List the thermometers that have a driver file, by name."""
    here = Path(__file__).parent
    return tuple(
        sorted(
            file.stem
            for file in here.glob("*.py")
            if _DECLARATION.search(file.read_text(encoding="utf-8"))
        )
    )


def load(name: str) -> Thermometer:
    """Load the driver of this name; raises DriverUnknown, naming those there are."""
    known = names()
    if name not in known:
        raise DriverUnknown(f"no thermometer driver {name!r}; there are: {', '.join(known)}")
    driver = importlib.import_module(f"drivers.{name}").DRIVER
    assert isinstance(driver, Thermometer)
    return driver
