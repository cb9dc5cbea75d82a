"""CJMCU-90614 infrared thermometer module (Melexis MLX90614 behind a UART).

Source: one text, which two shops give (newegg.ca 3D0-0039-001C4, electronicpro.co.za); no public
driver. 115200 8N1, can be told 9600 or 57600. Never yet seen by us on a real unit.

Frame, 9 bytes, big-endian, signed hundredths of a degree:

    66 66 MM 04  XX XX  YY YY  CC

- M: mode, 01 continuous or 02 on request
- X, Y: two temperatures. No source says which is the object and which the sensor itself
- C: checksum, low byte of the sum of the eight bytes before it

So the driver must be told: hold a hand before the lens, see with `gateway decode` which of the two
rises, and set the option `first`. Until then it is refused.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Fixed
from drivers.thermometer import Example, Sample, Thermometer

HEADER = b"\x66\x66"
MODES = (1, 2)
COUNT = 4
LENGTH = 9
OBJECT_CENTI_C = range(-7000, 38001)
AMBIENT_CENTI_C = range(-4000, 12501)
"""The MLX90614's own limits."""


def read_frame(frame: bytes, *, object_first: bool = True) -> Sample | Refusal:
    """Read one frame: length, header, checksum, range, in that order."""
    if len(frame) != LENGTH or frame[3] != COUNT:
        return Refusal.LENGTH
    if not frame.startswith(HEADER) or frame[2] not in MODES:
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    object_centi_c, ambient_centi_c = struct.unpack_from(">hh", frame, 4)
    if not object_first:
        object_centi_c, ambient_centi_c = ambient_centi_c, object_centi_c
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample, *, object_first: bool = True) -> bytes:
    """Write the frame that the module would send."""
    values = (sample.object_centi_c, sample.ambient_centi_c)
    body = HEADER + struct.pack(">BBhh", 1, COUNT, *(values if object_first else values[::-1]))
    return body + bytes((sum(body) & 0xFF,))


def configure(options: Mapping[str, str]) -> Thermometer:
    """Take the two values in the order that the installer found."""
    first = options["first"]
    if first not in ("object", "ambient"):
        raise OptionRefused(f"first = {first!r}: object or ambient is wanted")
    object_first = first == "object"
    return replace(
        DRIVER,
        read_frame=partial(read_frame, object_first=object_first),
        write_frame=partial(write_frame, object_first=object_first),
    )


DRIVER = Thermometer(
    model="CJMCU-90614",
    baud=115200,
    integrity="checksum",
    odds=1 / 256,
    framing=Fixed(header=HEADER, length=LENGTH),
    read_frame=read_frame,
    write_frame=write_frame,
    source="two shops, one text",
    mark="S",
    options={
        "first": "object or ambient: which of its two values comes first, since no source says;"
        " hold a hand before the lens and see which one rises"
    },
    needed=("first",),
    configure=configure,
    variants=({"first": "object"}, {"first": "ambient"}),
    examples=(
        Example("computed", "66660104 0c78 0d19 7b", Sample(3192, 3353)),
        Example("computed, die in frost", "66660104 0cf5 ff06 d7", Sample(3317, -250)),
        Example("computed, sum off by one", "66660104 0c78 0d19 7c", Refusal.CHECKSUM),
        Example("computed, another count", "66660105 0c78 0d19 7c", Refusal.LENGTH),
        Example("computed, no mode of its own", "66660304 0c78 0d19 7d", Refusal.HEADER),
        Example("computed, a die at 327 degrees", "66660104 0c78 7fff d3", Refusal.RANGE),
    ),
)
