"""GY-MCU90640 thermal array module (Melexis MLX90640 behind a UART), 32 by 24 pixels.

Source: the module's manual (in vvkuryshev/GY-MCU90640-RPI-Python, English, and in
kluzzebass/gy-mcu90640-node), and both repositories' code, which agree. 115200 8N1; at 4 pictures a
second the line is more than half full. Never yet seen by us on a real unit.

Frame, 1544 bytes, little-endian, signed hundredths of a degree; sent by itself:

    5A 5A 02 06  PP PP (768 times)  AA AA  CC CC

- 02 06: the number of bytes that follow, 1538, without the sum
- P: pixels, row by row; "column 1, row 1" is the upper right
- A: the sensor's own temperature: its die, some 8 degrees above the room
- C: the sum of the 771 words before it, modulo 65536

Good to two degrees at best: the array finds the face and does not decide fever. Speed and rate are
never set from here. A public driver reads 1544 bytes at once and never finds back after one lost.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers import pictures
from drivers.framing import Refusal
from drivers.framings import Fixed
from drivers.thermometer import Example, Sample, Thermometer

HEADER = b"\x5a\x5a\x02\x06"
WIDTH, HEIGHT = 32, 24
PIXELS = WIDTH * HEIGHT
LENGTH = 4 + 2 * PIXELS + 4
PIXEL_CENTI_C = range(-4000, 30001)
AMBIENT_CENTI_C = range(-4000, 12501)
"""The MLX90640's own limits."""


def read_frame(frame: bytes, face: pictures.Face = pictures.FACE) -> Sample | Refusal:
    """Read a picture: length, header, checksum, range, in that order."""
    if len(frame) != LENGTH:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    words = struct.unpack("<772H", frame)
    if sum(words[:-1]) & 0xFFFF != words[-1]:
        return Refusal.CHECKSUM
    *pixels, ambient_centi_c = struct.unpack_from("<769h", frame, 4)
    if ambient_centi_c not in AMBIENT_CENTI_C or not all(p in PIXEL_CENTI_C for p in pixels):
        return Refusal.RANGE
    seen = pictures.look(pixels, WIDTH, face)
    return Sample(seen.shown_centi_c, ambient_centi_c, faces=seen.faces)


def write_frame(sample: Sample) -> bytes:
    """Draw the picture that shows this, and frame it."""
    pixels = pictures.draw(pictures.Seen(sample.object_centi_c, sample.faces or 0), WIDTH, HEIGHT)
    body = HEADER + struct.pack("<769h", *pixels, sample.ambient_centi_c)
    return body + struct.pack("<H", sum(struct.unpack("<771H", body)) & 0xFFFF)


def configure(options: Mapping[str, str]) -> Thermometer:
    """Take what counts as a face."""
    return replace(DRIVER, read_frame=partial(read_frame, face=pictures.told(options)))


_PIXELS = "420e" * PIXELS
_COMPUTED = f"5a5a0206 {_PIXELS[: 400 * 4]} 800e {_PIXELS[401 * 4 :]} 5208 ec2e"
"""All pixels at 36.50, one at 37.12, the die at 21.30."""

DRIVER = Thermometer(
    model="GY-MCU90640 32x24",
    baud=115200,
    integrity="checksum",
    odds=1 / 65536,
    framing=Fixed(header=HEADER, length=LENGTH),
    read_frame=read_frame,
    write_frame=write_frame,
    source="module's manual; two public drivers",
    mark="C",
    is_array=True,
    options=pictures.OPTIONS,
    configure=configure,
    variants=({"warm_centi_c": "300", "averaged": "8"},),
    examples=(
        Example("computed by the manual's rule", _COMPUTED, Sample(3650, 2130, faces=0)),
        Example(
            "drawn by this file, one face",
            write_frame(Sample(3480, -250, faces=1)).hex(),
            Sample(3480, -250, faces=1),
        ),
        Example("computed, sum off by one", _COMPUTED[:-4] + "ed2e", Refusal.CHECKSUM),
        Example("computed, cut short", _COMPUTED[:-4], Refusal.LENGTH),
        Example("computed, another header", "5a5a4504" + _COMPUTED[8:], Refusal.HEADER),
        Example(
            "computed, a die at 213 degrees",
            f"5a5a0206 {_PIXELS} 3453 9079",
            Refusal.RANGE,
        ),
    ),
)
