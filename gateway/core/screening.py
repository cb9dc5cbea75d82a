"""From a raw temperature to a result: the estimate, its uncertainty, and what is to be done.

Law: the estimate (instrument.py) is strictly increasing in the raw value, the same for the same
input, and never made up; the raw value is kept beside it. Too cold, too hot, unstable or stuck is
never normal. A first reading never overrules itself quietly: what disagrees is inconclusive, and
only a contact thermometer confirms a fever or clears a suspected one. Pure: no clock, no chance.

The ambient temperature is that of the air which people come out of. Where it is unknown it counts
as cold, indoors too: a forehead just come in from the street is as cold there. Ignorance never
makes a reading valid. The sensor's die never stands in for the weather.
"""

from itertools import pairwise
from math import sqrt
from typing import Final, Literal, TypeAlias

from gateway.contract import Result
from gateway.core.instrument import HAND, UNCALIBRATED, Instrument, Outside, estimate
from gateway.core.limits import Limits, is_fever
from gateway.core.values import Personal, Value

Place: TypeAlias = Literal["outdoors", "shelter", "indoors"]
Site: TypeAlias = Literal["forehead", "wrist", "neck", "contact"]
NextStep: TypeAlias = Literal[
    "none", "again", "shelter", "contact", "aim", "steady", "wait", "hand", "handover"
]
"""What the guard does next for one person."""


class Conditions(Value, frozen=True):
    """What is known around one reading, besides the sensor's own word."""

    place: Place = "outdoors"
    sheltered_s: float = 0.0
    ambient_centi_c: int | None = None
    """Of the air that people come out of, not of a heated hall that they come into."""
    heated: bool = False
    """A driver whose heater may still be warming the face."""
    site: Site = "forehead"
    typed: bool = False

    @property
    def covered(self) -> bool:
        """Say whether clothing kept this skin from the cold."""
        return self.site in ("wrist", "neck")


class Window(Value, frozen=True):
    """A stretch of samples that is over, boiled down to one raw value, or to why there is none."""

    device: str
    began_s: float
    ended_s: float
    outcome: Literal["ok", "NO_READING", "UNSTABLE", "SENSOR_FAULT"]
    raw_centi_c: Personal[int | None] = None
    mad_centi_c: int = 0
    agreeing: int = 0
    """Samples in the plateau: k."""
    accepted: int = 0
    rejected: int = 0
    distance_mm: int | None = None
    flags: tuple[str, ...] = ()


class Reading(Value, frozen=True):
    """A window judged under its conditions."""

    window: Window
    result: Result
    estimate_centi_c: Personal[int | None] = None
    uncertainty_centi_c: Personal[int | None] = None
    """U, k = 2."""
    ambient_centi_c: int | None = None
    site: Site = "forehead"
    settled: bool = False
    """Taken where a second look needs no five minutes: in shelter, or after the wait."""
    typed: bool = False
    flags: tuple[str, ...] = ()


def is_cold(ambient_centi_c: int | None, limits: Limits) -> bool:
    """Say whether people come in from the cold, as far as is known."""
    return ambient_centi_c is None or ambient_centi_c < limits.cold_ambient_centi_c


def site_uncertainty(sheltered_s: float, cold: bool, limits: Limits) -> int:
    """Interpolate how far foreheads scatter after some time under shelter."""
    warm = limits.scatter_60min_centi_c
    if not cold:
        return warm
    points = (
        (0, limits.scatter_0min_centi_c), (60, limits.scatter_1min_centi_c),
        (180, limits.scatter_3min_centi_c), (300, limits.scatter_5min_centi_c), (3600, warm),
    )  # fmt: skip
    for (from_s, high), (to_s, low) in pairwise(points):
        if sheltered_s < to_s:
            share = max(0.0, sheltered_s - from_s) / (to_s - from_s)
            return round(high + (low - high) * share)
    return warm


def standard_uncertainty(window: Window, conditions: Conditions, limits: Limits) -> int:
    """Combine device, site and repeatability: u, k = 1."""
    cold = is_cold(conditions.ambient_centi_c, limits) and not conditions.covered
    site = site_uncertainty(conditions.sheltered_s, cold, limits)
    repeat = 1.48 * window.mad_centi_c / sqrt(window.agreeing) if window.agreeing else 0.0
    return round(sqrt(limits.device_uncertainty_centi_c**2 + site**2 + repeat**2))


def judge(
    window: Window, conditions: Conditions, limits: Limits, instrument: Instrument = UNCALIBRATED
) -> Reading:
    """Judge one window by itself; `verdict` then sets it beside the person's earlier readings."""
    if conditions.typed:
        instrument = HAND
    flags = (*window.flags, *instrument.flags)
    if conditions.ambient_centi_c is None:
        flags = (*flags, "ambient_unknown")
    result, value = _judge(window, conditions, limits, instrument)
    doubled, settled = None, False
    if value is not None and conditions.site != "contact":
        doubled = 2 * standard_uncertainty(window, conditions, limits)
        sheltered = conditions.sheltered_s >= limits.shelter_wait_s
        settled = (conditions.place != "outdoors" or sheltered) and not conditions.heated
    return Reading(
        window, result, value, doubled, conditions.ambient_centi_c,
        conditions.site, settled, conditions.typed, flags,
    )  # fmt: skip


def _judge(
    window: Window, conditions: Conditions, limits: Limits, instrument: Instrument
) -> tuple[Result, int | None]:
    """Name the result, and the estimate where there is one."""
    raw = window.raw_centi_c
    if conditions.site == "contact":
        return _judge_contact(raw, limits)
    if window.outcome != "ok" or raw is None:
        return ("NO_READING" if window.outcome == "ok" else window.outcome), None
    unfit = bool(instrument.flags) and limits.calibration_strict
    if "drifting" in window.flags or unfit:
        return "SENSOR_FAULT", None
    if "no_face" in window.flags or not limits.skin_centi_c_min <= raw <= limits.skin_centi_c_max:
        return "NOT_SKIN", None
    ambient = conditions.ambient_centi_c
    if ambient is not None and ambient > limits.hot_ambient_centi_c:
        return "INVALID_HOT", None
    value = estimate(raw, ambient, window.distance_mm, instrument)
    if isinstance(value, str):
        return _OUTSIDE[value], None
    if _is_too_cold(raw, conditions, limits):
        return "INVALID_COLD", None
    value += _below(conditions.site, limits)
    near = value >= limits.fever_centi_c - limits.guard_band_centi_c
    if near and conditions.heated:
        return "INVALID_HOT", value
    upper = value + standard_uncertainty(window, conditions, limits)
    return ("RECHECK" if near or upper >= limits.fever_centi_c else "NORMAL"), value


_OUTSIDE: Final[dict[Outside, Result]] = {
    "colder": "INVALID_COLD", "hotter": "INVALID_HOT", "distance": "NOT_SKIN",
}  # fmt: skip
"""What a reading outside the calibration's box is; at a wrong distance the guard aims again."""


def _is_too_cold(raw: int, conditions: Conditions, limits: Limits) -> bool:
    """Say whether this skin was in the cold too lately to be judged."""
    if raw < limits.cold_raw_centi_c:
        return True
    early = conditions.sheltered_s < limits.shelter_wait_s
    return early and is_cold(conditions.ambient_centi_c, limits) and not conditions.covered


def _below(site: Site, limits: Limits) -> int:
    """Say how far a site is colder than the body."""
    if site == "wrist":
        return limits.wrist_below_centi_c
    return limits.neck_below_centi_c if site == "neck" else 0


def _judge_contact(raw: int | None, limits: Limits) -> tuple[Result, int | None]:
    """Judge a contact thermometer's value: it confirms or clears, unless it is a slip."""
    if raw is None:
        return "NO_READING", None
    if raw > limits.contact_centi_c_max or raw < limits.skin_centi_c_min:
        return "NOT_SKIN", None
    if raw < limits.contact_centi_c_min:
        return "INVALID_COLD", None
    return ("FEVER_CONFIRMED" if is_fever(raw, limits) else "CLEARED"), raw


class Attempt(Value, frozen=True):
    """What a person's earlier reading is remembered by."""

    result: Result
    at_s: float
    estimate_centi_c: Personal[int | None] = None
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
    if not valued and before in ("RECHECK", "INVALID_HOT", "INCONCLUSIVE"):
        # A restart forgot the first reading, not that there was one: two more must agree.
        return "INCONCLUSIVE" if last.result == "NORMAL" else last.result
    near = [a for a in valued if not _has_cooled(a, last, limits)]
    if near and abs(last.at_s - near[-1].at_s) < limits.probe_away_s:
        # The probe was never away: the same look twice improves nothing.
        if before in ("RECHECK", "INCONCLUSIVE", "INVALID_HOT"):
            return before
        if near[-1].result != "NORMAL":
            return near[-1].result
    gaps = [abs(value - (a.estimate_centi_c or 0)) for a in near]
    if gaps and max(gaps) > limits.disagreement_centi_c:
        return _third(near, last, min(gaps), limits)
    if is_fever(value, limits) and any(_confirms(a, last, limits) for a in valued):
        return "SUSPECT_FEVER"
    return last.result


def _has_cooled(earlier: Attempt, last: Attempt, limits: Limits) -> bool:
    """Say whether an earlier reading was of a heated face that has had its wait since (F4)."""
    return earlier.result == "INVALID_HOT" and last.at_s - earlier.at_s >= limits.recheck_wait_s


def _third(near: list[Attempt], last: Attempt, gap_centi_c: int, limits: Limits) -> Result:
    """Settle a disagreement by a third reading, unless one of the three was a fever's."""
    values = [a.estimate_centi_c or 0 for a in (*near, last)]
    if len(values) < 3 or is_fever(max(values), limits):
        return "INCONCLUSIVE"
    return last.result if gap_centi_c <= limits.disagreement_centi_c else "INCONCLUSIVE"


def _confirms(earlier: Attempt, last: Attempt, limits: Limits) -> bool:
    """Say whether an earlier hot reading and this hot one make a suspicion."""
    if not is_fever(earlier.estimate_centi_c or 0, limits):
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
        "NO_READING": "aim", "UNSTABLE": "steady",
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
