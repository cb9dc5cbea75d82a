"""What a thermometer's driver declares. Temperatures are whole hundredths of a degree Celsius."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

from drivers.address import centi
from drivers.driver import Agreement, Dice, Driver, Example
from drivers.framing import Refusal

__all__ = ["Agreement", "Example", "Refusal", "Sample", "Thermometer"]

COLD_CENTI_C: Final = -2000
HOT_CENTI_C: Final = 10000
"""What a gate may meet, for drawn values: a frosty wall, a kettle."""
DISTANCE_MM: Final = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """What one frame says."""

    object_centi_c: int
    ambient_centi_c: int
    """The sensor's own body, never the weather."""
    distance_mm: int | None = None
    """Where the device measures that too."""
    faces: int | None = None
    """What an array found: 1 is a face, whose value `object_centi_c` then is. None: a single spot.

    An array finds the face and does not decide fever: it is good to two degrees.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermometer(Driver[Sample]):
    """A thermometer's declaration."""

    kind = "thermometer"
    parameters: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"object": "36.5", "ambient": "21.0", "every_s": "0", "for_s": "0", "wobble": "5"}
    )
    """Degrees; someone is measured for `for_s` in each `every_s`, else the object is the room;
    without them always. The object trembles by `wobble` hundredths: a still line is a stuck one."""
    step_centi_c: int = 1
    """The finest difference that the wire can carry."""
    is_array: bool = False
    tells_distance: bool = False

    def __post_init__(self) -> None:
        """Hold the rule of rtl_433: no checksum, then a stated number of agreeing values."""
        assert self.integrity != "none" or self.agreement is not None, self.model

    def near(self, one: Sample, other: Sample, within: int) -> bool:
        """Compare both temperatures, in hundredths of a degree."""
        return (
            abs(one.object_centi_c - other.object_centi_c) <= within
            and abs(one.ambient_centi_c - other.ambient_centi_c) <= within
        )

    def sample(self, object_centi_c: int, ambient_centi_c: int) -> Sample:
        """Make the sample of these values as this device would carry it."""
        step = self.step_centi_c
        return Sample(
            object_centi_c // step * step,
            ambient_centi_c // step * step,
            DISTANCE_MM if self.tells_distance else None,
            1 if self.is_array else None,
        )

    def draw(self, dice: Dice) -> Sample:
        """Draw what a gate may meet, in the wire's own steps."""
        return self.sample(dice(COLD_CENTI_C, HOT_CENTI_C), dice(COLD_CENTI_C, HOT_CENTI_C))

    def pretend(
        self, values: Mapping[str, str], at_s: float, dice: Dice, drift: int = 0
    ) -> Sample | None:
        """Show a forehead, or the room behind it."""
        shown, ambient = centi(values["object"]), centi(values["ambient"])
        every_s, wobble = float(values["every_s"]), int(values["wobble"])
        if every_s and at_s % every_s >= float(values["for_s"]):
            shown = ambient
        return self.sample(shown + drift + dice(-wobble, wobble), ambient)
