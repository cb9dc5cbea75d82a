"""RDM6300 reader of 125 kHz tags (EM4100); Seeed's 125 kHz module speaks the same.

Source: Seeed's data sheet of its 125 kHz module; the public driver arduino12/rdm6300. 9600 8N1.
Never yet seen by us on a real unit.

Frame, 14 bytes, ASCII between its first and last byte; sent again and again while a tag is held:

    02 VV VV NN NN NN NN NN NN NN NN CC CC 03

- V, N: the tag's version and number, ten hexadecimal digits
- C: the two digits of the exclusive or of those five bytes: eight bits, so that of frames in which
  several digits were spoilt into other digits one in 256 gives a tag that was never there

The reader says nothing while no tag is there, so its silence means nothing.
"""

import re
from functools import reduce
from operator import xor

from drivers.driver import Dice
from drivers.framings import Fixed
from drivers.reader import Example, Reader, Refusal, Scan

START, END = b"\x02", b"\x03"
LENGTH = 14

_DIGITS = re.compile(rb"[0-9A-F]{12}")


def read_frame(frame: bytes) -> Scan | Refusal:
    """Read one frame: length, header, checksum, in that order."""
    if len(frame) != LENGTH:
        return Refusal.LENGTH
    if not (frame.startswith(START) and frame.endswith(END)):
        return Refusal.HEADER
    if not _DIGITS.fullmatch(frame[1:-1]):
        return Refusal.STATUS
    if reduce(xor, bytes.fromhex(frame[1:-1].decode())):
        return Refusal.CHECKSUM
    return Scan("tag", frame[1:11].decode())


def write_frame(value: Scan) -> bytes:
    """Write the frame that the reader would send."""
    check = reduce(xor, bytes.fromhex(value.text))
    return START + value.text.encode() + b"%02X" % check + END


def drawn(dice: Dice) -> Scan:
    """Draw any tag."""
    return Scan("tag", "".join(f"{dice(0, 255):02X}" for _ in range(5)))


DRIVER = Reader(
    model="RDM6300",
    baud=9600,
    source="Seeed's data sheet; arduino12/rdm6300",
    mark="C",
    integrity="checksum",
    odds=(16 / 256) ** 12 / 256 / 256,
    framing=Fixed(header=START, length=LENGTH),
    read_frame=read_frame,
    write_frame=write_frame,
    medium="tag",
    speaks_unasked=False,
    drawn=drawn,
    examples=(
        Example("Seeed's data sheet", "02 36324533303836434544 3038 03", Scan("tag", "62E3086CED")),
        Example(
            "data sheet of the EM-18", "02 34353030433544314539 4238 03", Scan("tag", "4500C5D1E9")
        ),
        Example("Seeed's, check flipped", "02 36324533303836434544 3039 03", Refusal.CHECKSUM),
        Example("Seeed's, small letter", "02 36326533303836434544 3038 03", Refusal.STATUS),
        Example("Seeed's, cut short", "02 36324533303836434544 3038", Refusal.LENGTH),
        Example("Seeed's, without its end", "02 36324533303836434544 3038 02", Refusal.HEADER),
    ),
)
