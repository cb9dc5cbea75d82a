"""Resident identity card reader with an SDT/SAM module (the second-generation card).

Source: five public drivers that agree on frames and text (stored files 23155620617, 44018022801,
36055124128, 3569073246, 4117141599). 115200 8N1, RS-232 or USB serial. Never yet seen by us on a
real unit.

Polled in three steps: find a card, select it, read it. Each message, either way:

    AA AA AA 96 69 LL LL ... XX

    find    00 03 20 01 22   ->   00 08 00 00 9F 00 00 00 00 97   or   00 04 00 00 80 84
    select  00 03 20 02 21   ->   00 0C 00 00 90 (8 bytes)    9C   or   00 04 00 00 81 85
    read    00 03 30 01 32   ->   05 08 00 00 90 01 00 04 00
                                  + 256 bytes of text + 1024 bytes of photo + X
                                  or   00 04 00 00 41 45

- L: bytes behind it, big-endian; X: exclusive or of all between the opening and itself
- text: UTF-16LE; name 30 bytes, sex 2, ethnicity 4, birth 16, address 70, number 36, issuer 30,
  from 16, to 16, spare 36

Of the text only name and number are read, and of the number only its last four characters are
kept, unless `number = "whole"`. The photo is dropped with its frame, unread. The number's own
check character (GB 11643) is tried too. A card may stay where it is after it was read: finding it
fails then, and reading goes on.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

from drivers.driver import Dice
from drivers.errors import OptionRefused
from drivers.framings import Plain, opens_at
from drivers.reader import Example, Reader, Refusal, Scan

OPENING = bytes.fromhex("aa aa aa 96 69")
POLLS = tuple(OPENING + bytes.fromhex(body) for body in ("0003200122", "0003200221", "0003300132"))
FOUND, SELECTED, READ = b"\x00\x00\x9f", b"\x00\x00\x90", b"\x00\x00\x90"
NOT_FOUND, NOT_SELECTED, NOT_READ = b"\x00\x00\x80", b"\x00\x00\x81", b"\x00\x00\x41"
SIZES = struct.pack(">HH", 256, 1024)
TEXT_BYTES, PHOTO_BYTES = 256, 1024
ANSWER_BYTES = 3 + len(SIZES) + TEXT_BYTES + PHOTO_BYTES
LENGTHS = ({4, 8}, {4, 12}, {4, ANSWER_BYTES + 1})
"""What may stand in each answer's length."""
NAME, NUMBER = slice(0, 30), slice(122, 158)
LAST = 4
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"


@dataclass(frozen=True, slots=True)
class Rounds(Plain):
    """The answers to the three polls, one behind the other.

    Three lengths, three sums and the number's own check are enough: no rival is looked for.
    """

    def seek(self, buffer: bytearray) -> int:
        """Find the opening, or its beginning at the buffer's end."""
        return opens_at(buffer, OPENING)

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Walk from answer to answer."""
        at, head = 0, len(OPENING)
        for lengths in LENGTHS:
            opening = buffer[at : at + head]
            if not OPENING.startswith(opening):
                return Refusal.HEADER
            if len(buffer) < at + head + 2:
                return None
            length = int.from_bytes(buffer[at + head : at + head + 2], "big")
            if length not in lengths:
                return Refusal.LENGTH
            at += head + 2 + length
        return at if len(buffer) >= at else None

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split into the answer to each poll."""
        return tuple(OPENING + part for part in frame.split(OPENING)[1:])

    def free(self, frame: bytes) -> Sequence[int]:
        """Name all but openings and lengths."""
        places: list[int] = []
        at, head = 0, len(OPENING) + 2
        for part in self.parts(frame):
            places += range(at + head, at + len(part))
            at += len(part)
        return places


def _read(frame: bytes, last: int | None) -> Scan | Refusal:
    bodies = []
    for part in Rounds().parts(frame):
        body = part[len(OPENING) :]
        if len(body) < 6 or len(body) != 2 + int.from_bytes(body[:2], "big"):
            return Refusal.LENGTH
        if reduce(xor, body):
            return Refusal.CHECKSUM
        bodies.append(body[2:-1])
    if len(bodies) != len(POLLS):
        return Refusal.LENGTH
    if bodies[0][:3] not in {FOUND, NOT_FOUND} or bodies[1][:3] not in {SELECTED, NOT_SELECTED}:
        return Refusal.STATUS
    answer = bodies[2]
    if answer == NOT_READ:
        return Scan("id_card")
    if len(answer) != ANSWER_BYTES or not answer.startswith(READ + b"\x01\x00\x04\x00"):
        return Refusal.STATUS
    return _read_text(answer[7 : 7 + TEXT_BYTES], last)


def _read_text(text: bytes, last: int | None) -> Scan | Refusal:
    try:
        name = text[NAME].decode("utf-16-le").rstrip(" \0")
        number = text[NUMBER].decode("utf-16-le").rstrip(" \0")
    except UnicodeDecodeError:
        return Refusal.STATUS
    if not name.isprintable() or not _is_number(number):
        return Refusal.STATUS
    return Scan("id_card", number if last is None else number[-last:], name)


def _is_number(number: str) -> bool:
    if len(number) != 18 or not number.isascii() or not number[:17].isdigit():
        return False
    return number[17] == _check(number[:17])


def _check(digits: str) -> str:
    return CHECKS[sum(w * int(d) for w, d in zip(WEIGHTS, digits, strict=True)) % 11]


def read_frame(frame: bytes) -> Scan | Refusal:
    """Read a round of answers: length, checksum, status, the number's own check, in that order."""
    return _read(frame, LAST)


def read_whole(frame: bytes) -> Scan | Refusal:
    """Read a round of answers and keep the whole number."""
    return _read(frame, None)


def write_frame(value: Scan) -> bytes:
    """Write what the reader would answer; a number's last four characters get others before."""
    if not value.text:
        return b"".join(map(_message, (NOT_FOUND, NOT_SELECTED, NOT_READ)))
    number = value.text if len(value.text) == 18 else _number_ending(value.text)
    text = bytearray(" ".encode("utf-16-le") * (TEXT_BYTES // 2))
    text[NAME] = value.name.ljust(15).encode("utf-16-le")
    text[NUMBER] = number.encode("utf-16-le")
    answer = READ + b"\x01\x00\x04\x00" + bytes(text) + bytes(PHOTO_BYTES)
    return _message(FOUND + bytes(4)) + _message(SELECTED + bytes(8)) + _message(answer)


def _message(body: bytes) -> bytes:
    body = (len(body) + 1).to_bytes(2, "big") + body
    return OPENING + body + bytes((reduce(xor, body),))


def _number_ending(last: str) -> str:
    """Make a number of nobody that ends so."""
    numbers = (f"{n:014d}{last}" for n in range(1000))
    return next(number for number in numbers if _check(number[:17]) == number[17])


def drawn(dice: Dice) -> Scan:
    """Draw any card."""
    name = "".join(chr(dice(0x4E00, 0x9FA5)) for _ in range(dice(2, 4)))
    return Scan("id_card", f"{dice(0, 999):03d}{CHECKS[dice(0, 10)]}", name)


def drawn_whole(dice: Dice) -> Scan:
    """Draw any card with its whole number."""
    card = drawn(dice)
    return replace(card, text=_number_ending(card.text))


def configure(options: Mapping[str, str]) -> Reader:
    """Keep the whole number, where the site may."""
    if options["number"] not in {"last4", "whole"}:
        raise OptionRefused(f"number = {options['number']!r}: last4 or whole is wanted")
    if options["number"] == "last4":
        return DRIVER
    return replace(DRIVER, read_frame=read_whole, drawn=drawn_whole)


_NOBODY = Scan("id_card", "002X", "张三")

DRIVER = Reader(
    model="SDT identity card reader",
    baud=115200,
    source="five public drivers that agree",
    mark="C",
    integrity="checksum",
    odds=2**-60,
    framing=Rounds(),
    read_frame=read_frame,
    write_frame=write_frame,
    medium="id_card",
    speaks_unasked=True,
    drawn=drawn,
    polls=POLLS,
    poll_s=0.3,
    answer_s=1.5,
    options={"number": "whole: keep all of it in the sealed part; without: its last four"},
    configure=configure,
    variants=({"number": "whole"},),
    examples=(
        Example(
            "public drivers' answers, no card",
            "aaaaaa9669 0004000080 84 aaaaaa9669 0004000081 85 aaaaaa9669 0004000041 45",
            Scan("id_card"),
        ),
        Example("computed, a card of nobody", write_frame(_NOBODY).hex(), _NOBODY),
        Example(
            "computed, its check flipped",
            (write_frame(_NOBODY)[:-1] + bytes((write_frame(_NOBODY)[-1] ^ 1,))).hex(),
            Refusal.CHECKSUM,
        ),
        Example(
            "public drivers' answers, select's sum flipped",
            "aaaaaa9669 0004000080 84 aaaaaa9669 0004000081 84 aaaaaa9669 0004000041 45",
            Refusal.CHECKSUM,
        ),
        Example(
            "public drivers' answers, out of order",
            "aaaaaa9669 0004000081 85 aaaaaa9669 0004000080 84 aaaaaa9669 0004000041 45",
            Refusal.STATUS,
        ),
        Example(
            "public drivers' answers, one missing",
            "aaaaaa9669 0004000080 84 aaaaaa9669 0004000081 85",
            Refusal.LENGTH,
        ),
    ),
)
