"""Raytek (now Fluke) MI, MI3 and Endurance infrared sensing heads.

Source: MI manual pages 67 to 77, MI3 manual Rev G chapter 18; the public EPICS driver
flukePyrometer.proto speaks the same to an Endurance. 9600 8N1, half duplex. Never yet seen by us
on a real unit.

Polled, in ASCII; one answer a line, degrees Celsius (the factory setting `U=C`):

    ?T <CR>   ->   !T0036.5 <CR><LF>     the object
    ?I <CR>   ->   !I0024.0 <CR><LF>     the head's own temperature

- the number of digits differs by model
- a box MI3 has several heads: `?2T` -> `!2T0036.5` (option `head`); on a bus with several devices a
  number of three digits goes before question and answer: `017?T` -> `017!T0036.5` (`address`)
- beyond its range a head answers with letters in place of the digits, such as `!TE0`
- `*Syntax Error` and the notice after power-up, `#XI`, are lines of their own and are passed over

No checksum. A value counts only when another of the two before it, at most 0.30 degrees away,
agrees. The head is never configured from here: its EEPROM wears, and `E=` is not ours to set.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Lines
from drivers.thermometer import Agreement, Example, Sample, Thermometer

END = b"\r\n"
OBJECT_CENTI_C = range(-4000, 100001)
AMBIENT_CENTI_C = range(-4000, 18001)
"""The widest ranges of any MI head."""


@dataclass(frozen=True, slots=True)
class Name:
    """How one head is called on its line."""

    address: str = ""
    head: str = ""

    @property
    def polls(self) -> tuple[bytes, ...]:
        """What asks for its two values."""
        return tuple(f"{self.address}?{self.head}{what}\r".encode() for what in "TI")

    @property
    def openings(self) -> tuple[bytes, ...]:
        """How the answers begin."""
        return tuple(f"{self.address}!{self.head}{what}".encode() for what in "TI")

    @property
    def framing(self) -> Lines:
        """Two lines, one for each question."""
        return Lines(openings=self.openings, polls=self.polls, end=END, longest=20)


PLAIN = Name()
_NUMBER = re.compile(rb"([+-]?)([0-9]{1,5})(?:\.([0-9]{1,2}))?")


def read_frame(frame: bytes, name: Name = PLAIN) -> Sample | Refusal:
    """Read the two lines: length, header, status, range, in that order."""
    lines = frame.split(END)
    if len(lines) != 3 or lines[2]:
        return Refusal.LENGTH
    of_object, of_ambient = lines[0], lines[1].removeprefix(name.polls[1])
    openings = name.openings
    if not (of_object.startswith(openings[0]) and of_ambient.startswith(openings[1])):
        return Refusal.HEADER
    object_centi_c = _centi(of_object.removeprefix(openings[0]))
    ambient_centi_c = _centi(of_ambient.removeprefix(openings[1]))
    if object_centi_c is None or ambient_centi_c is None:
        return Refusal.STATUS
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample, name: Name = PLAIN) -> bytes:
    """Write both answers; the wire carries tenths, so hundredths are cut off toward zero."""
    return b"".join(
        opening + _digits(centi_c) + END
        for opening, centi_c in zip(
            name.openings, (sample.object_centi_c, sample.ambient_centi_c), strict=True
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


def configure(options: Mapping[str, str]) -> Thermometer:
    """Speak to one head of several."""
    told = {}
    for option, most in (("address", 32), ("head", 8)):
        number = options.get(option, "")
        if number and not (number.isdecimal() and 1 <= int(number) <= most):
            raise OptionRefused(f"{option} = {number!r}: a number from 1 to {most} is wanted")
        told[option] = number
    name = Name(told["address"] and f"{int(told['address']):03d}", told["head"])
    return replace(
        DRIVER,
        framing=name.framing,
        polls=name.polls,
        read_frame=partial(read_frame, name=name),
        write_frame=partial(write_frame, name=name),
    )


DRIVER = Thermometer(
    model="Raytek, Fluke MI, MI3, Endurance",
    baud=9600,
    integrity="none",
    odds=1e-6,
    framing=PLAIN.framing,
    read_frame=read_frame,
    write_frame=write_frame,
    source="MI manual p. 67-77, MI3 manual ch. 18; EPICS flukePyrometer.proto",
    mark="C",
    step_centi_c=10,
    polls=PLAIN.polls,
    poll_s=0.06,
    agreement=Agreement(samples=2, among=3, within=30),
    options={
        "address": "on a bus of several devices, 1 to 32; unset: one device",
        "head": "of a box MI3, 1 to 8; unset: the only one",
    },
    configure=configure,
    variants=({"address": "17"}, {"address": "5", "head": "2"}),
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
