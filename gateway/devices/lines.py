"""What a serial line's last seconds say of the device on it.

Pure: no clock, no port. Doubtful bytes are counted, never believed; this file only says when they
are so many that somebody must go and look, and where to look.
"""

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Final, Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["ok", "silent", "faulty", "lost"]

SETTLING_S: Final = 2.0
"""So long a line that was just opened is not called faulty."""
BAUD_S: Final = 3.0
BAUD_BYTES_MIN: Final = 16
BAUD_FRAMED_SHARE: Final = 0.1
"""Fewer bytes than this in frames: the line is not misread now and then, it is not understood."""
CORRUPT_MIN: Final = 5
SLIPS: Final = 2
"""A code that no pass bears is a slip of whoever held it there, and no fault of the line."""

REASONS: Final[dict[str, str]] = {
    "": "The device is well.",
    "missing": "The port is not there: plug the device in, check the udev rule and the hub.",
    "grabbed": "The port is not there, and brltty takes such converters for Braille displays:"
    " systemctl mask brltty-udev.service, or remove brltty; then plug the device in again.",
    "denied": "The port may not be opened: add the service's user to the group dialout.",
    "busy": "Another program holds the port: stop it (ModemManager, brltty, a second gateway).",
    "refused": "The port cannot be opened: correct its address in the settings.",
    "unplugged": "The device was unplugged: check plug, cable and hub; it is found by itself.",
    "hub": "All devices on one hub are gone at once: check the hub's plug and its power supply.",
    "no_bytes": "The port is open and nothing comes: check the device's power and its TX wire.",
    "no_frames": "Bytes come and no value can be believed: check the device itself.",
    "nothing_seen": "The sensor sees nothing within its range: aim it so that it sees the ground, a"
    " kerb or a wall while nobody is there.",
    "wrong_baud": "Bytes come and make no frames: check baud rate and driver, and that the port is"
    " not the Pi's mini-UART, whose speed drifts.",
    "other_device": "Another model speaks here than the settings say: were two plugs swapped?",
    "no_echo": "The relay does not confirm what it is told: use the barrier's own button; check the"
    " relay's power, its wires and its address.",
    "corrupt": "Too many frames are spoilt: check cable, shield, ground and power.",
}
"""The line for whoever must act, by reason code."""


class Verdict(NamedTuple):
    """What the line's state is, and the code of its reason."""

    state: State
    reason: str


OK: Final = Verdict("ok", "")
OTHER: Final = Verdict("faulty", "other_device")


@dataclass(frozen=True, slots=True)
class Patience:
    """What a line may do before somebody must look; the site's settings."""

    silent_s: float = 2.0
    """Without a byte, or without a believable one; infinite: silence means nothing."""
    spoilt_pct: float = 5
    """Of the frames of the last `spoilt_s`."""
    spoilt_s: float = 10.0


PATIENCE: Final = Patience()
GONE: Final = ("unplugged", "hub")
"""Reasons that a missing port goes on with."""


@dataclass(slots=True)
class _Tally:
    since_s: float
    bytes_in: int = 0
    bytes_framed: int = 0
    accepted: int = 0
    refused: int = 0


class LineWatch:
    """Counts by second, and judges the last ones."""

    def __init__(self, opened_s: float, patience: Patience = PATIENCE, *, slips: int = 0) -> None:
        self._patience = patience
        self._slips = slips
        """Refusals that say nothing of the line."""
        self._opened_s = opened_s
        self._heard_s = self._sampled_s = opened_s
        self._tallies: deque[_Tally] = deque()
        self._held = 0

    def heard(
        self, now: float, *, bytes_in: int, bytes_framed: int, accepted: int, refused: int,
        held: int = 0,
    ) -> None:  # fmt: skip
        """Count what came at a moment; `held` of all bytes may still become a frame."""
        self._held = held
        if not self._tallies or now - self._tallies[-1].since_s >= 1.0:
            self._tallies.append(_Tally(now))
        tally = self._tallies[-1]
        tally.bytes_in += bytes_in
        tally.bytes_framed += bytes_framed
        tally.accepted += accepted
        tally.refused += refused
        if bytes_in:
            if now - self._heard_s > self._patience.silent_s:
                self._sampled_s = now  # It begins to speak: a first frame takes its time.
            self._heard_s = now
        if accepted:
            self._sampled_s = now

    def judge(self, now: float) -> Verdict | None:
        """Say how the device is; None: it was opened too short a while ago to tell."""
        while self._tallies and now - self._tallies[0].since_s > self._patience.spoilt_s:
            self._tallies.popleft()
        if now - self._heard_s > self._patience.silent_s:
            return Verdict("silent", "no_bytes")
        accepted = sum(tally.accepted for tally in self._tallies)
        refused = sum(tally.refused for tally in self._tallies)
        if now - self._opened_s <= SETTLING_S:
            return OK if accepted > refused else None
        if self._misread(now):
            return Verdict("faulty", "wrong_baud")
        if refused >= CORRUPT_MIN and 100 * refused > self._patience.spoilt_pct * (
            accepted + refused
        ):
            # Frames that are heard right and hold nothing to believe: the device, not the cable.
            return Verdict("faulty", "corrupt" if accepted else "no_frames")
        if now - self._sampled_s > self._patience.silent_s:
            return Verdict("faulty", "no_frames")
        return OK if accepted or self._patience.silent_s == inf else None

    def _misread(self, now: float) -> bool:
        late = [tally for tally in self._tallies if now - tally.since_s <= BAUD_S]
        bytes_in = sum(tally.bytes_in for tally in late) - self._held
        framed = sum(tally.bytes_framed for tally in late)
        if self._slips and sum(tally.refused for tally in late) <= self._slips:
            return False
        return bytes_in >= BAUD_BYTES_MIN and framed < BAUD_FRAMED_SHARE * bytes_in
