"""Raytek (now Fluke) MI infrared sensing head with its electronics box.

Source: MI manual pages 67 to 77; the public EPICS driver flukePyrometer.proto speaks the same.
9600 8N1, half duplex. Never yet seen by us on a real unit.

Polled, in ASCII; one answer a line, degrees Celsius (the factory setting `U=C`):

    ?T <CR>   ->   !T0036.5 <CR><LF>     the object
    ?I <CR>   ->   !I0024.0 <CR><LF>     the head's own temperature

- the number of digits differs by model
- beyond its range a head answers with letters in place of the digits, such as `!TE0`
- `*Syntax Error` and the notice after power-up, `#XI`, are lines of their own and are passed over

No checksum. A value counts only when another of the two before it, at most 0.30 degrees away,
agrees. The head is never configured from here: its EEPROM wears, and `E=` is not ours to set.
"""

import re

from drivers.framing import Lines, Refusal
from drivers.thermometer import Agreement, Example, Sample, Thermometer

POLLS = (b"?T\r", b"?I\r")
OPENINGS = (b"!T", b"!I")
END = b"\r\n"
OBJECT_CENTI_C = range(-4000, 100001)
AMBIENT_CENTI_C = range(-4000, 18001)
"""The widest ranges of any MI head."""

_NUMBER = re.compile(rb"([+-]?)([0-9]{1,5})(?:\.([0-9]{1,2}))?")


def read_frame(frame: bytes) -> Sample | Refusal:
    """Read the two lines: length, header, status, range, in that order."""
    lines = frame.split(END)
    if len(lines) != 3 or lines[2]:
        return Refusal.LENGTH
    of_object, of_ambient = lines[0], lines[1].removeprefix(POLLS[1])
    if not (of_object.startswith(OPENINGS[0]) and of_ambient.startswith(OPENINGS[1])):
        return Refusal.HEADER
    object_centi_c, ambient_centi_c = _centi(of_object[2:]), _centi(of_ambient[2:])
    if object_centi_c is None or ambient_centi_c is None:
        return Refusal.STATUS
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample) -> bytes:
    """Write both answers; the wire carries tenths, so hundredths are cut off toward zero."""
    return b"".join(
        opening + _digits(centi_c) + END
        for opening, centi_c in zip(
            OPENINGS, (sample.object_centi_c, sample.ambient_centi_c), strict=True
        )
    )


def _centi(text: bytes) -> int | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, part = match.groups()
    centi = int(whole) * 100 + int((part or b"").ljust(2, b"0"))
    return -centi if sign == b"-" else centi


def _digits(centi_c: int) -> bytes:
    sign = b"-" if centi_c < 0 else b""
    whole, part = divmod(abs(centi_c) // 10, 10)
    return sign + b"%0*d.%d" % (4 - len(sign), whole, part)


DRIVER = Thermometer(
    model="Raytek MI",
    baud=9600,
    integrity="none",
    framing=Lines(openings=OPENINGS, polls=POLLS, end=END, longest=16),
    read_frame=read_frame,
    write_frame=write_frame,
    source="MI manual p. 67-77; EPICS flukePyrometer.proto",
    mark="C",
    step_centi_c=10,
    polls=POLLS,
    poll_s=0.06,
    agreement=Agreement(samples=2, among=3, within_centi_c=30),
    examples=(
        Example("MI manual's form", b"!T0036.5\r\n!I0024.0\r\n".hex(), Sample(3650, 2400)),
        Example("computed, frost", b"!T0033.1\r\n!I-002.5\r\n".hex(), Sample(3310, -250)),
        Example(
            "computed, a model of fewer digits", b"!T36.5\r\n!I24\r\n".hex(), Sample(3650, 2400)
        ),
        Example("Endurance, over range", b"!TE0\r\n!I0024.0\r\n".hex(), Refusal.STATUS),
        Example("MI manual's error line", b"*Syntax Error\r\n!I0024.0\r\n".hex(), Refusal.HEADER),
        Example("computed, second line lost", b"!T0036.5\r\n".hex(), Refusal.LENGTH),
        Example("computed, head at 900 degrees", b"!T0036.5\r\n!I0900.0\r\n".hex(), Refusal.RANGE),
    ),
)
