"""The ways in which devices mark their frames off; a driver names one and says its numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from drivers.framing import Refusal


class Plain:
    """What most framings do where they know nothing better."""

    __slots__ = ()

    def rivals(self, buffer: bytearray, length: int) -> tuple[int, ...] | None:
        """Name none: no other frame can begin inside one, or none that would be right."""
        del buffer, length
        return ()

    def given_up(self, refused: bytes) -> int:
        """Look on one byte further."""
        del refused
        return 1

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Keep the frame whole: one poll, if any, asks for all of it."""
        return (frame,)


class _Headed(Plain):
    """What frames with a header and a known length have in common.

    A frame is believed only when no other right frame begins inside it or one byte behind it. A
    lost or doubled byte shifts the rest, and once in 256 times the shifted bytes satisfy a sum;
    but then the next frame begins at the wrong place, and that gives it away.
    """

    __slots__ = ()
    header: bytes

    def seek(self, buffer: bytearray) -> int:
        """Find the header, or its beginning at the buffer's end."""
        return opens_at(buffer, self.header)

    def rivals(self, buffer: bytearray, length: int) -> tuple[int, ...] | None:
        """Look for headers inside the frame and one byte behind it."""
        head = len(self.header)
        if len(buffer) <= length + head:
            return None
        places, at = [], buffer.find(self.header, 1, length + head - 1)
        while at >= 0:
            places.append(at)
            at = buffer.find(self.header, at + 1, length + head - 1)
        if buffer.startswith(self.header, length + 1):
            places.append(length + 1)
        return tuple(places)


ENDS: Final = b"\r\n"
LINE: Final = re.compile(rb"[\r\n]*[^\r\n]+[\r\n]")
"""A line's end is either of CR and LF; what is left of the last one's stands before it."""
_ENDLESS: Final = re.compile(rb"[\r\n]*[^\r\n]*")


@dataclass(frozen=True, slots=True)
class Counted(_Headed):
    """A header, a byte that counts the data, the data, and a check byte."""

    header: bytes
    counts: range
    """Believable values of the count byte, which follows the header."""

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Read the count byte."""
        head = len(self.header)
        if len(buffer) <= head:
            return None
        if buffer[head] not in self.counts:
            return Refusal.LENGTH
        length = head + 1 + buffer[head] + 1
        return length if len(buffer) >= length else None

    def free(self, frame: bytes) -> Sequence[int]:
        """Name all behind the count byte."""
        return range(len(self.header) + 1, len(frame))


@dataclass(frozen=True, slots=True)
class Fixed(_Headed):
    """A header and a length that never changes."""

    header: bytes
    length: int
    """Of the whole frame, in bytes."""

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Wait for all of it."""
        return self.length if len(buffer) >= self.length else None

    def free(self, frame: bytes) -> Sequence[int]:
        """Name all behind the header."""
        return range(len(self.header), len(frame))


@dataclass(frozen=True, slots=True)
class Lines(Plain):
    """One line for each poll, in their order, each with its own opening and the same end."""

    openings: tuple[bytes, ...]
    polls: tuple[bytes, ...]
    """What asks for each line: a two-wire bus may hand it back in front of the answer."""
    end: bytes
    longest: int
    """Bytes in one line, at most, its end included."""

    def seek(self, buffer: bytearray) -> int:
        """Find the first opening, or its beginning at the buffer's end."""
        return opens_at(buffer, self.openings[0])

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

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split into lines, each with its end."""
        return tuple(re.findall(b".*?" + re.escape(self.end), frame, re.DOTALL))

    def free(self, frame: bytes) -> Sequence[int]:
        """Name what stands between each opening and the end."""
        places: list[int] = []
        at = 0
        for part, opening in zip(self.parts(frame), self.openings, strict=True):
            places += range(at + len(opening), at + len(part) - len(self.end))
            at += len(part)
        return places


@dataclass(frozen=True, slots=True)
class Line(Plain):
    """A line of text that nothing opens: it goes from one end of a line to the next.

    Either of CR and LF ends it, so that losing one of them joins no two lines; what is left of
    an end stands before the next line. Nothing is looked for inside a refused line: the tail of a
    number is a number too. A buffer that begins with `longest` bytes and no line in them is inside
    a longer one: of that so many bytes are always kept, until its end has come.
    """

    longest: int
    """Bytes, ends included; longer lines are refused."""

    def seek(self, buffer: bytearray) -> int:
        """Begin where the bytes begin."""
        del buffer
        return 0

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Find the line's end behind what is left of the last one's."""
        text = LINE.match(buffer, 0, self.longest)
        if text is not None:
            return text.end()
        over = len(buffer) - self.longest
        if over <= 0:
            return None
        if not buffer[: self.longest].strip(ENDS):
            return self.longest
        endless = _ENDLESS.match(buffer)
        assert endless is not None
        if endless.end() < len(buffer):
            return endless.end()
        return over if over >= self.longest // 8 else None

    def given_up(self, refused: bytes) -> int:
        """Give up the line, but not its end: the next one needs none of its own then."""
        return len(refused.rstrip(ENDS)) or len(refused)

    def free(self, frame: bytes) -> Sequence[int]:
        """Name all but the end."""
        return range(len(frame.rstrip(ENDS)))


def _length(answer: bytes) -> Refusal:
    del answer
    return Refusal.LENGTH


@dataclass(frozen=True, slots=True)
class Answers(Plain):
    """One answer to each poll, told apart by nothing but the asking; a frame is a round of them.

    On a line the decoder holds each answer to its poll. As one piece of bytes, such as somebody
    hands to `gateway decode`, a frame is the answers' lengths in a row.
    """

    lengths: tuple[int, ...]
    misfit: Callable[[bytes], Refusal] = _length
    """Says why an answer of another length came; devices have their own way to say no."""

    def seek(self, buffer: bytearray) -> int:
        """Begin where the bytes begin: nothing marks an answer."""
        del buffer
        return 0

    def measure(self, buffer: bytearray) -> int | Refusal | None:
        """Give the length of a whole round."""
        length = sum(self.lengths)
        return length if len(buffer) >= length else None

    def given_up(self, refused: bytes) -> int:
        """Give up the round."""
        return len(refused)

    def parts(self, frame: bytes) -> tuple[bytes, ...]:
        """Split into the answer to each poll."""
        ends = tuple(accumulate(self.lengths, initial=0))
        return tuple(frame[begin:end] for begin, end in pairwise(ends))

    def free(self, frame: bytes) -> Sequence[int]:
        """Name all: an answer's length is all that the framing knows."""
        return range(len(frame))


def opens_at(buffer: bytearray, opening: bytes) -> int:
    """Find an opening, or its beginning at the buffer's end, else that end."""
    at = buffer.find(opening)
    if at >= 0:
        return at
    kept = (n for n in range(len(opening) - 1, 0, -1) if buffer.endswith(opening[:n]))
    return len(buffer) - next(kept, 0)
