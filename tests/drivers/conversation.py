"""How tests talk to a driver's decoder: frames in chunks, with or without polls."""

import random
from collections.abc import Iterable
from dataclasses import replace

from drivers.decoder import Decoder
from drivers.driver import Driver, declared, load, names
from drivers.framing import Refusal
from drivers.framings import Answers

LONG_BYTES = 200
"""Frames beyond this are tried at fewer places, so that the tests end today."""
PIECES_MAX = 800


def rolled(seed) -> "random.Random":
    return random.Random(seed).randint


def every_driver() -> dict[str, Driver]:
    """Give each driver as its file declares it, and as its variants set it, by a name that says."""
    found: dict[str, Driver] = {}
    for name in names(Driver):
        found[name] = declared(name, Driver)
        for options in found[name].variants:
            set_so = ", ".join(f"{option}={told}" for option, told in options.items())
            found[f"{name} {set_so}"] = load(name, Driver, options)
    return found


def frame_of(driver: Driver, seed: int = 5) -> bytes:
    return driver.write_frame(driver.draw(rolled(seed)))


def alone(driver: Driver) -> Driver:
    """Give the driver without its agreement: what each frame says by itself."""
    return replace(driver, agreement=None, integrity="checksum")


def said(driver: Driver, rounds: Iterable[tuple[bytes, ...]], chunk_bytes: int = 4096) -> list:
    """Let the device say all rounds of parts; give what the decoder makes of it."""
    decoder, found = Decoder(driver), []
    if isinstance(driver.framing, Answers):
        for parts in rounds:
            for number, part in enumerate(parts):
                decoder.ask(number)
                found += fed(decoder, part, chunk_bytes)
                found += decoder.feed(b"", quiet=True)
        return found
    found += fed(decoder, b"".join(b"".join(parts) for parts in rounds), chunk_bytes)
    return found + decoder.feed(b"", quiet=True)


def fed(decoder: Decoder, stream: bytes, chunk_bytes: int) -> list:
    found = []
    chunk_bytes = max(chunk_bytes, len(stream) // PIECES_MAX)
    for at in range(0, len(stream), chunk_bytes):
        found += decoder.feed(stream[at : at + chunk_bytes])
    return found


def values(found: list) -> list:
    return [one for one in found if not isinstance(one, Refusal)]


def parts_of(driver: Driver, value) -> tuple[bytes, ...]:
    return driver.framing.parts(driver.write_frame(value))


def places(length: int) -> list[int]:
    """Give every place of a short frame, and some of a long one, its ends among them."""
    if length <= LONG_BYTES:
        return list(range(length))
    few = random.Random(3).sample(range(8, length - 8), 12)
    return [*range(8), *sorted(few), *range(length - 8, length)]


def spoilt(part: bytes) -> Iterable[bytes]:
    """Drop, double and change each byte in turn, to every other value."""
    flips = range(1, 256) if len(part) <= LONG_BYTES else (1, 0x80, 0xFF)
    for at in places(len(part)):
        yield part[:at] + part[at + 1 :]
        yield part[: at + 1] + part[at:]
        for flip in flips:
            yield part[:at] + bytes((part[at] ^ flip,)) + part[at + 1 :]


def spoilt_rounds(driver: Driver, value) -> Iterable[tuple[bytes, ...]]:
    """Spoil one part of a round in each way."""
    parts = parts_of(driver, value)
    for number, part in enumerate(parts):
        for bad in spoilt(part):
            yield (*parts[:number], bad, *parts[number + 1 :])
