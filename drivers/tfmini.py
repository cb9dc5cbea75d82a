"""Benewake TFmini laser distance sensor.

Source: Benewake's data sheet SJ-GU-TFmini-T-01; Adafruit's CircuitPython library TFmini.
115200 8N1. Never yet seen by us on a real unit.

Frame, 9 bytes, little-endian; sent by itself, a hundred times a second:

    59 59 DD DD SS SS MM 00 CC

- D: distance in centimetres; below 30 cm or above 12 m is no distance, FFFF none at all
- S: strength of the light that came back: not read
- M: 02 short range, 07 long range. ArduPilot (pull request 8504) takes a frame of mode 02 for
  millimetres, both sources above for centimetres: hold a tape to it once
- C: checksum, low byte of the sum of all bytes before it
"""

import struct

from drivers.distance import Distance, Example, Range, Refusal
from drivers.framings import Fixed

HEADER = b"\x59\x59"
MODES = (0x02, 0x07)
STRENGTH = 512
RANGES_MM = range(300, 12001, 10)


def read_frame(frame: bytes) -> Range | Refusal:
    """Read one frame: length, header, checksum, status, range, in that order."""
    if len(frame) != 9:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    if frame[6] not in MODES:
        return Refusal.STATUS
    (range_cm,) = struct.unpack_from("<H", frame, 2)
    return Range(range_cm * 10) if range_cm * 10 in RANGES_MM else Refusal.RANGE


def write_frame(value: Range) -> bytes:
    """Write the frame that the sensor would send."""
    body = HEADER + struct.pack("<HHBx", value.range_mm // 10, STRENGTH, MODES[0])
    return body + bytes((sum(body) & 0xFF,))


DRIVER = Distance(
    model="TFmini",
    baud=115200,
    source="Benewake's data sheet; Adafruit TFmini",
    mark="C",
    integrity="checksum",
    odds=1 / 256,
    framing=Fixed(header=HEADER, length=9),
    read_frame=read_frame,
    write_frame=write_frame,
    ranges_mm=RANGES_MM,
    examples=(
        Example("computed by the data sheet", "5959 5500 0002 02 00 0b", Range(850)),
        Example("computed, long range", "5959 b004 4001 07 00 ae", Range(12000)),
        Example("computed, last byte flipped", "5959 5500 0002 02 00 0a", Refusal.CHECKSUM),
        Example("computed, cut short", "5959 5500 0002 02 00", Refusal.LENGTH),
        Example("computed, first byte flipped", "5859 5500 0002 02 00 0a", Refusal.HEADER),
        Example("computed, no mode of a TFmini", "5959 5500 0002 09 00 12", Refusal.STATUS),
        Example("computed, nothing found", "5959 ffff 0000 02 00 b2", Refusal.RANGE),
        Example("computed, too near", "5959 1d00 0002 02 00 d3", Refusal.RANGE),
    ),
)
