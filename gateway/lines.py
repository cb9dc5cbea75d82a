"""What a serial line's last seconds say of the device on it.

Pure: no clock, no port. Doubtful bytes are counted, never believed; this file only says when they
are so many that somebody must go and look, and where to look.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["ok", "silent", "faulty", "lost"]

SILENT_S: Final = 2.0
"""Without a byte, or without a believable one."""
BAUD_S: Final = 3.0
BAUD_BYTES_MIN: Final = 16
BAUD_FRAMED_SHARE: Final = 0.1
"""Fewer bytes than this in frames: the line is not misread now and then, it is not understood."""
CORRUPT_S: Final = 10.0
CORRUPT_SHARE: Final = 0.05
CORRUPT_MIN: Final = 5

REASONS: Final[dict[str, str]] = {
    "": "The device is well.",
    "missing": "The port is not there: plug the device in, check the udev rule and the hub.",
    "denied": "The port may not be opened: add the service's user to the group dialout.",
    "busy": "Another program holds the port: stop it (ModemManager, brltty, a second gateway).",
    "refused": "The port cannot be opened: correct its address in the settings.",
    "unplugged": "The device was unplugged: check plug, cable and hub; it is found by itself.",
    "no_bytes": "The port is open and nothing comes: check the device's power and its TX wire.",
    "no_frames": "Bytes come and no value can be believed: check the device itself.",
    "wrong_baud": "Bytes come and make no frames: check baud rate and driver, and that the port is"
    " not the Pi's mini-UART, whose speed drifts.",
    "corrupt": "More than one frame in twenty is spoilt: check cable, shield, ground and power.",
}
"""The line for whoever must act, by reason code."""


class Verdict(NamedTuple):
    """What the line's state is, and the code of its reason."""

    state: State
    reason: str


OK: Final = Verdict("ok", "")


@dataclass(slots=True)
class _Tally:
    since_s: float
    bytes_in: int = 0
    bytes_framed: int = 0
    accepted: int = 0
    refused: int = 0


class LineWatch:
    """Counts by second, and judges the last ten."""

    def __init__(self, opened_s: float) -> None:
        self._opened_s = opened_s
        self._heard_s = self._sampled_s = opened_s
        self._tallies: deque[_Tally] = deque()

    def heard(
        self, now: float, *, bytes_in: int, bytes_framed: int, accepted: int, refused: int
    ) -> None:
        """Count what came at a moment."""
        if not self._tallies or now - self._tallies[-1].since_s >= 1.0:
            self._tallies.append(_Tally(now))
        tally = self._tallies[-1]
        tally.bytes_in += bytes_in
        tally.bytes_framed += bytes_framed
        tally.accepted += accepted
        tally.refused += refused
        if bytes_in:
            self._heard_s = now
        if accepted:
            self._sampled_s = now

    def judge(self, now: float) -> Verdict | None:
        """Say how the device is; None: it was opened too short a while ago to tell."""
        while self._tallies and now - self._tallies[0].since_s > CORRUPT_S:
            self._tallies.popleft()
        if now - self._heard_s > SILENT_S:
            return Verdict("silent", "no_bytes")
        accepted = sum(tally.accepted for tally in self._tallies)
        refused = sum(tally.refused for tally in self._tallies)
        if now - self._opened_s <= SILENT_S:
            return OK if accepted > refused else None
        if self._misread(now):
            return Verdict("faulty", "wrong_baud")
        if refused >= CORRUPT_MIN and refused > CORRUPT_SHARE * (accepted + refused):
            return Verdict("faulty", "corrupt")
        if now - self._sampled_s > SILENT_S:
            return Verdict("faulty", "no_frames")
        return OK if accepted else None

    def _misread(self, now: float) -> bool:
        late = [tally for tally in self._tallies if now - tally.since_s <= BAUD_S]
        bytes_in = sum(tally.bytes_in for tally in late)
        framed = sum(tally.bytes_framed for tally in late)
        return bytes_in >= BAUD_BYTES_MIN and framed < BAUD_FRAMED_SHARE * bytes_in
