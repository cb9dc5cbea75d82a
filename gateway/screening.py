"""From a raw temperature to a result: the estimate, its uncertainty, and what is to be done.

Law: the estimate is the raw value plus a correction that does not depend on it, so it is strictly
increasing in the raw value, the same for the same input, and never made up; the raw value is kept
beside it. Too cold, too hot, unstable or stuck is never normal. A first reading never overrules
itself quietly: what disagrees is inconclusive, and only a contact thermometer confirms a fever or
clears a suspected one. Pure: no clock, no randomness.

Where the ambient temperature is unknown it counts as cold, except indoors: ignorance never makes
a reading valid. The sensor's die never stands in for the weather.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from typing import Final, Literal, TypeAlias

from gateway.contract import Result

Place: TypeAlias = Literal["outdoors", "shelter", "indoors"]
Site: TypeAlias = Literal["forehead", "wrist", "neck", "contact"]
NextStep: TypeAlias = Literal[
    "none", "again", "shelter", "contact", "aim", "wait", "hand", "handover"
]
"""What the guard does next for one person."""

ACCLIMATISATION: Final = ((0, 145), (60, 149), (180, 110), (300, 79), (3600, 24))
"""(seconds under shelter, standard deviation of the forehead in hundredths of a degree) on coming
in from -5.5..0 C: Dzien 2021."""
WARM_CENTI_C: Final = 24
"""The same where nobody was cold (ambient of 16 C and more)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every number of the screening, with its unit; the defaults' source is screening.md."""

    # Section 6, the decision.
    fever_centi_c: int = 3730
    """T: gates of February 2020 used > 37.3 and >= 37.3; here >=."""
    guard_band_centi_c: int = 30
    """g: from T - g on a first reading is repeated."""
    skin_centi_c_min: int = 2500
    skin_centi_c_max: int = 4300
    """Outside these it is a cup, a bonnet or a heater: section 6, NOT_SKIN."""
    cold_raw_centi_c: int = 3400
    """Below this a forehead is too cold to judge, whatever the weather: section 6."""
    cold_ambient_centi_c: int = 1600
    hot_ambient_centi_c: int = 3500
    shelter_wait_s: float = 300.0
    """Time under shelter after which someone who came in from the cold is judged: section 6."""
    recheck_wait_s: float = 300.0
    """Two readings this far apart confirm each other, and a heated driver has cooled: section 6."""
    probe_away_s: float = 5.0
    """Between two readings of one person: Beijing metrology institute, section 1."""
    attempts_max: int = 3
    """After these a contact thermometer: section 6, RECHECK."""
    disagreement_centi_c: int = 50
    """Two readings of one person further apart are inconclusive: lessons, 4."""
    contact_centi_c_min: int = 3400
    contact_centi_c_max: int = 4300
    """A typed contact value outside these is a slip of the finger and settles nothing."""
    # Section 4, samples to a window.
    contrast_centi_c: int = 400
    """Without a distance sensor someone is present from this far above the background."""
    near_mm: int = 30
    far_mm: int = 150
    """With one: MLX90614-DCx."""
    present_samples: int = 3
    absent_samples: int = 2
    window_s_max: float = 3.0
    accepted_samples_min: int = 5
    accepted_span_s_min: float = 0.4
    jump_centi_c: int = 150
    """Between consecutive samples; more is an edge or a spike."""
    distance_jump_mm: int = 40
    plateau_samples_max: int = 5
    plateau_samples_min: int = 3
    plateau_centi_c: int = 30
    unstable_mad_centi_c: int = 30
    absence_s: float = 0.5
    """Two windows closer than this may be one person or two: flagged, never merged."""
    stuck_samples: int = 50
    """Identical object and die words while present."""
    stuck_distance_mm: int = 20
    """A flat line while the distance changes by this much is stuck as well."""
    die_centi_c_min: int = -4000
    die_centi_c_max: int = 6000
    die_change_centi_c: int = 500
    die_change_s: float = 120.0
    """A die that moves more than 5 C in two minutes is warming; stricter than the 5 C a minute
    of section 5, so that F5's 8 C in two minutes is caught."""
    warm_up_s: float = 600.0
    """After power-up readings are flagged `warming`: section 5."""
    sample_age_s_max: float = 2.0
    """F20: an older sample is worth nothing."""
    sample_gap_s: float = 1.0
    """A window that hears nothing for this long is over."""
    # Section 5, the estimate. All zero until a site calibration is entered.
    calibration: str = ""
    """Name and version of the calibration; empty: uncalibrated, and said so."""
    calibration_strict: bool = False
    """Refuse to judge while uncalibrated."""
    offset_centi_c: int = 0
    ambient_coefficient: float = 0.0
    """Degrees a degree of ambient below the reference."""
    box_ambient_centi_c_min: int = -2000
    """Colder than the calibration's validity box there is no estimate."""
    reference_ambient_centi_c: int = 2200
    distance_coefficient_centi_c_per_mm: float = 0.0
    reference_distance_mm: int = 50
    device_uncertainty_centi_c: int = 17
    """u_dev: 0.3 C maximum permissible error, rectangular."""
    ambient_centi_c: int | None = None
    """The site's air, when no weather sensor tells it and the lane does not say."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known around one reading, besides the sensor's own word."""

    place: Place = "outdoors"
    sheltered_s: float = 0.0
    ambient_centi_c: int | None = None
    heated: bool = False
    """A driver whose heater may still be warming the face."""
    site: Site = "forehead"
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of samples that is over, boiled down to one raw value, or to why there is none."""

    device: str
    began_s: float
    ended_s: float
    outcome: Literal["ok", "NO_READING", "UNSTABLE", "SENSOR_FAULT"]
    raw_centi_c: int | None = field(default=None, repr=False)
    mad_centi_c: int = 0
    agreeing: int = 0
    """Samples in the plateau: k."""
    accepted: int = 0
    rejected: int = 0
    distance_mm: int | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A window judged under its conditions."""

    window: Window
    result: Result
    estimate_centi_c: int | None = field(default=None, repr=False)
    uncertainty_centi_c: int | None = field(default=None, repr=False)
    """U, k = 2."""
    ambient_centi_c: int | None = None
    site: Site = "forehead"
    settled: bool = False
    """Taken where a second look needs no five minutes: in shelter, or after the wait."""
    typed: bool = False
    flags: tuple[str, ...] = ()


def estimate(
    raw_centi_c: int, ambient_centi_c: int | None, distance_mm: int | None, limits: Limits
) -> int | None:
    """Correct a raw value by the site's calibration; None outside its validity box."""
    if ambient_centi_c is not None and ambient_centi_c < limits.box_ambient_centi_c_min:
        return None
    shift = float(limits.offset_centi_c)
    if limits.ambient_coefficient:
        if ambient_centi_c is None:
            return None
        gap = limits.reference_ambient_centi_c - ambient_centi_c
        shift += limits.ambient_coefficient * gap
    if limits.distance_coefficient_centi_c_per_mm and distance_mm is not None:
        gap = distance_mm - limits.reference_distance_mm
        shift += limits.distance_coefficient_centi_c_per_mm * gap
    return raw_centi_c + round(shift)


def is_cold(conditions: Conditions, limits: Limits) -> bool:
    """Say whether people come in from the cold here, as far as is known."""
    if conditions.ambient_centi_c is None:
        return conditions.place != "indoors"
    return conditions.ambient_centi_c < limits.cold_ambient_centi_c


def site_uncertainty(sheltered_s: float, cold: bool) -> int:
    """Interpolate how far foreheads scatter after some time under shelter."""
    if not cold:
        return WARM_CENTI_C
    for (from_s, high), (to_s, low) in pairwise(ACCLIMATISATION):
        if sheltered_s < to_s:
            share = max(0.0, sheltered_s - from_s) / (to_s - from_s)
            return round(high + (low - high) * share)
    return WARM_CENTI_C


def standard_uncertainty(window: Window, conditions: Conditions, limits: Limits) -> int:
    """Combine device, site and repeatability: u, k = 1."""
    site = site_uncertainty(conditions.sheltered_s, is_cold(conditions, limits))
    repeat = 1.48 * window.mad_centi_c / sqrt(window.agreeing) if window.agreeing else 0.0
    return round(sqrt(limits.device_uncertainty_centi_c**2 + site**2 + repeat**2))


def judge(window: Window, conditions: Conditions, limits: Limits) -> Reading:
    """Judge one window by itself; `verdict` then sets it beside the person's earlier readings."""
    flags = window.flags
    if not limits.calibration:
        flags = (*flags, "uncalibrated")
    if conditions.ambient_centi_c is None:
        flags = (*flags, "ambient_unknown")
    result, value = _judge(window, conditions, limits)
    doubled, settled = None, False
    if value is not None and conditions.site != "contact":
        doubled = 2 * standard_uncertainty(window, conditions, limits)
        sheltered = conditions.sheltered_s >= limits.shelter_wait_s
        settled = (conditions.place != "outdoors" or sheltered) and not conditions.heated
    return Reading(
        window, result, value, doubled, conditions.ambient_centi_c,
        conditions.site, settled, conditions.typed, flags,
    )  # fmt: skip


def _judge(window: Window, conditions: Conditions, limits: Limits) -> tuple[Result, int | None]:
    """Name the result, and the estimate where there is one."""
    raw = window.raw_centi_c
    if conditions.site == "contact":
        return _judge_contact(raw, limits)
    if window.outcome != "ok" or raw is None:
        return ("NO_READING" if window.outcome == "ok" else window.outcome), None
    if "drifting" in window.flags or (limits.calibration_strict and not limits.calibration):
        return "SENSOR_FAULT", None
    if not limits.skin_centi_c_min <= raw <= limits.skin_centi_c_max:
        return "NOT_SKIN", None
    ambient = conditions.ambient_centi_c
    if ambient is not None and ambient > limits.hot_ambient_centi_c:
        return "INVALID_HOT", None
    value = estimate(raw, ambient, window.distance_mm, limits)
    unsheltered = conditions.sheltered_s < limits.shelter_wait_s and is_cold(conditions, limits)
    if value is None or unsheltered or raw < limits.cold_raw_centi_c:
        return "INVALID_COLD", None
    near = value >= limits.fever_centi_c - limits.guard_band_centi_c
    if near and conditions.heated:
        return "INVALID_HOT", value
    upper = value + standard_uncertainty(window, conditions, limits)
    return ("RECHECK" if near or upper >= limits.fever_centi_c else "NORMAL"), value


def _judge_contact(raw: int | None, limits: Limits) -> tuple[Result, int | None]:
    """Judge a contact thermometer's value: it confirms or clears, unless it is a slip."""
    if raw is None:
        return "NO_READING", None
    if raw > limits.contact_centi_c_max or raw < limits.skin_centi_c_min:
        return "NOT_SKIN", None
    if raw < limits.contact_centi_c_min:
        return "INVALID_COLD", None
    return ("FEVER_CONFIRMED" if raw >= limits.fever_centi_c else "CLEARED"), raw


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a person's earlier reading is remembered by."""

    result: Result
    at_s: float
    estimate_centi_c: int | None = field(default=None, repr=False)
    settled: bool = False
    contact: bool = False


FINAL: Final[tuple[Result, ...]] = ("SUSPECT_FEVER", "FEVER_CONFIRMED", "CLEARED")
"""Left by a contact thermometer's word only; a confirmed fever not even by that."""


def verdict(
    before: Result | None, earlier: tuple[Attempt, ...], last: Attempt, limits: Limits
) -> Result:
    """Say what is now so of a person, from the verdict before, the readings before and this one."""
    if last.contact and last.result in ("FEVER_CONFIRMED", "CLEARED"):
        return "FEVER_CONFIRMED" if before == "FEVER_CONFIRMED" else last.result
    if before is not None and before in FINAL:
        return before
    value = last.estimate_centi_c
    if value is None:
        return last.result
    valued = [a for a in earlier if a.estimate_centi_c is not None]
    near = [a for a in valued if abs(last.at_s - a.at_s) < limits.recheck_wait_s]
    if near and abs(last.at_s - near[-1].at_s) < limits.probe_away_s:
        # The probe was never away: the same look twice improves nothing.
        if before in ("RECHECK", "INCONCLUSIVE", "INVALID_HOT"):
            return before
        if near[-1].result != "NORMAL":
            return near[-1].result
    gaps = [abs(value - (a.estimate_centi_c or 0)) for a in near]
    if gaps and max(gaps) > limits.disagreement_centi_c:
        return _third(near, last, min(gaps), limits)
    if value >= limits.fever_centi_c and any(_confirms(a, last, limits) for a in valued):
        return "SUSPECT_FEVER"
    return last.result


def _third(near: list[Attempt], last: Attempt, gap_centi_c: int, limits: Limits) -> Result:
    """Settle a disagreement by a third reading, unless one of the three was a fever's."""
    values = [a.estimate_centi_c or 0 for a in (*near, last)]
    if len(values) < 3 or max(values) >= limits.fever_centi_c:
        return "INCONCLUSIVE"
    return last.result if gap_centi_c <= limits.disagreement_centi_c else "INCONCLUSIVE"


def _confirms(earlier: Attempt, last: Attempt, limits: Limits) -> bool:
    """Say whether an earlier hot reading and this hot one make a suspicion."""
    if (earlier.estimate_centi_c or 0) < limits.fever_centi_c:
        return False
    apart_s = abs(last.at_s - earlier.at_s)
    if apart_s >= limits.recheck_wait_s:
        return True
    return apart_s >= limits.probe_away_s and earlier.settled and last.settled


def next_step(result: Result, attempts: int, limits: Limits) -> NextStep:
    """Say what the guard does next for a person."""
    if result in ("NORMAL", "CLEARED"):
        return "none"
    if result == "FEVER_CONFIRMED":
        return "handover"
    if result == "SENSOR_FAULT":
        return "hand"
    if result == "SUSPECT_FEVER" or attempts >= limits.attempts_max:
        return "contact"
    steps: dict[Result, NextStep] = {
        "INVALID_COLD": "shelter", "INVALID_HOT": "wait", "NOT_SKIN": "aim",
    }  # fmt: skip
    return steps.get(result, "again")


def wait_until_s(result: Result, at_s: float, first_s: float, limits: Limits) -> float:
    """Say from when the next reading of this person is worth taking."""
    if result == "INVALID_COLD":
        return first_s + limits.shelter_wait_s
    if result == "INVALID_HOT":
        return first_s + limits.recheck_wait_s
    if result in ("RECHECK", "INCONCLUSIVE"):
        return at_s + limits.probe_away_s
    return at_s
