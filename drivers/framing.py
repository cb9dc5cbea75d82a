"""Bytes into frames, for every device of a line: where a frame begins, ends and is believed.

Law: after a refused frame the search goes on one byte further, so a frame is never lost for
junk that stood before it; only a line of text that nothing opens is given up as a whole. "Not
enough bytes" is a value. Frames come out the same however the bytes were split into chunks. No
clock, no port.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Refusal(Enum):
    """Why bytes were not believed; a small closed set, counted per device."""

    LENGTH = "length"
    HEADER = "header"
    CHECKSUM = "checksum"
    RANGE = "range"
    STATUS = "status"
    DISAGREEMENT = "disagreement"
    """Without a checksum a value counts only beside others that agree with it."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """Bytes that were taken for a frame, or skipped, and what came of them."""

    raw: bytes
    found: T | Refusal


class Framing(Protocol):
    """How a device marks its frames off."""

    def seek(self, buffer: bytearray) -> int:
        """Count the bytes before the first place where a frame begins or may begin."""

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Give the length of the frame at the buffer's start; None: not enough bytes yet."""

    def rivals(self, buffer: bytearray, length: int) -> tuple[int, ...] | None:
        """Say where else a frame may begin that this one cannot stand beside; None: wait."""

    def given_up(self, refused: bytes) -> int:
        """Count the bytes of a refused frame in which no other frame is looked for: 1, mostly."""

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split a frame into what a device sends in answer to each of its polls."""

    def free(self, frame: bytes) -> Sequence[int]:
        """Name the places of a frame that mark nothing off: what a check alone can vouch for."""


def cut(
    framing: Framing,
    read_frame: Callable[[bytes], T | Refusal],
    buffer: bytearray,
    *,
    quiet: bool = False,
) -> Iterator[Piece[T]]:
    """Take every whole frame out of the buffer, leaving the beginning of the next one.

    `quiet` says that no byte came for a while: nothing more will bear a frame out.
    """
    of_refused = 0  # bytes left of a refused frame: skipping them is no second refusal
    while True:
        skip = framing.seek(buffer)
        if skip > of_refused:
            yield Piece(bytes(buffer[:skip]), Refusal.HEADER)
        of_refused = max(0, of_refused - skip)
        del buffer[:skip]
        length = framing.measure(buffer)
        if length is None:
            return
        piece: Piece[T]
        if isinstance(length, Refusal):
            piece = Piece(bytes(buffer[:1]), length)
        else:
            frame = bytes(buffer[:length])
            piece = Piece(frame, read_frame(frame))
            if not isinstance(piece.found, Refusal):
                rivalled = _rivalled(framing, read_frame, buffer, length, quiet=quiet)
                if rivalled is None:
                    return
                if rivalled:
                    piece = Piece(frame, Refusal.HEADER)
        if isinstance(piece.found, Refusal):
            given_up = framing.given_up(piece.raw)
            del buffer[:given_up]
            of_refused = max(of_refused, len(piece.raw)) - given_up
        else:
            del buffer[: len(piece.raw)]
            of_refused = 0
        yield piece


def _rivalled(
    framing: Framing,
    read_frame: Callable[[bytes], T | Refusal],
    buffer: bytearray,
    length: int,
    *,
    quiet: bool,
) -> bool | None:
    """Say whether another right frame begins where it cannot, if this one is right too."""
    places = framing.rivals(buffer, length)
    if places is None:
        if not quiet:
            return None
        silence = bytes(length)  # stands for what did not come
        places = framing.rivals(buffer + silence, length) or ()
    for place in places:
        rest = buffer[place:]
        its_length = framing.measure(rest)
        if its_length is None and not quiet:
            return None
        if isinstance(its_length, int) and not isinstance(
            read_frame(bytes(rest[:its_length])), Refusal
        ):
            return True
    return False
