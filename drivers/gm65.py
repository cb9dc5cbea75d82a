"""GM65 family of code readers (GM65, GM805, M3Y): QR and bar codes.

Source: the maker's manual of 60 pages, kept in bezahl-online/gm65/docs; that project's driver and
Amperstrand/gm65-scanner. 9600 8N1, or a USB serial port. Never yet seen by us on a real unit.

A code arrives as its own text and nothing else:

    text <CR>   or   text <CR><LF>

While nothing is scanned the reader is asked for its register 000A every five seconds, only to
hear that it is there; CRC is CRC-CCITT with an initial 0 over all between the first two bytes
and itself:

    7E 00 07 01 00 0A 01 EE 8A   ->   02 00 00 01 DD CC CC

- D: the register's value, not read; C: CRC

A code that is scanned at that moment may stand within the answer; both are read. The text has no
check: a spoilt byte is a wrong text, and whoever looks the pass up does not find it. It is UTF-8,
of four characters or more. The reader is never configured from here. `asks = "no"` is for a
relative that does not answer: then its silence means nothing.
"""

import binascii
from collections.abc import Mapping
from dataclasses import replace

from drivers.driver import Dice
from drivers.errors import OptionRefused
from drivers.framings import LINE, Line
from drivers.reader import Example, Reader, Refusal, Scan

POLL = bytes.fromhex("7e 00 07 01 00 0a 01 ee 8a")
OPENING = b"\x02\x00"
REPLY_BYTES = 7
END = b"\r"
LONGEST = 256
CHARACTERS_MIN = 4


def _part(data: bytes) -> tuple[bytes, bytes] | None:
    """Part a whole reply from the line that may stand within it; None: there is no reply."""
    for at in range(len(OPENING), REPLY_BYTES):
        line = LINE.match(data, at)
        rest = data[line.end() :] if line else b""
        if (
            line
            and len(rest) >= REPLY_BYTES - at
            and _is_reply(data[:at] + rest[: REPLY_BYTES - at])
        ):
            return data[:at] + rest[: REPLY_BYTES - at], line.group()
    whole = data[:REPLY_BYTES]
    return (whole, b"") if _is_reply(whole) else None


def _is_reply(data: bytes) -> bool:
    crc = binascii.crc_hqx(data[1:5], 0).to_bytes(2, "big")
    return len(data) == REPLY_BYTES and data[:4] == b"\x02\x00\x00\x01" and data[5:] == crc


class Output(Line):
    """Lines of text, and replies among them; a reply has its CRC."""

    __slots__ = ()

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Find the reply's end, or the line's behind what is left of the last one's."""
        if buffer.startswith(OPENING):
            if len(buffer) < REPLY_BYTES:
                return None
            parted = _part(bytes(buffer[:LONGEST]))
            if parted is not None:
                return len(parted[0]) + len(parted[1])
        elif len(buffer) < len(OPENING) and OPENING.startswith(buffer):
            return None
        return super().measure(buffer)


def read_frame(frame: bytes) -> Scan | Refusal:
    """Read a line, or the one within a reply, or the reply alone."""
    parted = _part(frame) if frame.startswith(OPENING) else None
    line = frame if parted is None else parted[1]
    if parted is not None and not line:
        return Scan("code")
    if not line.endswith((b"\r", b"\n")):
        return Refusal.LENGTH
    try:
        text = line.strip(b"\r\n").decode()
    except UnicodeDecodeError:
        return Refusal.STATUS
    if not text.isprintable():
        return Refusal.STATUS
    return Scan("code", text) if len(text) >= CHARACTERS_MIN else Refusal.RANGE


def write_frame(value: Scan) -> bytes:
    """Write what the reader would send: a code's text, or its answer while there is none."""
    if value.text:
        return value.text.encode() + END
    return _reply(0x3E)


def _reply(value: int) -> bytes:
    body = bytes((0, 0, 1, value))
    return b"\x02" + body + binascii.crc_hqx(body, 0).to_bytes(2, "big")


def drawn(dice: Dice) -> Scan:
    """Draw any code of plain characters."""
    return Scan("code", "".join(chr(dice(0x21, 0x7E)) for _ in range(dice(CHARACTERS_MIN, 120))))


def configure(options: Mapping[str, str]) -> Reader:
    """Leave off the asking."""
    if options["asks"] not in {"yes", "no"}:
        raise OptionRefused(f"asks = {options['asks']!r}: yes or no is wanted")
    asks = options["asks"] == "yes"
    return replace(DRIVER, polls=DRIVER.polls if asks else (), speaks_unasked=asks)


DRIVER = Reader(
    model="GM65, GM805, M3Y",
    baud=9600,
    source="maker's manual; bezahl-online/gm65; Amperstrand/gm65-scanner",
    mark="C",
    integrity="none",
    odds=1.0,
    framing=Output(LONGEST),
    read_frame=read_frame,
    write_frame=write_frame,
    medium="code",
    speaks_unasked=True,
    drawn=drawn,
    polls=(POLL,),
    poll_s=5.0,
    options={"asks": "no: a relative that does not answer; its silence then means nothing"},
    configure=configure,
    variants=({"asks": "no"},),
    examples=(
        Example("manual, zone bit 000A read", "020000013ee4ac", Scan("code")),
        Example("computed", b"PASS-00017342\r".hex(), Scan("code", "PASS-00017342")),
        Example(
            "computed, CR LF before it", b"\nPASS-00017342\r".hex(), Scan("code", "PASS-00017342")
        ),
        Example("computed, Chinese", "临时通行证42\r".encode().hex(), Scan("code", "临时通行证42")),
        Example(
            "computed, a code within an answer",
            b"\x02\x00\x00PASS-00017342\r\x01\x3e\xe4\xac".hex(),
            Scan("code", "PASS-00017342"),
        ),
        Example("manual, CRC flipped", "020000013ee4ad", Refusal.LENGTH),
        Example("computed, no end", b"PASS-00017342".hex(), Refusal.LENGTH),
        Example("computed, no text", b"PASS\x00-17342\r".hex(), Refusal.STATUS),
        Example("computed, no UTF-8", "cdd0d0d0d6a40d", Refusal.STATUS),
        Example("computed, too short", b"42\r".hex(), Refusal.RANGE),
    ),
)
