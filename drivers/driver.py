"""What every driver's file declares, whatever it drives, and how a driver is found.

A driver is one file: its name is the file's name, its declaration is `DRIVER` at the foot. Adding
one touches no other file. The declaration's class says the kind (`DRIVER = Thermometer(...)`, or
`DRIVER: Thermometer = made_elsewhere(...)`); the kinds stand each in a file of its own.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

import drivers
from drivers.errors import DriverUnknown, OptionRefused
from drivers.framing import Framing, Refusal

T = TypeVar("T")

Integrity: TypeAlias = Literal["checksum", "crc", "none"]
Mark: TypeAlias = Literal["C", "S", "D"]
"""Confirmed by maker or two sources; one source; derived. An unconfirmed frame is not shipped."""
Dice: TypeAlias = Callable[[int, int], int]
"""Draws a whole number between two, both included: of a seed, or of hypothesis."""
NONE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Example(Generic[T]):
    """A frame from a manual, a capture or a computation, and what it must become."""

    source: str
    hex: str
    expected: T | Refusal


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many values must say nearly the same before one is believed."""

    samples: int
    """This one included."""
    among: int
    """The newest frames that are compared."""
    within: int
    """In the unit of the kind: hundredths of a degree, millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is declared of every device, also of one that says nothing."""

    kind: ClassVar[str]
    """The word of the settings' table: thermometer, distance, reader, barrier."""
    model: str
    baud: int
    line: str = "8N1"
    """Data bits, parity, stop bits."""
    source: str
    mark: Mark
    options: Mapping[str, str] = field(default_factory=dict)
    """What may be set, and what it means."""
    needed: tuple[str, ...] = ()
    """Options without which the device is not understood: it is refused, and never guessed at."""
    configure: "Callable[[Mapping[str, str]], Device] | None" = None
    """Makes the declaration for a device so set; raises OptionRefused."""
    variants: tuple[Mapping[str, str], ...] = ()
    """Options as sites set them: the tests hold each to what they hold the driver to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver(Device, Generic[T]):
    """A device whose frames say something: a T."""

    integrity: Integrity
    odds: float
    """Of frames whose bytes are random, but for those that mark them off, the share that reads
    as a frame, at most: the check's own odds, and those of a plausible value."""
    framing: Framing
    read_frame: Callable[[bytes], T | Refusal]
    write_frame: Callable[[T], bytes]
    """For the simulated device and the tests."""
    examples: tuple[Example[T], ...] = field(repr=False)
    polls: tuple[bytes, ...] = ()
    """Sent in turn; empty when the device speaks by itself."""
    poll_s: float = 0.1
    agreement: Agreement | None = None
    """Demanded where nothing in a frame tells a wrong one."""
    parameters: ClassVar[Mapping[str, str]]
    """What the kind's pretended world can be told by `sim://`, with its defaults."""

    def near(self, one: T, other: T, within: int) -> bool:
        """Say whether two values are as good as the same."""
        raise NotImplementedError

    def draw(self, dice: Dice) -> T:
        """Draw any value that the wire can carry and a gate may meet."""
        raise NotImplementedError

    def pretend(
        self, values: Mapping[str, str], at_s: float, dice: Dice, drift: int = 0
    ) -> T | None:
        """Say what a pretended device meets at a moment; None: it has nothing to say.

        `drift` is by how much it is off, in the kind's own unit. Raises ValueError for a value
        that is none.
        """
        raise NotImplementedError

    def reply(self, request: bytes) -> bytes:
        """Say what a pretended device answers to what is none of its polls."""
        del request
        return b""


def on_wire_s(count: int, baud: int, line: str) -> float:
    """Say how long so many bytes take on a line; before each stands a start bit.

    >>> on_wire_s(12, 1200, "8N1")
    0.1
    """
    bits, parity, stop = int(line[0]), line[1] != "N", int(line[2])
    return count * (1 + bits + parity + stop) / baud


D = TypeVar("D", bound=Device)
_DECLARATION: Final = re.compile(r"^DRIVER(?:: (\w+)[^=]*)? = (\w+)", re.MULTILINE)


def files() -> dict[str, str]:
    """Find every driver's file, by name, with the kind that it declares."""
    found = {}
    for folder in drivers.__path__:
        for file in Path(folder).glob("*.py"):
            declared = _DECLARATION.search(file.read_text(encoding="utf-8"))
            if declared:
                found[file.stem] = (declared[1] or declared[2]).lower()
    return dict(sorted(found.items()))


def names(kind: type[Device] = Device) -> tuple[str, ...]:
    """List the drivers of a kind, or all, by name."""
    every = files()
    if kind is Device:
        return tuple(every)
    if kind is Driver:
        return tuple(name for name in every if isinstance(declared(name, Device), Driver))
    return tuple(name for name, word in every.items() if word == kind.kind)


def declared(name: str, kind: type[D]) -> D:
    """Give a driver as its file declares it; raises DriverUnknown, naming those there are."""
    known = names() if kind is Driver else names(kind)
    if name not in known:
        what = getattr(kind, "kind", "device")
        raise DriverUnknown(f"no {what} driver {name!r}; there are: {', '.join(known)}")
    driver = importlib.import_module(f"drivers.{name}").DRIVER
    if not isinstance(driver, kind):
        raise DriverUnknown(f"{name} has no frames: no bytes pass on its wire")
    return driver


def load(name: str, kind: type[D], options: Mapping[str, str] = NONE) -> D:
    """Give a driver as the settings set it; raises DriverUnknown and OptionRefused."""
    driver = declared(name, kind)
    for option in options:
        if option not in driver.options:
            there = ", ".join(driver.options) or "none"
            raise OptionRefused(f"{name} has no option {option!r}; there are: {there}")
    for option in driver.needed:
        if option not in options:
            raise OptionRefused(f"{name} needs the option {option!r}: {driver.options[option]}")
    if driver.configure is None or not options:
        return driver
    configured = driver.configure(options)
    assert isinstance(configured, kind)
    return configured
