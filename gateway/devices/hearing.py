"""Which models' frames are in bytes that were heard: for a line that says what nobody expected.

Pure but for loading drivers. Only models that speak by themselves are known by listening; of two
that share a frame both are named.
"""

from functools import cache
from typing import Any, Final

from drivers.decoder import Decoder
from drivers.driver import Device, Driver, declared, names
from drivers.framing import Refusal

FRAMES_MIN: Final = 3
"""Frames that must be believed: a sum alone lets one in 256 wrong ones through."""
ODDS_MAX: Final = 1 / 128
"""A wire that believes more of what is random is known by nobody's listening."""
LISTEN_S: Final = 1.0
"""Who is only ever asked, or told, is listened for first: who speaks by itself is another."""
STREAM_BYTES_MIN: Final = 10
"""More than a relay's answer that comes late, less than most say in a second by themselves."""


@cache
def speaking() -> dict[str, Driver[Any]]:
    """Give the drivers of models that speak unasked, in frames that can be told from noise."""
    found = {name: declared(name, Device) for name in names()}
    return {
        name: driver
        for name, driver in found.items()
        if isinstance(driver, Driver)
        and driver.kind != "barrier"
        and not driver.polls
        and not driver.needed
        and driver.odds <= ODDS_MAX
    }


def recognise(data: bytes, baud: int | None = None) -> set[str]:
    """Name the drivers that believe several frames of these bytes; of a baud, or of any."""
    return {
        name
        for name, driver in speaking().items()
        if baud in {None, driver.baud} and frames_in(driver, data) >= FRAMES_MIN
    }


def is_stream(said: bytes) -> bool:
    """Say whether bytes that came unasked are more than noise: somebody speaks by himself."""
    return len(said) >= STREAM_BYTES_MIN


def is_stranger(driver: Driver[Any], said: bytes) -> bool:
    """Say whether bytes that came unasked are another device's than one that waits to be asked."""
    return is_stream(said) and not frames_in(driver, said)


def frames_in(driver: Driver[Any], data: bytes) -> int:
    """Count the frames of a driver that bytes hold."""
    decoder = Decoder(driver)
    found = [*decoder.feed(data), *decoder.feed(b"", quiet=True)]
    return sum(not isinstance(one, Refusal) for one in found)
