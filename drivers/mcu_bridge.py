"""Gatepost's own line protocol for a microcontroller in front of a bare I2C sensor.

Source: this project; docs/mcu-bridge.md has the protocol, and sketches for Arduino and MicroPython.
115200 8N1, ASCII, about ten lines a second, CR LF. For MLX90614 and the like, with or without a
distance sensor beside it. Never yet seen by us on a real unit.

A measurement, and a sensor that gives none:

    $T,<object>,<ambient>,<distance>*<check> CR LF        $T,3650,2130,85*1462
    $F,<reason>*<check> CR LF                             $F,pec*D483

- object, ambient: hundredths of a degree Celsius, whole numbers, below zero with a minus
- distance: millimetres, or nothing at all between comma and star
- reason: a word; `nack` (no answer on the bus), `pec` (the sensor's own checksum), `flag` (the
  sensor says that the value is wrong). Such a line is refused as status, never read as a number
- check: CRC-16/XMODEM (polynomial 1021, initial value 0) of all between $ and *, four hex digits

A bridge that passes on the 1037.55 degrees of an MLX90614 that is not there is refused by range.
"""

import re
from binascii import crc_hqx

from drivers.framing import Refusal
from drivers.framings import Lines
from drivers.thermometer import Example, Sample, Thermometer

OPENING, END = b"$", b"\r\n"
LONGEST = 48
OBJECT_CENTI_C = range(-7000, 38001)
AMBIENT_CENTI_C = range(-4000, 12501)
DISTANCE_MM = range(10001)

_LINE = re.compile(rb"\$(.*)\*([0-9A-F]{4})\r\n")
_MEASURED = re.compile(rb"T,(-?[0-9]{1,6}),(-?[0-9]{1,6}),([0-9]{1,5})?")
_FAILED = re.compile(rb"F,[a-z]{1,16}")


def read_frame(frame: bytes) -> Sample | Refusal:
    """Read one line: length, checksum, status, header, range, in that order."""
    line = _LINE.fullmatch(frame)
    if line is None:
        return Refusal.LENGTH
    if crc_hqx(line[1], 0) != int(line[2], 16):
        return Refusal.CHECKSUM
    if _FAILED.fullmatch(line[1]):
        return Refusal.STATUS
    measured = _MEASURED.fullmatch(line[1])
    if measured is None:
        return Refusal.HEADER
    object_centi_c, ambient_centi_c = int(measured[1]), int(measured[2])
    distance_mm = None if measured[3] is None else int(measured[3])
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    if distance_mm is not None and distance_mm not in DISTANCE_MM:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c, distance_mm)


def write_frame(sample: Sample) -> bytes:
    """Write the line that the bridge would send."""
    distance = b"" if sample.distance_mm is None else b"%d" % sample.distance_mm
    text = b"T,%d,%d,%s" % (sample.object_centi_c, sample.ambient_centi_c, distance)
    return OPENING + text + b"*%04X" % crc_hqx(text, 0) + END


def _line(text: str) -> str:
    return (text + "\r\n").encode().hex()


DRIVER = Thermometer(
    model="MCU bridge (I2C sensors)",
    baud=115200,
    integrity="crc",
    odds=1 / 65536,
    framing=Lines(openings=(OPENING,), polls=(b"",), end=END, longest=LONGEST),
    read_frame=read_frame,
    write_frame=write_frame,
    source="our own protocol, docs/mcu-bridge.md",
    mark="D",
    tells_distance=True,
    examples=(
        Example("computed", _line("$T,3650,2130,85*1462"), Sample(3650, 2130, 85)),
        Example(
            "computed, frost, no distance sensor", _line("$T,3317,-250,*2229"), Sample(3317, -250)
        ),
        Example("computed, the sensor does not answer", _line("$F,nack*B009"), Refusal.STATUS),
        Example("computed, the sensor's own checksum failed", _line("$F,pec*D483"), Refusal.STATUS),
        Example("computed, no sensor: 1037.55", _line("$T,103755,103755,*79BA"), Refusal.RANGE),
        Example("computed, a digit changed", _line("$T,3850,2130,85*1462"), Refusal.CHECKSUM),
        Example("computed, no check at all", _line("$T,3650,2130,85"), Refusal.LENGTH),
        Example("computed, degrees with a point", _line("$T,36.50,21.30,85*91B2"), Refusal.HEADER),
    ),
)
