"""Every number of the screening, each a setting: default, how far it may be set, meaning, source.

Beyond its range a number is a slip, not a choice, and the settings refuse it. docs/screening.md
lists them all, generated from here. Temperatures are hundredths of a degree Celsius. Pure.
"""

# ruff: noqa: RUF009 - `setting` gives a field, as dataclasses.field does.

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

Sign: TypeAlias = Literal[">=", ">"]
V = TypeVar("V")

GATES: Final = "notices of gates and clinics, Jan-Feb 2020: eqlab.ac.cn, gz.bendibao, mnw.cn"
DZIEN: Final = "Dzien 2021: foreheads coming in from -5.5..0 C"
BEIJING: Final = "Beijing metrology institute, 2020-03-07"
CHANGSHA: Final = "Changsha, March 2020: 37.7, a minute later 34.2, released"
JJF: Final = "JJF 1107-2003 and JJG 1164-2019, as cited 2020-02-27: forehead 0.3 C"
NIM: Final = "NIM's field check: forehead against axilla, 0.5 C"
LINE: Final = "proposal: modules send ten frames a second"
OURS: Final = "proposal, for ten samples a second"
DIE: Final = "proposal: outside it the sensor is wrong, not the weather"


class Told(NamedTuple):
    """What docs/screening.md says of one setting."""

    low: float | None
    high: float | None
    what: str
    source: str


def setting(default: V, low: float | None, high: float | None, what: str, source: str) -> V:
    """Declare a setting: its default, its range (None: a word or a truth), meaning and source."""
    told: V = field(default=default, metadata={"told": Told(low, high, what, source)})
    return told


@dataclass(frozen=True, slots=True)
class Limits:
    """Every number of the screening, with its unit at the end of its name."""

    # The decision.
    fever_centi_c: int = setting(3730, 3600, 4100, "the threshold T", GATES)
    fever_sign: Sign = setting(
        ">=", None, None, "`>=`: 37.30 is a fever's; `>`: 37.31 is",
        "posts wrote > 37.3, fever clinics >= 37.3; the stricter of the two",
    )  # fmt: skip
    guard_band_centi_c: int = setting(
        30, 0, 100, "g: from T - g on a reading is repeated", JJF
    )  # fmt: skip
    skin_centi_c_min: int = setting(
        2500,
        1500,
        3200,
        "colder is no skin (NOT_SKIN)",
        "proposal; displays begin at 28 C (Guangdong draft)",
    )
    skin_centi_c_max: int = setting(
        4300, 4100, 5000, "hotter is a cup, a bonnet or a heater (NOT_SKIN)",
        "proposal; YJM module: body range 32 to 42.9 C",
    )  # fmt: skip
    cold_raw_centi_c: int = setting(
        3400, 2800, 3600, "a colder forehead is not judged, whatever the weather",
        "Guangdong draft: measuring range from 34 C",
    )  # fmt: skip
    cold_ambient_centi_c: int = setting(
        1600, 0, 2500, "in colder air people come in from the cold",
        "FDA (16 to 40 C) and the Guangdong draft (16 to 32 C)",
    )  # fmt: skip
    hot_ambient_centi_c: int = setting(
        3500,
        2800,
        5000,
        "in hotter air nobody is judged",
        "makers of body modules (YJM, eefocus): working range to 35 C",
    )
    shelter_wait_s: float = setting(
        300.0, 0, 3600, "under shelter before a forehead from the cold is judged",
        DZIEN + "; 5 min practical, 30 min by the manual",
    )  # fmt: skip
    recheck_wait_s: float = setting(
        300.0, 0, 3600, "two readings so far apart confirm each other; a heated face has cooled",
        "gates at Xiamen and Xi'an; contact thermometer's 5 min",
    )  # fmt: skip
    probe_away_s: float = setting(
        5.0, 0, 60, "between two readings of one person", BEIJING
    )  # fmt: skip
    attempts_max: int = setting(
        3, 1, 9, "after so many readings the contact thermometer", "guards' practice, 2020-02-02"
    )
    disagreement_centi_c: int = setting(
        50, 10, 200, "two readings of one person further apart are INCONCLUSIVE", CHANGSHA
    )
    contact_centi_c_min: int = setting(
        3400, 3000, 3600, "a colder contact value was not under the arm", "proposal"
    )
    contact_centi_c_max: int = setting(
        4300, 4100, 4600, "a hotter contact value is a slip of the finger", "proposal"
    )
    wrist_below_centi_c: int = setting(
        79, 0, 150, "a covered wrist is so much colder than the body",
        "Chen 2020, n = 528, outdoors: 0.61 to 0.96",
    )  # fmt: skip
    neck_below_centi_c: int = setting(
        0, 0, 150, "a covered neck is so much colder than the body",
        "Lai 2022, n = 904: cut-off at the neck 37.35",
    )  # fmt: skip
    # The line of a device.
    silent_s: float = setting(
        2.0, 0.5, 60, "without a frame a device is silent (SENSOR_FAULT)", LINE
    )  # fmt: skip
    spoilt_pct: int = setting(
        5, 1, 50, "more spoilt frames of a hundred are a faulty device (SENSOR_FAULT)", LINE
    )
    spoilt_s: float = setting(10.0, 2, 120, "within this time", LINE)
    # Samples to a window.
    contrast_centi_c: int = setting(
        400, 50, 2000, "above the background: somebody is there, without a distance sensor", OURS
    )
    near_mm: int = setting(30, 1, 1000, "with one: from here", "MLX90614-DCx")
    far_mm: int = setting(150, 10, 5000, "to here", "MLX90614-DCx")
    present_samples: int = setting(3, 1, 50, "running: somebody is there", OURS)
    absent_samples: int = setting(2, 1, 50, "running: nobody is there any more", OURS)
    background_samples: int = setting(9, 1, 100, "the background is their median", OURS)
    relearn_s: float = setting(
        30.0, 5, 600, "what stands there for so long is background (a wall in the sun)", "proposal"
    )
    window_s_max: float = setting(3.0, 0.5, 30, "a window is over after this", OURS)
    accepted_samples_min: int = setting(5, 1, 100, "fewer are NO_READING", OURS)
    accepted_span_s_min: float = setting(0.4, 0, 10, "over less time: NO_READING", OURS)
    jump_centi_c: int = setting(150, 20, 2000, "between two samples: an edge or a spike", OURS)
    distance_jump_mm: int = setting(40, 1, 1000, "between two samples: something else", OURS)
    plateau_samples_max: int = setting(5, 1, 100, "the hottest so many are the reading", OURS)
    plateau_samples_min: int = setting(3, 1, 100, "fewer that agree are UNSTABLE", OURS)
    plateau_centi_c: int = setting(30, 1, 200, "so near they agree", OURS)
    unstable_mad_centi_c: int = setting(
        30, 5, 200, "a median deviation above this is UNSTABLE (hair, a hat's edge)", OURS
    )
    absence_s: float = setting(
        0.5, 0.1, 10, "two windows closer than this may be one person or two", OURS
    )
    stuck_samples: int = setting(
        50, 10, 10_000, "so many identical samples, while present, are SENSOR_FAULT", OURS
    )
    stuck_distance_mm: int = setting(
        20, 1, 1000, "a flat line while the distance moves so far is stuck too", OURS
    )
    die_centi_c_min: int = setting(
        -4000, -5500, 0, "a colder die is refused, and SENSOR_FAULT", DIE
    )
    die_centi_c_max: int = setting(
        6000, 3000, 12_500, "a hotter die is refused, and SENSOR_FAULT", DIE
    )
    die_change_centi_c: int = setting(
        500, 50, 5000, "a die that moves so far is warming: no decision",
        "ETRS checklist, PMC8654479: stability; stricter than 5 C a minute, for F5's 8 C in 2 min",
    )  # fmt: skip
    die_change_s: float = setting(120.0, 5, 3600, "within this time", "as above")
    warm_up_s: float = setting(
        600.0, 0, 7200, "after power-up readings are flagged `warming`",
        "proposal; PMC8654479 recommends 30 min",
    )  # fmt: skip
    sample_age_s_max: float = setting(2.0, 0.2, 30, "an older sample is worth nothing", OURS)
    faces_margin_s: float = setting(
        0.3, 0, 2, "an array's look so long before or after a window is still of it",
        "proposal: arrays take four pictures a second",
    )  # fmt: skip
    sample_gap_s: float = setting(1.0, 0.1, 30, "after such a silence the window is over", OURS)
    # The estimate and its uncertainty.
    calibration_strict: bool = setting(
        False, None, None, "judge nobody with a thermometer that has no valid calibration",
        "proposal",
    )  # fmt: skip
    calibration_days: float = setting(
        14.0, 1, 366, "a calibration is valid for so long",
        "proposal, outdoors; ETRS: 0.1 C over 14 days, PMC8654479",
    )  # fmt: skip
    device_uncertainty_centi_c: int = setting(17, 1, 200, "u of the device: 0.3 / sqrt(3)", JJF)
    scatter_0min_centi_c: int = setting(145, 1, 300, "u of a forehead just come in", DZIEN)
    scatter_1min_centi_c: int = setting(149, 1, 300, "after 1 min under shelter", DZIEN)
    scatter_3min_centi_c: int = setting(110, 1, 300, "after 3 min", DZIEN)
    scatter_5min_centi_c: int = setting(79, 1, 300, "after 5 min", DZIEN)
    scatter_60min_centi_c: int = setting(
        24, 1, 300, "after 60 min, and where nobody was cold", DZIEN
    )
    ambient_centi_c: int | None = setting(
        None, -5000, 6000,
        "the air that people come out of, where no lane's setting tells it; unset: cold",
        "the installer",
    )  # fmt: skip


def settings() -> Iterator[tuple[str, Any, Told]]:
    """Give each setting's name, default, and what there is to say of it."""
    for one in fields(Limits):
        yield one.name, one.default, one.metadata["told"]


RANGES: Final[dict[str, tuple[float, float]]] = {
    name: (told.low, told.high)
    for name, _, told in settings()
    if told.low is not None and told.high is not None
}
ORDERED: Final = (
    ("skin_centi_c_min", "cold_raw_centi_c"),
    ("cold_raw_centi_c", "fever_centi_c"),
    ("fever_centi_c", "skin_centi_c_max"),
    ("cold_ambient_centi_c", "hot_ambient_centi_c"),
    ("contact_centi_c_min", "contact_centi_c_max"),
    ("near_mm", "far_mm"),
    ("plateau_samples_min", "plateau_samples_max"),
    ("plateau_samples_min", "accepted_samples_min"),
    ("accepted_span_s_min", "window_s_max"),
)
"""The first of each pair is never above the second."""


def is_fever(centi_c: int, limits: Limits) -> bool:
    """Say whether a value stands at or above the threshold, by the sign that is set."""
    if limits.fever_sign == ">=":
        return centi_c >= limits.fever_centi_c
    return centi_c > limits.fever_centi_c
