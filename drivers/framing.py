"""Bytes into frames, for every device of a line: where a frame begins, ends and is believed.

Law: after a refused frame the search goes on one byte further, so a frame is never lost for
junk that stood before it. "Not enough bytes" is a value. Frames come out the same however the
bytes were split into chunks. No clock, no port.
"""

import re
from collections.abc import Callable, Iterator
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

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split a frame into what a device sends in answer to each of its polls."""


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
            del buffer[:1]
            of_refused = max(of_refused, len(piece.raw)) - 1
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


@dataclass(frozen=True, slots=True)
class Counted:
    """A header, a byte that counts the data, the data, and a check byte.

    A frame is believed only when no other right frame begins inside it or one byte behind it. A
    lost or doubled byte shifts the rest, and once in 256 times the shifted bytes satisfy a sum;
    but then the next frame begins at the wrong place, and that gives it away.
    """

    header: bytes
    counts: range
    """Believable values of the count byte, which follows the header."""

    def seek(self, buffer: bytearray) -> int:
        """Find the header, or its beginning at the buffer's end."""
        return _seek(buffer, self.header)

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Read the count byte."""
        head = len(self.header)
        if len(buffer) <= head:
            return None
        if buffer[head] not in self.counts:
            return Refusal.LENGTH
        length = head + 1 + buffer[head] + 1
        return length if len(buffer) >= length else None

    def rivals(self, buffer: bytearray, length: int) -> tuple[int, ...] | None:
        """Look for headers inside the frame and one byte behind it."""
        head = len(self.header)
        if len(buffer) <= length + head:
            return None
        places = (*range(1, length), length + 1)
        return tuple(at for at in places if buffer.startswith(self.header, at))

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Keep the frame whole: one poll, if any, asks for all of it."""
        return (frame,)


@dataclass(frozen=True, slots=True)
class Lines:
    """One line for each poll, in their order, each with its own opening and the same end."""

    openings: tuple[bytes, ...]
    polls: tuple[bytes, ...]
    """What asks for each line: a two-wire bus may hand it back in front of the answer."""
    end: bytes
    longest: int
    """Bytes in one line, at most, its end included."""

    def seek(self, buffer: bytearray) -> int:
        """Find the first opening, or its beginning at the buffer's end."""
        return _seek(buffer, self.openings[0])

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Walk from line to line; a line that never ends or opens otherwise is refused."""
        at = 0
        for opening, poll in zip(self.openings, self.polls, strict=True):
            stop = buffer.find(self.end, at, at + self.longest)
            if stop < 0:
                return Refusal.LENGTH if len(buffer) - at >= self.longest else None
            if not bytes(buffer[at:stop]).removeprefix(poll).startswith(opening):
                return Refusal.HEADER
            at = stop + len(self.end)
        return at

    def rivals(self, buffer: bytearray, length: int) -> tuple[int, ...] | None:
        """Name none: a line ends by itself."""
        del buffer, length
        return ()

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split into lines, each with its end."""
        return tuple(re.findall(b".*?" + re.escape(self.end), frame, re.DOTALL))


def _seek(buffer: bytearray, opening: bytes) -> int:
    at = buffer.find(opening)
    if at >= 0:
        return at
    kept = (n for n in range(len(opening) - 1, 0, -1) if buffer.endswith(opening[:n]))
    return len(buffer) - next(kept, 0)
