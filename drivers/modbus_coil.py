"""Relay boards that speak Modbus RTU: one coil a relay.

Source: the Modbus application protocol, V1.1b3, functions 01 and 05; makers' examples of several
boards agree. 9600 8N1 on RS-485. Never yet seen by us on a real unit.

Frame, 8 bytes, to the board, and the same back as its confirmation:

    UU 05 NN NN SS 00 CC CC

- U: the board's address, 1 unless `unit` says another
- N: coil, big-endian, 0 for relay 1
- S: FF closes the contact, 00 opens it
- C: CRC-16 of Modbus, low byte first

Whether the board is there is asked by reading its first coil, whose answer is no echo of the
question:

    UU 01 00 00 00 01 CC CC   ->   UU 01 01 SS CC CC

Makers' own "flash" commands are not used: each has another.
"""

import struct
from collections.abc import Mapping
from typing import Final

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadCoilsResponse, WriteSingleCoilRequest

from drivers.barrier import Barrier, Board, Contact, Example, Refusal, connect
from drivers.errors import OptionRefused
from drivers.framings import Fixed

CHANNELS = range(1, 33)
UNITS = range(1, 248)
WRITE, READ = 5, 1
STATES = {0xFF00: True, 0x0000: False}

_FRAMER = FramerRTU(DecodePDU(is_server=False))


def read_frame(frame: bytes) -> Contact | Refusal:
    """Read a frame as the board does: length, header, checksum, range, in that order."""
    if len(frame) != 8:
        return Refusal.LENGTH
    if frame[1] != WRITE:
        return Refusal.HEADER
    if not _is_whole(frame):
        return Refusal.CHECKSUM
    coil, state = struct.unpack_from(">HH", frame, 2)
    if coil + 1 not in CHANNELS or state not in STATES:
        return Refusal.RANGE
    return Contact(coil + 1, is_closed=STATES[state])


def _is_whole(frame: bytes) -> bool:
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


def _built(request: ModbusPDU) -> bytes:
    return _FRAMER.buildFrame(request)


def of_unit(unit: int) -> Board:
    """Make the declaration of a board at this address."""

    def write_frame(value: Contact) -> bytes:
        coil = value.channel - 1
        return _built(WriteSingleCoilRequest(address=coil, bits=[value.is_closed], dev_id=unit))

    def is_answer(heard: bytes) -> bool:
        """Find the coil's answer among what came, behind junk and our own question's echo."""
        ends = range(6, len(heard) + 1)
        opening = bytes((unit, READ, 1))
        return any(
            heard[end - 6 : end].startswith(opening) and _is_whole(heard[end - 6 : end])
            for end in ends
        )

    return Board(
        model="Modbus relay board",
        baud=9600,
        source="Modbus application protocol V1.1b3; several makers' examples",
        mark="C",
        integrity="crc",
        odds=len(CHANNELS) * len(STATES) / 256**6,
        framing=Fixed(header=bytes((unit, WRITE)), length=8),
        read_frame=read_frame,
        write_frame=write_frame,
        channels=CHANNELS,
        confirms=True,
        connect=connect,
        question=_built(ReadCoilsRequest(address=0, count=1, dev_id=unit)),
        is_answer=is_answer,
        answered=_built(ReadCoilsResponse(bits=[False], dev_id=unit)),
        options={"unit": "the board's address on the bus, 1 to 247; without: 1"},
        configure=configure,
        variants=({"unit": "17"},),
        examples=EXAMPLES,
    )


def configure(options: Mapping[str, str]) -> Board:
    """Take the board's address."""
    unit = options["unit"]
    if not unit.isdecimal() or int(unit) not in UNITS:
        raise OptionRefused(f"unit = {unit!r}: an address from 1 to 247 is wanted")
    return of_unit(int(unit))


EXAMPLES: Final[tuple[Example[Contact], ...]] = (
    Example("makers' text, on", "01050000ff008c3a", Contact(1, is_closed=True)),
    Example("makers' text, off", "010500000000cdca", Contact(1, is_closed=False)),
    Example("makers' text, CRC flipped", "01050000ff008c3b", Refusal.CHECKSUM),
    Example("makers' text, cut short", "01050000ff008c", Refusal.LENGTH),
    Example("makers' text, reading coils", "010100000008 3dcc", Refusal.HEADER),
    Example("Waveshare's flash-on", "0105020000078db0", Refusal.RANGE),
)
DRIVER: Barrier = of_unit(1)
