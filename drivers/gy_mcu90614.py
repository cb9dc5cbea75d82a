"""GY-MCU90614 infrared thermometer module (Melexis MLX90614 behind a UART).

Source: the maker's protocol text, as sold with the module, and two public drivers that agree
(heef87/TemperatureDemo SGY_MCU90614_TW, Codigos-Microcontroladores MCU-90615). The GY-MCU90615
speaks the same. Never yet seen by us on a real unit.

Frame, 9 bytes, big-endian, signed hundredths of a degree; sent about ten times a second:

    5A 5A 45 LL OO OO AA AA .. CC

- 45: temperatures; the same maker's distance and motion modules put other types here
- L: bytes of data, 04; a newer firmware sends up to 06, whose tail is not read
- O: object temperature
- A: the sensor's own temperature
- C: checksum, low byte of the sum of all bytes before it

The checksum may itself be 5A, so three 5A in a row are no fault. Public parsers that read the
values unsigned show 655 degrees for what is a frost.
"""

import struct

from drivers.framing import Refusal
from drivers.framings import Counted
from drivers.thermometer import Example, Sample, Thermometer

HEADER = b"\x5a\x5a\x45"
COUNTS = range(0x04, 0x07)
OBJECT_CENTI_C = range(-7000, 38001)
AMBIENT_CENTI_C = range(-4000, 12501)
"""The MLX90614's own limits: anything beyond is a broken sensor behind a working UART."""


def read_frame(frame: bytes) -> Sample | Refusal:
    """Read one frame: length, header, checksum, range, in that order."""
    if len(frame) < 4 or frame[3] not in COUNTS or len(frame) != frame[3] + 5:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    object_centi_c, ambient_centi_c = struct.unpack_from(">hh", frame, 4)
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample) -> bytes:
    """Write the frame that the module would send."""
    body = HEADER + struct.pack(">Bhh", 4, sample.object_centi_c, sample.ambient_centi_c)
    return body + bytes((sum(body) & 0xFF,))


DRIVER = Thermometer(
    model="GY-MCU90614, GY-MCU90615",
    baud=9600,
    integrity="checksum",
    odds=1 / 256,
    framing=Counted(header=HEADER, counts=COUNTS),
    read_frame=read_frame,
    write_frame=write_frame,
    source="maker's protocol text; two public drivers",
    mark="C",
    examples=(
        Example("maker's text", "5a5a4504 0c78 0d19 a7", Sample(3192, 3353)),
        Example("computed", "5a5a4504 0e42 0852 a7", Sample(3650, 2130)),
        Example("computed, die in frost", "5a5a4504 0cf5 ff06 03", Sample(3317, -250)),
        Example("computed, a fever", "5a5a4504 0ec9 0960 3d", Sample(3785, 2400)),
        Example("computed, checksum is 5A", "5a5a4504 0c7a 07d0 5a", Sample(3194, 2000)),
        Example(
            "computed, newer firmware's length", "5a5a4505 0e42 0852 00 a8", Sample(3650, 2130)
        ),
        Example("maker's text, last byte flipped", "5a5a4504 0c78 0d19 a6", Refusal.CHECKSUM),
        Example("maker's text, cut short", "5a5a4504 0c78 0d19", Refusal.LENGTH),
        Example("maker's text of the GY-53 (distance)", "5a5a1503 0013 02 e1", Refusal.LENGTH),
        Example("computed, a motion module's type", "5a5a1504 0c78 0d19 77", Refusal.HEADER),
        Example("computed, die at 231 degrees", "5a5a4504 0e42 5a45 ec", Refusal.RANGE),
    ),
)
