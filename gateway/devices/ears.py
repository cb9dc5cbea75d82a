"""What a device's values become: the core's events. One ear a device, and no clock but `at_s`.

An ear is told of values only; what a line lost, or a frame that was refused, is no value.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from drivers.distance import Range
from drivers.reader import Scan
from drivers.thermometer import Sample
from gateway.core import events

HELD_MAX: Final = 16
"""Passes that are remembered as still being held to a reader."""


class Ear(Protocol):
    """Turns one device's values into events."""

    def hear(self, value: Any, at_s: float) -> tuple[events.Event, ...]:
        """Take a value and the moment of its last byte."""

    def forget(self) -> None:
        """Take back what the device said: it says nothing any more."""


@dataclass(slots=True)
class ThermometerEar:
    """Each sample is the core's to judge."""

    device: str

    def hear(self, value: Sample, at_s: float) -> tuple[events.Event, ...]:
        """Hand a sample on; an array finds the face and decides nothing."""
        if value.faces is not None:
            return (events.FacesSeen(self.device, value.faces, at_s),)
        taken = events.SampleTaken(
            self.device, value.object_centi_c, value.ambient_centi_c, at_s, value.distance_mm
        )
        return (taken,)

    def forget(self) -> None:
        """Keep nothing anyway."""


@dataclass(slots=True)
class DistanceEar:
    """Nearer than `near_mm` is somebody, farther than `far_mm` nobody; between them, as before."""

    lanes: tuple[str, ...]
    near_mm: int
    far_mm: int
    settle_s: float
    """For so long all values must say so: the gap behind a cab is no departure."""
    _present: bool | None = None
    _other: bool | None = None
    _since_s: float = 0.0

    def hear(self, value: Range, at_s: float) -> tuple[events.Event, ...]:
        """Say when somebody has come or gone, and at first which of the two is so."""
        present = self._present
        if value.range_mm <= self.near_mm:
            present = True
        elif value.range_mm >= self.far_mm:
            present = False
        if present == self._present:
            self._other = None
            return ()
        if present != self._other:
            self._other, self._since_s = present, at_s
        if present is None or at_s - self._since_s < self.settle_s:
            return ()
        self._present, self._other = present, None
        return tuple(
            events.PresenceChanged(lane, "distance", present=present) for lane in self.lanes
        )

    def forget(self) -> None:
        """Know nothing of who is there."""
        self._present = self._other = None


@dataclass(slots=True)
class ReaderEar:
    """A pass that is held on is one pass, until it was away for `again_s` (F37)."""

    device: str
    lane: str
    again_s: float
    _held: dict[int, float] = field(default_factory=dict)
    """By a pass's hash, which is another in each process: what stands on it is not kept here."""

    def hear(self, value: Scan, at_s: float) -> tuple[events.Event, ...]:
        """Hand on a pass that was not there before."""
        if not value.text:
            return ()
        self._held = {one: s for one, s in self._held.items() if at_s - s <= self.again_s}
        name = hash(value.text)
        is_new = self._held.pop(name, None) is None
        self._held[name] = at_s
        while len(self._held) > HELD_MAX:
            del self._held[next(iter(self._held))]
        if not is_new:
            return ()
        return (events.PassPresented(self.lane, self.device, value.medium, value.text, value.name),)

    def forget(self) -> None:
        """Go on: a pass that is still held when the line is back is the same."""
