"""Which device is on a port: listen first, then ask only what no model takes for a setting.

Law: nothing is sent before every speed was listened at, and nothing ever that any model known to
us could take for a setting, whoever it is meant for. What cannot be asked harmlessly is not asked,
unless the installer says which model it is. What a device says is counted, and not told: it may
be somebody's.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic  # noqa: TID251 - an edge: how long a line is listened to.
from typing import Any, Final

from serial.tools.list_ports import comports

from drivers.decoder import Decoder, Polling
from drivers.driver import Device, Driver, declared, names
from drivers.errors import PortLost, PortRefused
from drivers.framing import Refusal
from drivers.ports import Port, open_port
from gateway.devices.hearing import frames_in, recognise, speaking

STABLE: Final = ("/dev/gate/*", "/dev/serial/by-path/*", "/dev/serial/by-id/*")
"""Names that stay, the best first; ttyUSB0 is another device after the next start."""
TURN_S: Final = 0.05
ANSWERS_MIN: Final = 2

SETTINGS: Final[dict[str, re.Pattern[bytes]]] = {
    "Optris: a byte from 80 on sets something (81 is the CS's analogue output)":
        re.compile(rb"[\x80-\xff]"),
    "Raytek: a letter and = set a parameter": re.compile(rb"[A-Z]#?="),
    "CJMCU-90614: 66 66 sets mode or speed": re.compile(rb"\x66\x66"),
    "GM65: 7E 00 08 and 09 write and save": re.compile(rb"\x7e\x00[\x08\x09]"),
    "Modbus: functions 05, 06, 0F and 10 write": re.compile(rb"^.[\x05\x06\x0f\x10]", re.DOTALL),
}  # fmt: skip
"""What some model takes for a setting. The families whose commands begin with A0, A4, A5, AA, EE,
F0 or FF are covered by the first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was heard on a port."""

    port: str
    drivers: tuple[str, ...] = ()
    """Several, where models share a frame."""
    baud: int | None = None
    bytes_in: int = 0
    frames: int = 0
    was_asked: bool = False
    problem: str = ""
    """Why the port could not be listened to."""


def harm(poll: bytes) -> str:
    """Say which model would take a poll for a setting; nothing: none that is known."""
    return next((model for model, setting in SETTINGS.items() if setting.search(poll)), "")


def harmless() -> dict[str, Driver[Any]]:
    """Give the polled drivers whose questions no model takes for a setting."""
    return {
        name: driver
        for name, driver in _polled().items()
        if not any(harm(poll) for poll in driver.polls)
    }


def _polled() -> dict[str, Driver[Any]]:
    found = {name: declared(name, Device) for name in names()}
    return {
        name: driver
        for name, driver in found.items()
        if isinstance(driver, Driver) and driver.polls and not driver.needed
    }


def ports() -> Iterator[str]:
    """Give each serial port of this machine once, by its best name."""
    seen: set[Path] = set()
    candidates: list[Path] = []
    for pattern in STABLE:
        candidates += sorted(Path("/").glob(pattern.removeprefix("/")))
    candidates += [Path(port.device) for port in comports()]
    for path in candidates:
        if path.resolve() not in seen:
            seen.add(path.resolve())
            yield str(path)


def detect(port: str, *, listen_s: float, asks: Iterable[str] | None = None) -> Found:
    """Listen to a port at every speed that drivers name, and then ask.

    `asks` names the drivers whose polls may be sent; None: all that are harmless.
    """
    try:
        found = _listen(port, listen_s)
        if found.drivers:
            return found
        polled = _polled()
        wanted = harmless() if asks is None else {name: polled[name] for name in asks}
        return _ask(port, wanted, listen_s) or found
    except (PortRefused, PortLost) as error:
        return Found(port, problem=str(error))


def _listen(port: str, listen_s: float) -> Found:
    bauds = sorted({driver.baud for driver in speaking().values()})
    most = 0
    for baud in bauds:
        said = _said(port, baud, listen_s)
        most = max(most, len(said))
        drivers = recognise(said, baud) or recognise(said)
        if drivers:
            frames = max(frames_in(speaking()[name], said) for name in drivers)
            return Found(port, tuple(sorted(drivers)), baud, len(said), frames)
        if not said:
            break  # Whoever says nothing at one speed says nothing at any.
    return Found(port, bytes_in=most)


def _said(port: str, baud: int, listen_s: float) -> bytes:
    line = open_port(port, baud)
    try:
        line.flush_input()
        return line.hear(listen_s)
    finally:
        line.close()


def _ask(port: str, wanted: dict[str, Driver[Any]], listen_s: float) -> Found | None:
    for name, driver in wanted.items():
        line = open_port(port, driver.baud, driver.line)
        try:
            found, bytes_in = answers(line, driver, listen_s)
        finally:
            line.close()
        if found >= ANSWERS_MIN:
            return Found(port, (name,), driver.baud, bytes_in, found, was_asked=True)
    return None


def answers(line: Port, driver: Driver[Any], listen_s: float) -> tuple[int, int]:
    """Count the values that a device gives when it is asked, and its bytes."""
    decoder, count = Decoder(driver), 0
    polling = Polling(decoder)
    line.flush_input()
    until_s = monotonic() + listen_s
    while monotonic() < until_s and count < ANSWERS_MIN:
        if (poll := polling.due(monotonic())) is not None:
            line.write(poll)
        chunk = line.read_chunk(TURN_S)
        found = decoder.feed(chunk, quiet=not chunk)
        count += sum(not isinstance(one, Refusal) for one in found)
    return count, decoder.bytes_in
