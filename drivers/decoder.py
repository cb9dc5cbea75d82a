"""The byte-fed decoder that works for every driver: bytes in, values and refusals out.

A device that speaks by itself, or whose answers say what they answer, is read as one stream. An
answer that only its question tells apart (two bytes and nothing else) is held to the question:
whatever does not come as asked spoils its round, and the next round begins clean, so one lost
byte never shifts what follows. No clock, no port.
"""

from collections import deque
from typing import Any, Final, Generic, TypeVar

from drivers.driver import Driver
from drivers.framing import Refusal, cut
from drivers.framings import Answers

T = TypeVar("T")
_UNCHECKED: Final = (Refusal.LENGTH, Refusal.HEADER, Refusal.CHECKSUM)
"""Refusals of what was no frame. What is refused for its value was heard right (F15)."""


class Decoder(Generic[T]):
    """One device's bytes in, its values and refusals out; keeps what is left over."""

    def __init__(self, driver: Driver[T]) -> None:
        self.driver = driver
        self.bytes_in = 0
        self.bytes_framed = 0
        """Bytes that were a frame with a right check, whether or not it was then believed."""
        self._buffer = bytearray()
        self._round: list[bytes] = []
        """Answers of this round, while each came as it was asked."""
        self._asked: int | None = None
        self._settled: list[T | Refusal] = []
        agreement = driver.agreement
        self._recent: deque[T] = deque(maxlen=agreement.among - 1 if agreement else 0)

    @property
    def held(self) -> int:
        """Bytes that are kept for what may follow."""
        return len(self._buffer) + sum(map(len, self._round))

    @property
    def waits(self) -> bool:
        """Whether the poll that was sent last still wants its answer."""
        framing = self.driver.framing
        return (
            isinstance(framing, Answers)
            and self._asked is not None
            and len(self._buffer) < framing.lengths[self._asked]
        )

    def ask(self, number: int | None) -> None:
        """Note that this poll is sent; None: that nobody waits for an answer any longer."""
        framing = self.driver.framing
        if isinstance(framing, Answers):
            self._settle(framing)
            self._asked = number
            if number == 0:
                self._round.clear()

    def feed(self, chunk: bytes, *, quiet: bool = False) -> list[T | Refusal]:
        """Take bytes as they came; `quiet` says that none came for a while."""
        self.bytes_in += len(chunk)
        framing = self.driver.framing
        if not isinstance(framing, Answers):
            self._buffer += chunk
            pieces = cut(framing, self.driver.read_frame, self._buffer, quiet=quiet)
            return [self._believe(piece.raw, piece.found) for piece in pieces]
        self._buffer += chunk[: max(framing.lengths) + 1 - len(self._buffer)]
        if quiet and not self.waits:
            self._settle(framing)
        found, self._settled = self._settled, []
        return found

    def forget(self) -> None:
        """Drop what is left over: the line was interrupted."""
        self._buffer.clear()
        self._round.clear()
        self._recent.clear()
        self._settled.clear()
        self._asked = None

    def _settle(self, framing: Answers) -> None:
        """Judge what came since a poll was sent; the last poll's answer completes the round."""
        asked, self._asked = self._asked, None
        answer = bytes(self._buffer)
        self._buffer.clear()
        if asked is None and not answer:
            return
        if asked != len(self._round) or len(answer) != framing.lengths[asked]:
            self._round.clear()
            if answer:
                self._settled.append(framing.misfit(answer))
            return
        self._round.append(answer)
        if len(self._round) == len(framing.lengths):
            frame = b"".join(self._round)
            self._round.clear()
            self._settled.append(self._believe(frame, self.driver.read_frame(frame)))

    def _believe(self, raw: bytes, found: T | Refusal) -> T | Refusal:
        if isinstance(found, Refusal):
            self.bytes_framed += 0 if is_spoilt(self.driver, found) else len(raw)
            return found
        self.bytes_framed += len(raw)
        agreement = self.driver.agreement
        if agreement is None:
            return found
        near = sum(self.driver.near(found, other, agreement.within) for other in self._recent)
        self._recent.append(found)
        return found if 1 + near >= agreement.samples else Refusal.DISAGREEMENT


def is_spoilt(driver: Driver[Any], refusal: Refusal) -> bool:
    """Say whether a refused frame did not come as it was sent, as far as anybody can tell.

    A right check with an absurd value is the device's own doing. A hand that comes before the
    lens disagrees with the room.
    """
    if driver.integrity == "none":
        return refusal is not Refusal.DISAGREEMENT
    return refusal in _UNCHECKED


class Polling:
    """When which poll is sent; `now` is monotonic seconds.

    A poll whose answer did not come costs its round: the line is left alone for as long again, so
    that a late answer is never taken for the next poll's.
    """

    def __init__(self, decoder: "Decoder[Any]") -> None:
        self._decoder = decoder
        self._next = 0
        self._due_s = 0.0

    def due(self, now: float) -> bytes | None:
        """Give the poll to send at this moment, if any."""
        driver = self._decoder.driver
        if not driver.polls or now < self._due_s:
            return None
        self._due_s = now + driver.poll_s
        if self._decoder.waits:
            self._decoder.ask(None)
            self._next = 0
            return None
        self._decoder.ask(self._next)
        poll = driver.polls[self._next]
        self._next = (self._next + 1) % len(driver.polls)
        return poll
