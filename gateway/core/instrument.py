"""What is known of one thermometer, and the estimate that it allows.

Law: the estimate is the raw value plus a correction that does not depend on it: strictly
increasing, without a step, the same for the same input. Outside the box in which the correction
was found there is none; air that nobody tells may be outside. A module that hands out a "body
temperature" of its own making cannot be calibrated, and says so for ever. Pure.
"""

from typing import Final, Literal, TypeAlias

from gateway.core.values import Value

Outside: TypeAlias = Literal["colder", "hotter", "distance"]
COLDEST_CENTI_C: Final = -2000
HOTTEST_CENTI_C: Final = 5000
"""What air that nobody tells may be; a calibration that was not said to end there holds so far."""


class Calibration(Value, frozen=True):
    """A correction, and where it holds; the record of how it was found is the shell's."""

    name: str
    offset_centi_c: int = 0
    """a0."""
    ambient_coefficient: float = 0.0
    """a1: degrees a degree of ambient below the reference."""
    reference_ambient_centi_c: int = 2200
    distance_coefficient_centi_c_per_mm: float = 0.0
    """a2."""
    reference_distance_mm: int = 50
    box_ambient_centi_c_min: int = COLDEST_CENTI_C
    box_ambient_centi_c_max: int = HOTTEST_CENTI_C
    box_distance_mm_min: int = 0
    box_distance_mm_max: int = 5000


NO_CORRECTION: Final = Calibration("")


class Instrument(Value, frozen=True):
    """One thermometer as the installer left it."""

    calibration: Calibration | None = None
    expired: bool = False
    vendor_compensated: bool = False
    """Its frames hold a body temperature that the maker computed, and no raw value."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Say what a reading of it must be marked with."""
        flags = ("vendor_compensated",) if self.vendor_compensated else ()
        if self.calibration is None or self.vendor_compensated:
            return (*flags, "uncalibrated")
        return ("calibration_expired",) if self.expired else ()


UNCALIBRATED: Final = Instrument()
HAND: Final = Instrument(Calibration("hand"))
"""A thermometer that the guard reads himself: what is typed is taken as it stands."""


def estimate(
    raw_centi_c: int, ambient_centi_c: int | None, distance_mm: int | None, instrument: Instrument
) -> int | Outside:
    """Correct a raw value (hundredths of a degree); or say where the correction ends."""
    found = instrument.calibration
    if found is None or instrument.vendor_compensated:
        found = NO_CORRECTION
    shift = float(found.offset_centi_c)
    coldest = COLDEST_CENTI_C if ambient_centi_c is None else ambient_centi_c
    hottest = HOTTEST_CENTI_C if ambient_centi_c is None else ambient_centi_c
    if coldest < found.box_ambient_centi_c_min:
        return "colder"
    if hottest > found.box_ambient_centi_c_max:
        return "hotter"
    if ambient_centi_c is not None:
        shift += found.ambient_coefficient * (found.reference_ambient_centi_c - ambient_centi_c)
    elif found.ambient_coefficient:
        return "colder"  # Ignorance never makes a reading valid.
    if distance_mm is not None:
        if not found.box_distance_mm_min <= distance_mm <= found.box_distance_mm_max:
            return "distance"
        gap_mm = distance_mm - found.reference_distance_mm
        shift += found.distance_coefficient_centi_c_per_mm * gap_mm
    elif found.distance_coefficient_centi_c_per_mm:
        return "distance"
    return raw_centi_c + round(shift)
