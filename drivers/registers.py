"""Thermometers that speak Modbus RTU, by a map of their registers; pymodbus knows the protocol.

A map is TOML, so that a site can add a sensor without a line of program:

    model = "Calex PyroMiniBus"        # what it is
    source = "maker's manual, p. 12"   # where the numbers are from
    slave = 1                          # 1 to 247
    baud = 9600
    line = "8N1"
    poll_s = 0.07                      # between polls, one for each block of registers

    [identity]                         # may be left out; read in every round
    function = 4
    address = 0x00
    values = [17]                      # another value here is another device: refused

    [object]                           # what it measures
    function = 4                       # 3: holding registers, 4: input registers
    address = 0x0E
    type = "int16"                     # int16, uint16, int32, uint32, float32 (in degrees)
    step_centi_c = 10                  # hundredths of a degree a step

    [ambient]                          # the sensor's own temperature
    function = 4
    address = 0x10
    step_centi_c = 10

    [status]                           # may be left out
    function = 4
    address = 0x11
    faults = 0x1F                      # any of these bits: the value is not believed

Two words of a register of 32 bits come high one first, unless `words = "low_first"`;
`offset_centi_c` is added to what the wire says. Answers on this bus do not say which register they
are of, so each is held to its question: slave, function, length and CRC.
"""

import struct
import tomllib
from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    ReadInputRegistersResponse,
)

from drivers.driver import on_wire_s
from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Answers
from drivers.thermometer import Sample

ROUND_MS_MAX: Final = 500
"""Of all polls of a value together: fewer than five values in three seconds are no reading."""
SILENCE_BYTES: Final = 4
"""Modbus wants the line silent for three and a half bytes before an answer."""
BLOCK_REGISTERS_MAX: Final = 16
"""Registers so near each other are read at once."""
FORMATS: Final = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f"}
OBJECT_CENTI_C: Final = range(-10000, 100001)
AMBIENT_CENTI_C: Final = range(-5000, 20001)
"""The widest of industrial heads."""
READS: Final = {3: ReadHoldingRegistersRequest, 4: ReadInputRegistersRequest}
ANSWERS: Final = {3: ReadHoldingRegistersResponse, 4: ReadInputRegistersResponse}
_FRAMER: Final = FramerRTU(DecodePDU(is_server=False))

Address = Annotated[int, Meta(ge=0, le=0xFFFF)]
Function = Literal[3, 4]


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A register that tells the device from others."""

    function: Function
    address: Address
    values: Annotated[tuple[Annotated[int, Meta(ge=0, le=0xFFFF)], ...], Meta(min_length=1)]


class Register(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A temperature."""

    function: Function
    address: Address
    type: Literal["int16", "uint16", "int32", "uint32", "float32"] = "int16"
    words: Literal["high_first", "low_first"] = "high_first"
    step_centi_c: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset_centi_c: Annotated[int, Meta(ge=-30000, le=30000)] = 0

    @property
    def count(self) -> int:
        """Registers that it takes."""
        return 1 if self.type.endswith("16") else 2

    def read(self, registers: list[int]) -> int | None:
        """Give hundredths of a degree; None: this is no number."""
        words = registers if self.words == "high_first" else registers[::-1]
        packed = struct.pack(f">{len(words)}H", *words)
        (value,) = struct.unpack(f">{FORMATS[self.type]}", packed)
        if not -1e9 < value < 1e9:
            return None
        return int(round(value * self.step_centi_c)) + self.offset_centi_c  # noqa: RUF046 - typed

    def write(self, centi_c: int) -> list[int]:
        """Give the registers that say this."""
        value: float = (centi_c - self.offset_centi_c) / self.step_centi_c
        if self.type != "float32":
            value = int(value // 1)
        packed = struct.pack(f">{FORMATS[self.type]}", value)
        words = list(struct.unpack(f">{self.count}H", packed))
        return words if self.words == "high_first" else words[::-1]


class Status(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A register whose bits tell faults."""

    function: Function
    address: Address
    faults: Annotated[int, Meta(ge=1, le=0xFFFF)]


class Map(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is known of a sensor."""

    model: Annotated[str, Meta(min_length=1)]
    source: Annotated[str, Meta(min_length=1)]
    slave: Annotated[int, Meta(ge=1, le=247)] = 1
    baud: Annotated[int, Meta(ge=300, le=4_000_000)] = 9600
    line: Annotated[str, Meta(pattern="^8[NEO][12]$")] = "8N1"
    poll_s: Annotated[float, Meta(ge=0.02, le=5)] = 0.07
    identity: Identity | None = None
    object: Register
    ambient: Register
    status: Status | None = None

    def on_slave(self, options: Mapping[str, str]) -> "Map":
        """Give the map of the slave that the options name; raises OptionRefused."""
        told = options.get("slave", str(self.slave))
        if not told.isdecimal() or not 1 <= int(told) <= 247:
            raise OptionRefused(f"slave = {told!r}: a number from 1 to 247 is wanted")
        return msgspec.structs.replace(self, slave=int(told))


def parse(text: str, where: str = "the map") -> Map:
    """Understand a map's TOML; raises OptionRefused with the first fault's place and reason."""
    try:
        found = msgspec.convert(tomllib.loads(text), Map)
    except tomllib.TOMLDecodeError as error:
        raise OptionRefused(f"{where} is no TOML: {error}") from error
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        key = place.strip("`.")
        raise OptionRefused(f"{where}{f', {key}' if key else ''}: {reason}") from error
    slow = _slowness(found)
    if slow:
        raise OptionRefused(f"{where}, poll_s = {found.poll_s}: {slow}")
    return found


def _slowness(found: Map) -> str:
    """Say why nobody could be measured by this map; nothing: somebody can."""
    reading = Reading(found)
    pairs = zip(reading.polls, reading.framing.lengths, strict=True)
    count = max(len(poll) + SILENCE_BYTES + answer for poll, answer in pairs)
    least_ms = ceil(1000 * on_wire_s(count, found.baud, found.line))
    polls = len(reading.polls)
    most_ms = ROUND_MS_MAX // polls
    if least_ms > most_ms:
        return f"baud = {found.baud} is too slow to measure anybody: set the sensor to a higher one"
    if 1000 * found.poll_s < least_ms:
        return f"an answer at {found.baud} baud takes longer: {least_ms / 1000} or more is wanted"
    if 1000 * found.poll_s > most_ms:
        return (
            f"{polls} polls a value make {polls * found.poll_s:.2f} s, too slow to measure anybody:"
            f" {most_ms / 1000} or less is wanted"
        )
    return ""


class Reading:
    """The registers of a map as polls and answers."""

    def __init__(self, registers: Map) -> None:
        self.map = registers
        self._blocks = tuple(_blocks(registers))

    @property
    def polls(self) -> tuple[bytes, ...]:
        """What asks for each block."""
        slave = self.map.slave
        return tuple(
            _FRAMER.buildFrame(READS[function](dev_id=slave, address=first, count=count))
            for function, first, count in self._blocks
        )

    @property
    def framing(self) -> Answers:
        """How long the answers are; an exception's is shorter and says no."""
        return Answers(lengths=tuple(5 + 2 * count for *_, count in self._blocks), misfit=_misfit)

    def read_frame(self, frame: bytes) -> Sample | Refusal:
        """Read the answers: length, header, checksum, status, range, in that order."""
        if len(frame) != sum(self.framing.lengths):
            return Refusal.LENGTH
        registers: dict[tuple[int, int], int] = {}
        for answer, block in zip(self.framing.parts(frame), self._blocks, strict=True):
            refusal = self._take(answer, block, registers)
            if refusal is not None:
                return refusal
        return self._sample(registers)

    def write_frame(self, sample: Sample) -> bytes:
        """Write the answers that say this."""
        told: dict[tuple[int, int], int] = {}
        for register, centi_c in (
            (self.map.object, sample.object_centi_c),
            (self.map.ambient, sample.ambient_centi_c),
        ):
            for at, word in enumerate(register.write(centi_c)):
                told[register.function, register.address + at] = word
        if self.map.identity:
            told[self.map.identity.function, self.map.identity.address] = self.map.identity.values[
                0
            ]
        frame = b""
        for function, first, count in self._blocks:
            words = [told.get((function, at), 0) for at in range(first, first + count)]
            frame += _FRAMER.buildFrame(ANSWERS[function](dev_id=self.map.slave, registers=words))
        return frame

    def _take(
        self, answer: bytes, block: tuple[int, int, int], registers: dict[tuple[int, int], int]
    ) -> Refusal | None:
        """Check one answer and lay its registers open."""
        function, first, count = block
        if answer[:3] != bytes((self.map.slave, function, 2 * count)):
            return Refusal.HEADER
        if not _checked(answer):
            return Refusal.CHECKSUM
        understood: Any = _FRAMER.decoder.decode(answer[1:-2])
        for at, word in enumerate(understood.registers):
            registers[function, first + at] = word
        return None

    def _sample(self, registers: dict[tuple[int, int], int]) -> Sample | Refusal:
        identity, status = self.map.identity, self.map.status
        if identity and registers[identity.function, identity.address] not in identity.values:
            return Refusal.HEADER
        if status and registers[status.function, status.address] & status.faults:
            return Refusal.STATUS
        found = []
        for register in (self.map.object, self.map.ambient):
            places = range(register.address, register.address + register.count)
            found.append(register.read([registers[register.function, at] for at in places]))
        shown, own = found
        if shown not in OBJECT_CENTI_C or own not in AMBIENT_CENTI_C:
            return Refusal.RANGE
        assert shown is not None
        assert own is not None
        return Sample(shown, own)


def _blocks(registers: Map) -> list[tuple[int, int, int]]:
    """Gather what is read at once: function, first register, count; the identity comes first."""
    spans = [
        (one.function, one.address, one.count if isinstance(one, Register) else 1)
        for one in (registers.object, registers.ambient, registers.status)
        if one is not None
    ]
    blocks: list[tuple[int, int, int]] = []
    if registers.identity:
        blocks.append((registers.identity.function, registers.identity.address, 1))
    began = len(blocks)
    for function, first, count in sorted(spans):
        if len(blocks) > began:
            of, begin, _ = blocks[-1]
            end = first + count - begin
            if of == function and end <= BLOCK_REGISTERS_MAX:
                blocks[-1] = (of, begin, max(end, blocks[-1][2]))
                continue
        blocks.append((function, first, count))
    return blocks


def _checked(answer: bytes) -> bool:
    return FramerRTU.check_CRC(answer[:-2], int.from_bytes(answer[-2:], "big"))


def _misfit(answer: bytes) -> Refusal:
    """Tell a Modbus exception, a device's way to say no, from bytes that were lost."""
    says_no = len(answer) == 5 and answer[1] & 0x80 and _checked(answer)
    return Refusal.STATUS if says_no else Refusal.LENGTH
