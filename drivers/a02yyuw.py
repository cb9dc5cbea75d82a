"""A02YYUW waterproof ultrasonic distance sensor; ME007YS speaks the same.

Source: DFRobot's wiki pages of SEN0311 (A02YYUW) and SEN0312 (ME007YS); ESPHome's component
a02yyuw. 9600 8N1. Never yet seen by us on a real unit.

Frame, 4 bytes, big-endian millimetres; sent by itself, about ten times a second:

    FF DD DD CC

- D: distance; 30 mm or less is the sensor's blind zone, more than 4.5 m its end, 0 is what it
  says when it finds nothing at all
- C: checksum, low byte of the sum of all bytes before it

A data byte may itself be FF. Then the frame is lost if the next one makes a right frame with it,
whose distance is at least 769 mm less: once in such a jump, and never while the distance stays.
"""

import struct

from drivers.distance import Distance, Example, Range, Refusal
from drivers.framings import Fixed

HEADER = b"\xff"
RANGES_MM = range(31, 4501)


def read_frame(frame: bytes) -> Range | Refusal:
    """Read one frame: length, header, checksum, range, in that order."""
    if len(frame) != 4:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    (range_mm,) = struct.unpack_from(">H", frame, 1)
    return Range(range_mm) if range_mm in RANGES_MM else Refusal.RANGE


def write_frame(value: Range) -> bytes:
    """Write the frame that the sensor would send."""
    body = HEADER + struct.pack(">H", value.range_mm)
    return body + bytes((sum(body) & 0xFF,))


DRIVER = Distance(
    model="A02YYUW, ME007YS",
    baud=9600,
    source="DFRobot SEN0311, SEN0312; ESPHome a02yyuw",
    mark="C",
    integrity="checksum",
    odds=1 / 256,
    framing=Fixed(header=HEADER, length=4),
    read_frame=read_frame,
    write_frame=write_frame,
    ranges_mm=RANGES_MM,
    examples=(
        Example("DFRobot's wiki", "ff 07a1 a7", Range(1953)),
        Example("computed, a data byte is FF", "ff 01ff ff", Range(511)),
        Example("DFRobot's wiki, last byte flipped", "ff 07a1 a6", Refusal.CHECKSUM),
        Example("DFRobot's wiki, cut short", "ff 07a1", Refusal.LENGTH),
        Example("DFRobot's wiki, first byte flipped", "fe 07a1 a6", Refusal.HEADER),
        Example("DFRobot forum 336199, nothing found", "ff 0000 ff", Refusal.RANGE),
        Example("ESPHome, blind zone", "ff 001e 1d", Refusal.RANGE),
    ),
)
