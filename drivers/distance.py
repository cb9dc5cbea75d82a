"""What a distance sensor's driver declares. Distances are whole millimetres.

A sensor that sees nothing within its range says so in its own way, or says nonsense; either is a
refusal. "Nothing" is never read as "far away": who is to feel an empty lane needs a ground, a
kerb or a wall within the sensor's range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from drivers.driver import Agreement, Dice, Driver, Example
from drivers.framing import Refusal

__all__ = ["Agreement", "Distance", "Example", "Range", "Refusal"]


@dataclass(frozen=True, slots=True)
class Range:
    """What one frame says."""

    range_mm: int
    """From the sensor to what stands before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance(Driver[Range]):
    """A distance sensor's declaration."""

    kind = "distance"
    parameters: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"free": "2000", "taken": "800", "every_s": "0", "for_s": "0", "wobble": "5"}
    )
    """Millimetres with nobody and with somebody there; somebody is, for `for_s` in each
    `every_s`; without them nobody ever. Both tremble by `wobble`."""
    ranges_mm: range
    """What the device can measure, by its maker; anything else in a frame is refused."""

    def __post_init__(self) -> None:
        """Hold the rule of rtl_433: no checksum, then a stated number of agreeing values."""
        assert self.integrity != "none" or self.agreement is not None, self.model

    def near(self, one: Range, other: Range, within: int) -> bool:
        """Compare, in millimetres."""
        return abs(one.range_mm - other.range_mm) <= within

    def range(self, range_mm: int) -> Range:
        """Make the value as this device would carry it, in its own steps and range."""
        steps = (range_mm - self.ranges_mm.start) // self.ranges_mm.step
        return Range(self.ranges_mm[max(0, min(steps, len(self.ranges_mm) - 1))])

    def draw(self, dice: Dice) -> Range:
        """Draw anything within the device's range."""
        return self.range(dice(self.ranges_mm.start, self.ranges_mm.stop))

    def pretend(
        self, values: Mapping[str, str], at_s: float, dice: Dice, drift: int = 0
    ) -> Range | None:
        """Measure the ground, or who stands on it."""
        every_s, wobble = float(values["every_s"]), int(values["wobble"])
        there = every_s and at_s % every_s < float(values["for_s"])
        shown = int(values["taken" if there else "free"])
        return self.range(shown + drift + dice(-wobble, wobble))
