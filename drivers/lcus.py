"""LCUS-1, -2, -4 and -8: USB boards of 1 to 8 relays (a CH340 and a small controller).

Source: the maker's text, as sold with the boards; the public driver relay_lcus88.py (Mouse
Automation Testing Project). 9600 8N1. Never yet seen by us on a real unit.

Frame, 4 bytes, to the board:

    A0 NN SS CC

- N: relay, 01 to 08
- S: 01 closes its contact, 00 opens it
- C: checksum, low byte of the sum of all bytes before it

The board does not answer: what it was told is known, and never what it did. Pulses under 100 ms
are passed over by its controller. (The HW-667 looks alike and takes other bytes: not this.)
"""

from drivers.barrier import Barrier, Board, Contact, Example, Refusal, connect
from drivers.framings import Fixed

HEADER = b"\xa0"
CHANNELS = range(1, 9)


def read_frame(frame: bytes) -> Contact | Refusal:
    """Read a frame as the board does: length, header, checksum, range, in that order."""
    if len(frame) != 4:
        return Refusal.LENGTH
    if not frame.startswith(HEADER):
        return Refusal.HEADER
    if sum(frame[:-1]) & 0xFF != frame[-1]:
        return Refusal.CHECKSUM
    if frame[1] not in CHANNELS or frame[2] > 1:
        return Refusal.RANGE
    return Contact(frame[1], is_closed=frame[2] == 1)


def write_frame(value: Contact) -> bytes:
    """Write what tells the board."""
    body = HEADER + bytes((value.channel, value.is_closed))
    return body + bytes((sum(body) & 0xFF,))


DRIVER: Barrier = Board(
    model="LCUS",
    baud=9600,
    source="maker's text; relay_lcus88.py",
    mark="C",
    integrity="checksum",
    odds=len(CHANNELS) * 2 / 256**3,
    framing=Fixed(header=HEADER, length=4),
    read_frame=read_frame,
    write_frame=write_frame,
    channels=CHANNELS,
    confirms=False,
    connect=connect,
    examples=(
        Example("maker's text, on", "a0 01 01 a2", Contact(1, is_closed=True)),
        Example("maker's text, off", "a0 01 00 a1", Contact(1, is_closed=False)),
        Example("maker's text, relay 8", "a0 08 01 a9", Contact(8, is_closed=True)),
        Example("maker's text, sum flipped", "a0 01 01 a3", Refusal.CHECKSUM),
        Example("maker's text, cut short", "a0 01 01", Refusal.LENGTH),
        Example("the HW-667's byte", "aa 01 01 ac", Refusal.HEADER),
        Example("computed, no such relay", "a0 09 01 aa", Refusal.RANGE),
    ),
)
