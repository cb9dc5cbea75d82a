"""GY-53 laser distance module (ST VL53L0X or VL53L1X behind a UART); the GY-56 speaks the same.

Source: the maker's protocol text, as sold with the module; two public drivers that agree (LuatOS
vl53L1.lua, scorer-sdk-python). 9600 8N1. Never yet seen by us on a real unit.

Frame, 8 bytes, big-endian millimetres; sent by itself:

    5A 5A 15 03 DD DD MM CC

- 15: distance; the same maker's thermometers put 45 here
- D: distance; 0 and what lies beyond the sensor's 4 m mean that nothing was found
- M: bits 0-1 range mode, 2-3 timing; the L0X and the L1X count them differently: not read
- C: checksum, low byte of the sum of all bytes before it

The module is never configured from here: A5 51 to A5 53 are ranges to the L1X and something
else to the L0X.
"""

import struct

from drivers.distance import Distance, Example, Range, Refusal
from drivers.framings import Counted

HEADER = b"\x5a\x5a\x15"
MODE = 0x02
RANGES_MM = range(1, 4001)


def read_frame(frame: bytes) -> Range | Refusal:
    """Read one frame: length, header, checksum, range, in that order."""
    if len(frame) != 8 or frame[3] != 3:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    (range_mm,) = struct.unpack_from(">H", frame, 4)
    return Range(range_mm) if range_mm in RANGES_MM else Refusal.RANGE


def write_frame(value: Range) -> bytes:
    """Write the frame that the module would send."""
    body = HEADER + struct.pack(">BHB", 3, value.range_mm, MODE)
    return body + bytes((sum(body) & 0xFF,))


DRIVER = Distance(
    model="GY-53, GY-56",
    baud=9600,
    source="maker's protocol text; two public drivers",
    mark="C",
    integrity="checksum",
    odds=1 / 256,
    framing=Counted(header=HEADER, counts=range(3, 4)),
    read_frame=read_frame,
    write_frame=write_frame,
    ranges_mm=RANGES_MM,
    examples=(
        Example("maker's text", "5a5a1503 0013 02 e1", Range(19)),
        Example("computed", "5a5a1503 0708 02 dd", Range(1800)),
        Example("maker's text, last byte flipped", "5a5a1503 0013 02 e0", Refusal.CHECKSUM),
        Example("maker's text, cut short", "5a5a1503 0013 02", Refusal.LENGTH),
        Example("maker's text of the GY-MCU90614", "5a5a4504 0c78 0d19 a7", Refusal.LENGTH),
        Example("computed, a motion module's type", "5a5a1603 0013 02 e2", Refusal.HEADER),
        Example("computed, nothing found", "5a5a1503 1ffe 02 eb", Refusal.RANGE),
    ),
)
