"""From points to a correction, or to what is wrong with them.

Pure. A correction is an offset and nothing else, so the estimate stays the raw value moved: a
slope that an offset cannot mend is refused, and so are points that do not show that the module
follows what it sees. Temperatures are hundredths of a degree Celsius.

- `field`: NIM's comparison, forehead against armpit, ten people or more; each within 0.5 C.
- `blackbody`: a source at two or three temperatures, as 35, 37 and 39 C; each within 0.3 C.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Final, Literal, TypeAlias

from gateway.errors import CalibrationRefused

Method: TypeAlias = Literal["field", "blackbody"]

SLOPE_MIN: Final = 0.8
SLOPE_MAX: Final = 1.2
"""screening.md, section 5."""
POINTS_MAX: Final = 200
SPREAD_CENTI_C_MAX: Final = 30
"""Between the samples of one point, or from its first half to its second."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a method demands of its points."""

    points_min: int
    span_centi_c_min: int
    """From the lowest reference to the highest."""
    residual_centi_c_max: int
    offset_centi_c_max: int
    low_centi_c: int
    high_centi_c: int
    """What a reference of this kind can be."""
    people: bool


RULES: Final[dict[Method, Rules]] = {
    "field": Rules(10, 40, 50, 300, 3400, 4200, people=True),
    "blackbody": Rules(2, 200, 30, 200, 3000, 4300, people=False),
}


@dataclass(frozen=True, slots=True)
class Point:
    """What the reference said, and what the thermometer said of the same."""

    reference_centi_c: int
    raw_centi_c: int
    spread_centi_c: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """A correction that stands."""

    offset_centi_c: int
    slope: float
    """Of the raw value over the reference: near 1, or it would have been refused."""
    slope_margin: float
    """Two standard errors of it, among people; a source's points have none."""
    residual_centi_c: int
    """The largest that is left after the correction."""


def fit(points: tuple[Point, ...], method: Method) -> Fit:
    """Find the offset; raises CalibrationRefused with everything that is wrong, and what to do."""
    rules = RULES[method]
    faults = [*_point_faults(points, rules), *_number_faults(points, rules)]
    if faults:
        raise CalibrationRefused(" ".join(faults))
    slope, error = _slope(points)
    offset = round(fmean(one.reference_centi_c - one.raw_centi_c for one in points))
    left = [one.reference_centi_c - one.raw_centi_c - offset for one in points]
    margin = 2 * error if rules.people else 0.0
    faults = [
        *_slope_faults(slope, margin),
        *_residual_faults(left, offset, rules),
    ]
    if faults:
        raise CalibrationRefused(" ".join(faults))
    return Fit(offset, round(slope, 3), round(margin, 3), max(map(abs, left)))


def _point_faults(points: tuple[Point, ...], rules: Rules) -> Iterator[str]:
    for number, one in enumerate(points, 1):
        if not rules.low_centi_c <= one.reference_centi_c <= rules.high_centi_c:
            yield (
                f"Point {number}: a reference of {shown(one.reference_centi_c)} is not"
                f" {shown(rules.low_centi_c)} to {shown(rules.high_centi_c)}; correct it."
            )
        if one.spread_centi_c > SPREAD_CENTI_C_MAX:
            yield (
                f"Point {number}: unstable, it moved by {shown(one.spread_centi_c)}; let source"
                " and thermometer settle for 30 min, keep the distance, measure it again."
            )


def _number_faults(points: tuple[Point, ...], rules: Rules) -> Iterator[str]:
    if len(points) < rules.points_min:
        what = "people" if rules.people else "temperatures"
        yield f"Too few points: {len(points)}, and {rules.points_min} {what} are needed."
    elif len(points) > POINTS_MAX:
        yield f"Too many points: {len(points)}; at most {POINTS_MAX}."
    references = [one.reference_centi_c for one in points]
    span = max(references, default=0) - min(references, default=0)
    if points and span < rules.span_centi_c_min:
        yield (
            f"Too narrow: the references span {shown(span)}, and {shown(rules.span_centi_c_min)} is"
            f" needed; {'measure more people' if rules.people else 'set the source farther apart'}."
        )


def _slope(points: tuple[Point, ...]) -> tuple[float, float]:
    """Fit raw = a + slope x reference; give the slope and its standard error."""
    mean_x = fmean(one.reference_centi_c for one in points)
    mean_y = fmean(one.raw_centi_c for one in points)
    across = sum((one.reference_centi_c - mean_x) ** 2 for one in points)
    both = sum((one.reference_centi_c - mean_x) * (one.raw_centi_c - mean_y) for one in points)
    slope = both / across
    left = sum(
        (one.raw_centi_c - mean_y - slope * (one.reference_centi_c - mean_x)) ** 2 for one in points
    )
    free = len(points) - 2
    return slope, sqrt(left / free / across) if free > 0 else 0.0


def _slope_faults(slope: float, margin: float) -> Iterator[str]:
    if slope + margin < SLOPE_MIN or slope - margin > SLOPE_MAX:
        hint = (
            "the thermometer shows nearly the same whatever it sees: a module that makes up a body"
            " temperature cannot be calibrated; set it to raw values or replace it."
            if abs(slope) + margin < SLOPE_MIN
            else "an offset cannot mend it; check lens, distance, emissivity and the order of the"
            " points."
        )
        yield f"Wrong slope: {slope:.2f} degrees a degree, and 0.8 to 1.2 is right; {hint}"
    elif slope <= margin:
        # 0 is within the margin: it may as well be a module that makes its values up.
        yield (
            f"Unsure slope: {slope:.2f} ± {margin:.2f} degrees a degree do not show that the"
            " thermometer follows people at all; measure more people, each the same way."
        )


def _residual_faults(left: list[int], offset: int, rules: Rules) -> Iterator[str]:
    for number, one in enumerate(left, 1):
        if abs(one) > rules.residual_centi_c_max:
            yield (
                f"Point {number} is {shown(abs(one))} from the others, and"
                f" {shown(rules.residual_centi_c_max)} is the most; measure it again or leave it"
                " out with its reason noted."
            )
    if abs(offset) > rules.offset_centi_c_max:
        yield (
            f"The offset would be {shown(offset)}, more than {shown(rules.offset_centi_c_max)}:"
            " wrong lens, distance or emissivity, or foreheads straight from the cold."
        )


def shown(centi_c: int) -> str:
    """Write hundredths as degrees."""
    return f"{centi_c / 100:.2f} °C"
