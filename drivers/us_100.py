"""US-100 ultrasonic distance sensor, its jumper set to serial.

Source: the maker's sheet, as sold with the sensor; Adafruit's CircuitPython library US100. 9600
8N1. Never yet seen by us on a real unit.

Polled; the answer is two bytes and nothing else, big-endian millimetres:

    55   ->   DD DD

- D: distance; the sensor reaches from 20 mm to 4.5 m and says other numbers when it finds nothing

No checksum, no header: an answer is held to its poll by the decoder. A value counts only when one
of the two before it, at most 100 mm away, agrees. The sensor has no settings.
"""

import struct

from drivers.distance import Agreement, Distance, Example, Range, Refusal
from drivers.framings import Answers

POLL = b"\x55"
RANGES_MM = range(20, 4501)


def read_frame(frame: bytes) -> Range | Refusal:
    """Read an answer: length, range."""
    if len(frame) != 2:
        return Refusal.LENGTH
    (range_mm,) = struct.unpack(">H", frame)
    return Range(range_mm) if range_mm in RANGES_MM else Refusal.RANGE


def write_frame(value: Range) -> bytes:
    """Write the sensor's answer."""
    return struct.pack(">H", value.range_mm)


DRIVER = Distance(
    model="US-100",
    baud=9600,
    source="maker's sheet; Adafruit US100",
    mark="C",
    integrity="none",
    odds=len(RANGES_MM) / 65536,
    framing=Answers(lengths=(2,)),
    read_frame=read_frame,
    write_frame=write_frame,
    ranges_mm=RANGES_MM,
    polls=(POLL,),
    poll_s=0.1,
    agreement=Agreement(samples=2, among=3, within=100),
    examples=(
        Example("computed by the sheet's formula", "0708", Range(1800)),
        Example("computed, at its nearest", "0014", Range(20)),
        Example("computed, nearer than it can", "0013", Refusal.RANGE),
        Example("computed, beyond its range", "2af8", Refusal.RANGE),
        Example("computed, half an answer", "07", Refusal.LENGTH),
    ),
)
