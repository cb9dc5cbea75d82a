"""Optris CS, CSmicro, CSlaser and CT infrared sensing heads, binary protocol.

Source: the makers' manuals (LT p. 48, CS E2012-10-B, CSlaser, CSmicro; CT command list 2020-04) and
public tools (techniker/Optris-CT-tools, imacovei/Optris-CT-Basics,
hirokitanaka-ikz/optris_cslaser). RS-232, RS-485 or USB, 8N1; delivered at 9600 or 115200, by list
and by tool: set `baud`. Never yet seen by us on a real unit.

Polled; one byte asks, two bytes answer, big-endian, with no frame and no checksum:

    01  ->  TT TT     target temperature, processed
    02  ->  HH HH     the head's own temperature

- T, H: (value - 1000) / 10 degrees Celsius; models "hs" (value - 10000) / 100 (option `scale`)
- on RS-485 a byte B0 + address goes before each request (option `address`)

With no framing one lost byte would pair high and low bytes wrongly for ever. So each answer is held
to its request: two bytes, no more and no fewer, or the round is lost and the next begins clean. A
value counts only when another of the two before it agrees. Never sent are 03 and 81, which mean
different things on CS and CT (81 sets an output on a CS), 84, or anything else that sets.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Answers
from drivers.thermometer import Agreement, Example, Sample, Thermometer

POLLS = (b"\x01", b"\x02")
ZERO_CENTI_C = -10000
ADDRESSES = range(1, 80)
OBJECT_CENTI_C = range(-4000, 20001)
AMBIENT_CENTI_C = range(-4000, 12501)
"""What stands before a gate; the heads reach farther, but two bytes alone prove nothing."""


def odds(step_centi_c: int) -> float:
    """Say how many of all four bytes are believable values."""
    return len(OBJECT_CENTI_C[::step_centi_c]) * len(AMBIENT_CENTI_C[::step_centi_c]) / 65536**2


def read_frame(frame: bytes, step_centi_c: int = 10) -> Sample | Refusal:
    """Read the two answers: length, range, in that order."""
    if len(frame) != 4:
        return Refusal.LENGTH
    object_centi_c, ambient_centi_c = (
        value * step_centi_c + ZERO_CENTI_C for value in struct.unpack(">HH", frame)
    )
    if object_centi_c not in OBJECT_CENTI_C or ambient_centi_c not in AMBIENT_CENTI_C:
        return Refusal.RANGE
    return Sample(object_centi_c, ambient_centi_c)


def write_frame(sample: Sample, step_centi_c: int = 10) -> bytes:
    """Write both answers."""
    values = (sample.object_centi_c, sample.ambient_centi_c)
    return struct.pack(">HH", *((value - ZERO_CENTI_C) // step_centi_c for value in values))


def configure(options: Mapping[str, str]) -> Thermometer:
    """Speak to the head of an address, in its own scale."""
    driver = DRIVER
    scale = options.get("scale", "tenths")
    if scale not in ("tenths", "hundredths"):
        raise OptionRefused(f"scale = {scale!r}: tenths or hundredths (models hs) is wanted")
    if scale == "hundredths":
        read, write = partial(read_frame, step_centi_c=1), partial(write_frame, step_centi_c=1)
        driver = replace(driver, step_centi_c=1, odds=odds(1), read_frame=read, write_frame=write)
    if "address" in options:
        told = options["address"]
        if not told.isdecimal() or int(told) not in ADDRESSES:
            raise OptionRefused(f"address = {told!r}: a number from 1 to 79 is wanted")
        prefix = bytes((0xB0 + int(told),))
        driver = replace(driver, polls=tuple(prefix + poll for poll in POLLS))
    return driver


DRIVER = Thermometer(
    model="Optris CS, CSmicro, CSlaser, CT",
    baud=9600,
    integrity="none",
    odds=odds(10),
    framing=Answers(lengths=(2, 2)),
    read_frame=read_frame,
    write_frame=write_frame,
    source="makers' manuals; three public tools",
    mark="C",
    step_centi_c=10,
    polls=POLLS,
    poll_s=0.06,
    agreement=Agreement(samples=2, among=3, within=30),
    options={
        "address": "on RS-485, 1 to 79; unset: one head, asked without an address",
        "scale": "tenths, or hundredths for the models hs; unset: tenths",
    },
    configure=configure,
    variants=({"address": "5"}, {"scale": "hundredths", "address": "79"}),
    examples=(
        Example("manual: 04 D3 is 23.5 degrees", "04d3 04d3", Sample(2350, 2350)),
        Example("computed", "0555 04d5", Sample(3650, 2370)),
        Example("computed, frost", "0533 03cf", Sample(3310, -250)),
        Example("manual, a value of the models hs", "303e 303e", Refusal.RANGE),
        Example("computed, shifted by a byte", "5504 d505", Refusal.RANGE),
        Example("computed, one answer only", "0555", Refusal.LENGTH),
    ),
)
