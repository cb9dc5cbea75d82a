"""E1-frame thermal array of Chinese gate modules (HTPA32x32dR2L2.1 inside), 32 by 32 pixels.

Source: two vendors' apps that agree (heef87/TemperatureDemo SM23_32x32_XM and CHUWO_32x32;
yingbaohuacumt/IRSensor IrTempSensor). TTL or RS-485, 115200 8N1. Never yet seen by us on a real
unit.

Asked with `EE E1 01 55 FF FC FD FF`; answer, 2055 bytes, big-endian, tenths of a kelvin:

    E1  PP PP (1024 times)  AA AA  ID ID ID ID

- P: pixels, (value - 2731) / 10 degrees Celsius, row by row
- A: the sensor's own temperature, same scale
- ID: the module's number, the same in every frame; the option `id` demands it

There is no checksum. Both apps drop rows because bytes slip when RS-485 turns round; here an
answer of any other length is refused, and so is one in which any of the 1025 values is none that
a gate can meet: a shifted byte puts them at thousands of degrees. A value counts only when another
of the two before it agrees. Of the vendor's algorithm the group of pixels is kept, and its hidden
gain of 1/0.954 is not. An array finds the face and does not decide fever.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers import pictures
from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Answers
from drivers.thermometer import Agreement, Example, Sample, Thermometer

POLL = bytes.fromhex("eee10155fffcfdff")
WIDTH = HEIGHT = 32
LENGTH = 2055
ZERO = 2731
VALUES = range(ZERO - 400, ZERO + 1501)
"""-40 to 150 degrees."""


ID = bytes.fromhex("4d323301")
"""Of the pretended module."""


def read_frame(
    frame: bytes, number: bytes = b"", face: pictures.Face = pictures.FACE
) -> Sample | Refusal:
    """Read a picture: length, header, the module's number if it is known, range, in that order."""
    if len(frame) != LENGTH:
        return Refusal.LENGTH
    if frame[0] != 0xE1 or not frame.endswith(number):
        return Refusal.HEADER
    values = struct.unpack_from(">1025H", frame, 1)
    if not all(value in VALUES for value in values):
        return Refusal.RANGE
    *pixels, ambient = ((value - ZERO) * 10 for value in values)
    seen = pictures.look(pixels, WIDTH, face)
    return Sample(seen.shown_centi_c, ambient, faces=seen.faces)


def write_frame(sample: Sample, number: bytes = ID) -> bytes:
    """Draw the picture that shows this, in the wire's tenths."""
    pixels = pictures.draw(pictures.Seen(sample.object_centi_c, sample.faces or 0), WIDTH, HEIGHT)
    values = (centi_c // 10 + ZERO for centi_c in (*pixels, sample.ambient_centi_c))
    return b"\xe1" + struct.pack(">1025H", *values) + number


def configure(options: Mapping[str, str]) -> Thermometer:
    """Demand the module's number in every frame, if it is told; take what counts as a face."""
    face = pictures.told(options)
    if "id" not in options:
        return replace(DRIVER, read_frame=partial(read_frame, face=face))
    try:
        number = bytes.fromhex(options["id"])
    except ValueError:
        number = b""
    if len(number) != 4:
        raise OptionRefused(f"id = {options['id']!r}: eight hex digits are wanted, as 4d323301")
    return replace(
        DRIVER,
        read_frame=partial(read_frame, number=number, face=face),
        write_frame=partial(write_frame, number=number),
    )


_PIXELS = "0c18" * 1024
_COMPUTED = f"e1 {_PIXELS} 0b80 4d323301"
"""All pixels at 36.5, the sensor at 21.3."""

DRIVER = Thermometer(
    model="E1 32x32 array (M23-XM, CHUWO)",
    baud=115200,
    integrity="none",
    odds=1e-9,
    framing=Answers(lengths=(LENGTH,)),
    read_frame=read_frame,
    write_frame=write_frame,
    source="two vendors' apps",
    mark="C",
    step_centi_c=10,
    is_array=True,
    polls=(POLL,),
    poll_s=0.3,
    agreement=Agreement(samples=2, among=3, within=50),
    options={
        "id": "the module's number, eight hex digits: an answer of another is refused",
        **pictures.OPTIONS,
    },
    configure=configure,
    variants=({"id": "4d323301", "left_out": "2"},),
    examples=(
        Example("computed by the apps' rule", _COMPUTED, Sample(3650, 2130, faces=0)),
        Example(
            "drawn by this file, one face",
            write_frame(Sample(3480, -250, faces=1)).hex(),
            Sample(3480, -250, faces=1),
        ),
        Example("computed, one byte slipped", f"e1 0c {_PIXELS} 0b80 4d3233", Refusal.RANGE),
        Example("computed, cut short", _COMPUTED[:-2], Refusal.LENGTH),
        Example("computed, another opening", "e2" + _COMPUTED[2:], Refusal.HEADER),
    ),
)
