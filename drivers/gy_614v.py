"""GY-614V infrared thermometer module (Melexis MLX90614 behind a UART, version 3 and later).

Source: the maker's text as three shops give it (wap.szlitus.com 4084, en.szlitus 4082, allnewsemi
228082) for frame and registers; the public driver gy614.hpp of Alliance-Algorithm/RMCS for the
same twelve bytes. The register map has that one source. The speed it is delivered with is not
said anywhere: it can be told 2400 to 230400, so set `baud` if 9600 gives garbage. A module whose
PS pad is soldered speaks I2C and is silent here. Never yet seen by us on a real unit.

Frame, 12 bytes, big-endian, signed hundredths of a degree; sent by itself in continuous mode:

    ID 03 07 07  EE  OO OO  AA AA  BB BB  CC

- ID: the module's address, A4 unless it was set otherwise (option `address`)
- 03 07 07: registers read, from 07, seven of them
- E: emissivity, hundredths
- O: object temperature, the raw value: the one that is taken
- A: the sensor's own temperature
- B: a body temperature that the module makes of O by a rule that nobody tells: never used
- C: checksum, low byte of the sum of the eleven bytes before it

Nothing is ever sent: the request for a single reading is not confirmed.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Fixed
from drivers.thermometer import Example, Sample, Thermometer

ADDRESS = 0xA4
READ = b"\x03\x07\x07"
LENGTH = 12
EMISSIVITY = range(1, 101)
OBJECT_CENTI_C = range(-7000, 38001)
AMBIENT_CENTI_C = range(-4000, 12501)
"""The MLX90614's own limits."""


def read_frame(frame: bytes, address: int = ADDRESS) -> Sample | Refusal:
    """Read one frame: length, header, checksum, range, in that order."""
    if len(frame) != LENGTH:
        return Refusal.LENGTH
    if not frame.startswith(bytes((address,)) + READ):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    emissivity, object_centi_c, ambient_centi_c = struct.unpack_from(">Bhh", frame, 4)
    if (
        emissivity not in EMISSIVITY
        or object_centi_c not in OBJECT_CENTI_C
        or ambient_centi_c not in AMBIENT_CENTI_C
    ):
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample, address: int = ADDRESS) -> bytes:
    """Write the frame that the module would send; its body temperature is the object's."""
    values = struct.pack(
        ">Bhhh", 98, sample.object_centi_c, sample.ambient_centi_c, sample.object_centi_c
    )
    body = bytes((address,)) + READ + values
    return body + bytes((sum(body) & 0xFF,))


def configure(options: Mapping[str, str]) -> Thermometer:
    """Listen to the module of this address."""
    told = options["address"]
    if not told.isdecimal() or not 1 <= int(told) <= 255:
        raise OptionRefused(f"address = {told!r}: a number from 1 to 255 is wanted; A4 is 164")
    address = int(told)
    return replace(
        DRIVER,
        framing=Fixed(header=bytes((address,)) + READ, length=LENGTH),
        read_frame=partial(read_frame, address=address),
        write_frame=partial(write_frame, address=address),
    )


DRIVER = Thermometer(
    model="GY-614V",
    baud=9600,
    integrity="checksum",
    odds=1 / 256,
    framing=Fixed(header=bytes((ADDRESS,)) + READ, length=LENGTH),
    read_frame=read_frame,
    write_frame=write_frame,
    source="maker's text in three shops; public driver of RMCS (frame)",
    mark="C",
    options={"address": "the module's address, 1 to 255; unset: 164 (A4)"},
    configure=configure,
    variants=({"address": "5"},),
    examples=(
        Example("computed", "a4030707 62 0d7a 0866 0e47 61", Sample(3450, 2150)),
        Example("computed, die in frost", "a4030707 62 0cf5 ff06 0cf5 1e", Sample(3317, -250)),
        Example("computed, sum off by one", "a4030707 62 0d7a 0866 0e47 62", Refusal.CHECKSUM),
        Example("computed, cut short", "a4030707 62 0d7a 0866 0e47", Refusal.LENGTH),
        Example("maker's text, set query mode", "a40603 01 ae 000000000000 00", Refusal.HEADER),
        Example("computed, emissivity 0", "a4030707 00 0d7a 0866 0e47 ff", Refusal.RANGE),
    ),
)
