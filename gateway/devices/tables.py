"""The settings' tables of what hangs on wires: thermometers, distance sensors, readers, barriers.

Each names its driver file and its port; what is absurd is refused with key, value and reason.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

from drivers.barrier import Barrier
from drivers.distance import Distance
from drivers.driver import Device, Driver, declared, load, on_wire_s
from drivers.errors import DriverUnknown, OptionRefused
from drivers.framings import Answers
from drivers.reader import Reader
from drivers.thermometer import Thermometer
from gateway.contract import Name

GPIO: Final = "gpio://"
_GPIO_LINE: Final = re.compile(
    r"gpio://([0-9]{1,3}|GPIO[0-9]{1,3}|BOARD[0-9]{1,2}|J[0-9]+:[0-9]{1,2})"
)


class Wired(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device on a wire: its driver file's name, and its port as a URL or path."""

    name: Name
    driver: str
    port: Annotated[str, Meta(min_length=1)]
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] | None = None
    """Unset: the driver's own. Set where the device was told another speed."""
    line: Annotated[str, Meta(pattern="^[78][NEO][12]$")] | None = None
    """Data bits, parity and stop bits, such as 8N1; unset: the driver's own."""
    echo: bool = False
    """A two-wire bus (RS-485) hands our own bytes back: they are dropped."""
    options: dict[str, str] = {}
    """The driver's own settings: `gateway drivers --json` tells which, and what they mean."""


class DistanceSettings(Wired, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One distance sensor: a witness of who stands in a lane."""

    near_mm: Annotated[int, Meta(ge=50, le=12_000)]
    """At this distance or nearer somebody is there."""
    far_mm: Annotated[int, Meta(ge=60, le=12_000)]
    """At this distance or farther nobody is; between the two it stays as it was."""
    settle_s: Annotated[float, Meta(ge=0, le=10)] = 0.5
    """For so long it must be so: the gap between a car and its trailer is no departure."""


class ReaderSettings(Wired, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pass reader."""

    again_s: Annotated[float, Meta(ge=0.5, le=60)] = 5.0
    """A pass that comes again within this was never taken away."""


class BarrierSettings(Wired, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One relay, or board of relays, on barriers' *open* inputs."""

    pulse_s: Annotated[float, Meta(ge=0.2, le=3.0)] = 0.5
    """How long the contact is pressed: controllers pass over less than 0.1 s."""


KINDS: Final[dict[str, type[Device]]] = {
    "thermometer": Thermometer, "distance": Distance, "reader": Reader, "barrier": Barrier,
}  # fmt: skip


def wired_faults(tables: Mapping[str, Sequence[Wired]]) -> Iterable[str]:
    """Say what is wrong with the devices themselves."""
    ports: dict[str, str] = {}
    for table, devices in tables.items():
        for device in devices:
            key = f"{table}.{device.name}"
            yield from _driver_faults(key, KINDS[table], device)
            if device.port in ports:
                yield f"{key}.port = {device.port!r}: {ports[device.port]} is on it already."
            ports[device.port] = device.name
            if isinstance(device, DistanceSettings):
                yield from _range_faults(key, device)
            if table == "reader" and device.port.startswith("spy://"):
                yield f"{key}.port = {device.port!r}: a spy writes down what stands on passes."


def _driver_faults(key: str, kind: type[Device], device: Wired) -> Iterable[str]:
    try:
        driver = load(device.driver, kind, device.options)
    except DriverUnknown as error:
        yield f"{key}.driver = {device.driver!r}: {error}."
        return
    except OptionRefused as error:
        yield f"{key}.options: {error}."
        return
    on_gpio = device.driver == "gpio_line"
    if on_gpio != device.port.startswith(GPIO) or (
        on_gpio and not _GPIO_LINE.fullmatch(device.port)
    ):
        wanted = "gpio://LINE, such as gpio://17" if on_gpio else "a serial port"
        yield f"{key}.port = {device.port!r}: {wanted} is wanted."
    yield from _speed_faults(key, driver, device)


def _speed_faults(key: str, driver: Device, device: Wired) -> Iterable[str]:
    """Say so where an answer would still be on its way when it is given up."""
    if device.baud is None or not isinstance(driver, Driver):
        return
    if not isinstance(driver.framing, Answers):
        return
    line = device.line or driver.line
    for poll, answer in zip(driver.polls, driver.framing.lengths, strict=True):
        if on_wire_s(len(poll) + answer, device.baud, line) >= driver.poll_s:
            yield (
                f"{key}.baud = {device.baud}: {device.driver} is given {driver.poll_s} s for an"
                " answer, which takes longer at this speed."
            )
            return


def _range_faults(key: str, device: DistanceSettings) -> Iterable[str]:
    if device.far_mm <= device.near_mm:
        yield f"{key}.far_mm = {device.far_mm}: it is not above near_mm = {device.near_mm}."
    ranges_mm = declared(device.driver, Distance).ranges_mm
    for word, value in (("near_mm", device.near_mm), ("far_mm", device.far_mm)):
        if not ranges_mm.start < value < ranges_mm.stop:
            yield (
                f"{key}.{word} = {value}: {device.driver} measures from {ranges_mm.start} to"
                f" {ranges_mm[-1]} mm; nothing would ever be nearer, or farther."
            )


class LaneWires(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a lane hangs on wires; each is named as its own table has it."""

    thermometers: tuple[Name, ...] = ()
    distance: Name | None = None
    """The sensor that says whether something stands in the lane."""
    readers: tuple[Name, ...] = ()
    barrier: Name | None = None
    barrier_channel: Annotated[int, Meta(ge=1, le=32)] = 1
    """Which relay of the board, as it is printed on it."""
    opens_by_itself: bool = False
    """For whom is admitted, when the entry is on disk."""


def lane_faults(name: str, lane: LaneWires, tables: Mapping[str, Sequence[Wired]]) -> Iterable[str]:
    """Say what is wrong with what a lane names."""
    for word, table, wanted in (
        ("thermometers", "thermometer", lane.thermometers),
        ("distance", "distance", (lane.distance,) if lane.distance else ()),
        ("readers", "reader", lane.readers),
        ("barrier", "barrier", (lane.barrier,) if lane.barrier else ()),
    ):
        known = {device.name: device for device in tables[table]}
        for one in wanted:
            if one not in known:
                there = ", ".join(sorted(known)) or "none"
                yield f"lane.{name}.{word} = {one!r}: no such device; there are: {there}."
            elif table == "barrier":
                channels = declared(known[one].driver, Barrier).channels
                if lane.barrier_channel not in channels:
                    yield (
                        f"lane.{name}.barrier_channel = {lane.barrier_channel}:"
                        f" {known[one].driver} has {channels.start} to {channels[-1]}."
                    )
    yield from _barrier_faults(name, lane)


def _barrier_faults(name: str, lane: LaneWires) -> Iterable[str]:
    if lane.barrier is not None:
        return
    if lane.barrier_channel != 1:
        yield f"lane.{name}.barrier_channel = {lane.barrier_channel}: the lane has no barrier."
    if lane.opens_by_itself:
        yield f"lane.{name}.opens_by_itself = true: the lane has no barrier."


def shared_faults(lanes: Mapping[str, LaneWires]) -> Iterable[str]:
    """Say what two lanes may not share."""
    readers = Counter(reader for lane in lanes.values() for reader in lane.readers)
    for reader, count in readers.items():
        if count > 1:
            yield f"reader.{reader}: {count} lanes have it; whose pass it is would not be plain."
    contacts: dict[tuple[str, int], str] = {}
    for name, lane in lanes.items():
        if lane.barrier is None:
            continue
        contact = (lane.barrier, lane.barrier_channel)
        if contact in contacts:
            yield (
                f"lane.{name}.barrier_channel = {lane.barrier_channel}: {contacts[contact]} is on"
                f" this contact of {lane.barrier} already."
            )
        contacts[contact] = name


def named(lanes: Iterable[LaneWires]) -> set[str]:
    """Give the names of all devices that lanes name."""
    found: set[str] = set()
    for lane in lanes:
        found |= {*lane.thermometers, *lane.readers}
        found |= {one for one in (lane.distance, lane.barrier) if one}
    return found
