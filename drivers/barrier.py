"""What a barrier's relay declares, and how a board of relays on a serial line is told.

Law: a contact is only ever wired to the barrier's *open* input. Pressing it opens; letting it go
tells the barrier nothing, and nothing here can close one: the barrier's own loop does that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic  # noqa: TID251 - an edge: how long an answer is waited for.
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

from drivers.driver import Device, Dice, Driver, Example
from drivers.errors import RelaySilent
from drivers.framing import Refusal, cut
from drivers.ports import Port, open_port

__all__ = ["Barrier", "Board", "Contact", "Example", "Refusal", "Relay", "Wiring"]

ANSWER_S: Final = 0.3
"""How long a relay is given to answer; Modbus devices take 20 ms."""
TURN_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Contact:
    """What one frame tells a relay."""

    channel: int
    """From 1, as it is printed on the board."""
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a relay is reached, as the settings say."""

    port: str
    baud: int
    line: str
    echo: bool = False
    """A two-wire bus hands our own bytes back."""


class Relay(Protocol):
    """An open relay. Every act raises PortLost when it is gone, RelaySilent when it is dumb."""

    def press(self, channel: int) -> None:
        """Close the contact on the barrier's *open* input."""

    def release(self, channel: int) -> None:
        """Let the contact go."""

    def hear(self, for_s: float) -> bytes:
        """Listen for so long: a relay says nothing unasked, so what comes is another device's."""

    def look(self) -> None:
        """Ask whether it is still there, if it can be asked."""

    def close(self) -> None:
        """Give it back."""


@dataclass(frozen=True, kw_only=True)  # No slots: Board has two bases.
class Barrier(Device):
    """A relay's declaration."""

    kind = "barrier"
    channels: range
    confirms: bool
    """Whether it says what it did; else only what it was told is known."""
    connect: "Callable[[Barrier, Wiring], Relay]"
    """Opens it; raises PortRefused."""


@dataclass(frozen=True, kw_only=True)
class Board(Driver[Contact], Barrier):
    """A board of relays on a serial line. What it takes is read as its own controller does."""

    parameters: ClassVar[Mapping[str, str]] = MappingProxyType({})
    question: bytes = b""
    """Asks a board that confirms whether it is there."""
    is_answer: Callable[[bytes], bool] = bool
    """Knows the answer to the question among the bytes that came."""
    answered: bytes = b""
    """What a pretended board answers to the question."""

    def near(self, one: Contact, other: Contact, within: int) -> bool:
        """Compare: a contact is told the same or it is not."""
        del within
        return one == other

    def draw(self, dice: Dice) -> Contact:
        """Draw anything that the board can be told."""
        return Contact(dice(self.channels.start, self.channels.stop - 1), bool(dice(0, 1)))

    def pretend(
        self, values: Mapping[str, str], at_s: float, dice: Dice, drift: int = 0
    ) -> Contact | None:
        """Say nothing by itself: a relay is told."""
        del values, at_s, dice, drift
        return None

    def reply(self, request: bytes) -> bytes:
        """Confirm what it is told, if the board does."""
        if not self.confirms:
            return b""
        if request == self.question:
            return self.answered
        return b"" if isinstance(self.read_frame(request), Refusal) else request


def connect(board: Barrier, wiring: Wiring) -> Relay:
    """Open the line of a board; raises PortRefused."""
    assert isinstance(board, Board)
    return _Line(board, open_port(wiring.port, wiring.baud, wiring.line, echo=wiring.echo))


class _Line:
    """A board on its open line."""

    def __init__(self, board: Board, port: Port) -> None:
        self._board = board
        self._port = port

    def press(self, channel: int) -> None:
        self._tell(Contact(channel, is_closed=True))

    def release(self, channel: int) -> None:
        self._tell(Contact(channel, is_closed=False))

    def hear(self, for_s: float) -> bytes:
        return self._port.hear(for_s)

    def look(self) -> None:
        if not self._board.question:
            return
        self._port.flush_input()
        self._port.write(self._board.question)
        heard = bytearray()

        def answered(chunk: bytes) -> bool:
            heard.extend(chunk)
            return self._board.is_answer(bytes(heard))

        self._wait(answered)

    def close(self) -> None:
        self._port.close()

    def _tell(self, contact: Contact) -> None:
        board = self._board
        self._port.flush_input()
        self._port.write(board.write_frame(contact))
        if not board.confirms:
            return
        heard = bytearray()

        def confirmed(chunk: bytes) -> bool:
            heard.extend(chunk)
            pieces = list(cut(board.framing, board.read_frame, heard, quiet=not chunk))
            return any(piece.found == contact for piece in pieces)

        self._wait(confirmed)

    def _wait(self, heard: Callable[[bytes], bool]) -> None:
        until_s = monotonic() + ANSWER_S
        while monotonic() < until_s:
            if heard(self._port.read_chunk(TURN_S)):
                return
        raise RelaySilent(f"{self._port.url}: no relay answers; check power, A and B, its address")
