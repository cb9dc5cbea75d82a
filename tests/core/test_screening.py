"""From a window to a result, and what several readings of one person come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.instrument import UNCALIBRATED, Calibration, Instrument, estimate
from gateway.core.limits import Limits, settings
from gateway.core.screening import (
    Attempt,
    Conditions,
    Window,
    judge,
    next_step,
    site_uncertainty,
    standard_uncertainty,
    verdict,
    wait_until_s,
)  # fmt: skip

LIMITS = Limits()
GOOD = Instrument(Calibration("test-1"))
WARM = Conditions(place="indoors", ambient_centi_c=2000)
COLD = Conditions(place="outdoors", ambient_centi_c=-300)
CAR = Conditions(place="indoors", ambient_centi_c=2000, heated=True)
WRIST = Conditions("outdoors", 0.0, -300, site="wrist", typed=True)
NECK = Conditions("outdoors", 0.0, -300, site="neck", typed=True)
CONTACT = Conditions(place="indoors", ambient_centi_c=2000, site="contact", typed=True)


def window(raw: int | None, outcome: str = "ok", mad: int = 3, flags=()) -> Window:
    return Window("t1", 0.0, 1.0, outcome, raw, mad, 5, 14, 0, None, flags)


@pytest.mark.parametrize(
    ("what", "raw", "conditions", "result"),
    [
        ("F1: -3 C, raw 33.2", 3320, COLD, "INVALID_COLD"),
        ("F3: feverish in the cold", 3510, COLD, "INVALID_COLD"),
        ("F11: a cup", 6000, WARM, "NOT_SKIN"),
        ("F11: a bonnet", 4500, WARM, "NOT_SKIN"),
        ("a wall", 2499, WARM, "NOT_SKIN"),
        ("a cold forehead on a warm day", 3399, WARM, "INVALID_COLD"),
        ("just warm enough", 3400, WARM, "NORMAL"),
        ("normal", 3640, WARM, "NORMAL"),
        ("near the limit by its uncertainty", 3701, WARM, "RECHECK"),
        ("at the limit", 3730, WARM, "RECHECK"),
        ("high", 3900, WARM, "RECHECK"),
        ("too hot a day", 3640, Conditions(ambient_centi_c=3600), "INVALID_HOT"),
        ("a heated driver", 3705, CAR, "INVALID_HOT"),
        ("a driver, normal", 3640, CAR, "NORMAL"),
        ("five minutes in the tent", 3600, Conditions("shelter", 300.0, -300), "NORMAL"),
        ("the same, and near", 3660, Conditions("shelter", 300.0, -300), "RECHECK"),
        ("one minute in the tent", 3600, Conditions("shelter", 60.0, -300), "INVALID_COLD"),
        ("nobody knows the air", 3640, Conditions("outdoors"), "INVALID_COLD"),
        ("nobody knows the air, indoors", 3640, Conditions("indoors"), "INVALID_COLD"),
        ("colder than the calibration", 3640, Conditions("shelter", 999.0, -2100), "INVALID_COLD"),
        ("a wrist under a sleeve", 3560, WRIST, "NORMAL"),
        ("a feverish wrist, 0.79 C below the body", 3660, WRIST, "RECHECK"),
        ("a neck under a scarf", 3640, NECK, "NORMAL"),
        ("a neck as cold as the street", 3390, NECK, "INVALID_COLD"),
        ("contact, fever", 3730, CONTACT, "FEVER_CONFIRMED"),
        ("contact, none", 3729, CONTACT, "CLEARED"),
        ("contact, a slip", 370, CONTACT, "NOT_SKIN"),
        ("contact, a slip upwards", 4400, CONTACT, "NOT_SKIN"),
        ("contact, not under the arm", 3390, CONTACT, "INVALID_COLD"),
    ],
)
def test_judging_one_window(what, raw, conditions, result):
    assert judge(window(raw), conditions, LIMITS).result == result, what


@pytest.mark.parametrize("outcome", ["NO_READING", "UNSTABLE", "SENSOR_FAULT"])
def test_what_a_window_could_not_tell_is_said(outcome):
    reading = judge(window(None, outcome), WARM, LIMITS)
    assert reading.result == outcome
    assert reading.estimate_centi_c is None


def test_f5_a_drifting_die_is_no_decision():
    assert judge(window(3640, flags=("drifting",)), WARM, LIMITS).result == "SENSOR_FAULT"


@pytest.mark.parametrize(
    ("instrument", "flags"),
    [
        (GOOD, ()),
        (UNCALIBRATED, ("uncalibrated",)),
        (Instrument(Calibration("old"), expired=True), ("calibration_expired",)),
        (Instrument(vendor_compensated=True), ("vendor_compensated", "uncalibrated")),
        # NIM: the check says nothing of a module with its own idea of a body.
        (
            Instrument(Calibration("x", offset_centi_c=90), vendor_compensated=True),
            ("vendor_compensated", "uncalibrated"),
        ),
    ],
)
def test_a_doubtful_instrument_is_said_and_may_be_refused(instrument, flags):
    reading = judge(window(3640), WARM, LIMITS, instrument)
    assert reading.flags == flags
    assert reading.estimate_centi_c == 3640
    strict = judge(window(3640), WARM, Limits(calibration_strict=True), instrument)
    assert strict.result == ("SENSOR_FAULT" if flags else "NORMAL")


def test_what_the_guard_types_needs_no_calibration_of_ours():
    typed = Conditions(place="indoors", ambient_centi_c=2000, typed=True)
    strict = Limits(calibration_strict=True)
    assert judge(window(3640), typed, strict, UNCALIBRATED).result == "NORMAL"


@pytest.mark.parametrize(
    ("ambient", "mm", "result"),
    [
        (2000, 60, "NORMAL"), (999, 60, "INVALID_COLD"), (3001, 60, "INVALID_HOT"),
        (2000, 29, "NOT_SKIN"), (2000, 91, "NOT_SKIN"),
    ],
)  # fmt: skip
def test_outside_the_box_of_the_calibration_there_is_no_estimate(ambient, mm, result):
    box = Instrument(
        Calibration(
            "box", box_ambient_centi_c_min=1000, box_ambient_centi_c_max=3000,
            box_distance_mm_min=30, box_distance_mm_max=90,
        )
    )  # fmt: skip
    seen = Window("t1", 0.0, 1.0, "ok", 3640, 3, 5, 14, 0, mm)
    reading = judge(seen, Conditions("indoors", 0.0, ambient), LIMITS, box)
    assert reading.result == result
    assert (reading.estimate_centi_c is None) == (result != "NORMAL")


def test_the_sign_of_the_threshold_is_a_setting():
    above = Limits(fever_sign=">")
    said = [judge(window(3730), CONTACT, one).result for one in (LIMITS, above)]
    assert said == ["FEVER_CONFIRMED", "CLEARED"]
    assert judge(window(3731), CONTACT, above).result == "FEVER_CONFIRMED"
    at_it = [(0, 3730, "RECHECK"), (6, 3730, "RECHECK")]
    assert [follow(*at_it, limits=one)[-1] for one in (LIMITS, above)] == [
        "SUSPECT_FEVER", "RECHECK",
    ]  # fmt: skip


def test_every_setting_says_what_it_is_and_where_it_is_from():
    for name, default, told in settings():
        assert told.what, name
        assert told.source, name
        assert told.low is None or default is None or told.low <= default <= told.high, name


@given(
    raw=st.integers(2500, 4299),
    ambient=st.none() | st.integers(-2500, 4500),
    sheltered_s=st.floats(0, 4000),
    place=st.sampled_from(["outdoors", "shelter", "indoors"]),
    offset=st.integers(-100, 100),
    slope=st.floats(-0.1, 0.1),
)
def test_f6_the_estimate_rises_with_the_raw_value(raw, ambient, sheltered_s, place, offset, slope):
    tool = Instrument(Calibration("x", offset_centi_c=offset, ambient_coefficient=slope))
    low, high = (estimate(value, ambient, None, tool) for value in (raw, raw + 1))
    if isinstance(low, int):
        assert high == low + 1
    else:
        assert high == low
    conditions = Conditions(place, sheltered_s, ambient)
    once, twice = (judge(window(raw), conditions, LIMITS, tool) for _ in range(2))
    assert once == twice
    if once.result == "NORMAL":
        assert once.estimate_centi_c < LIMITS.fever_centi_c - LIMITS.guard_band_centi_c


def test_f6_a_sweep_has_no_step():
    values = [estimate(raw, 2000, None, UNCALIBRATED) for raw in range(3000, 4200)]
    assert values == list(range(3000, 4200))


@given(st.floats(0, 10_000), st.floats(0, 10_000))
def test_shelter_never_makes_it_much_worse(one, other):
    early, late = sorted((one, other))
    assert site_uncertainty(late, True, LIMITS) <= site_uncertainty(early, True, LIMITS) + 4
    assert site_uncertainty(early, False, LIMITS) == 24


def test_uncertainty_at_the_points_that_were_measured():
    seen = [site_uncertainty(s, True, LIMITS) for s in (0, 60, 180, 300, 3600)]
    assert seen == [145, 149, 110, 79, 24]
    assert standard_uncertainty(window(3640, mad=0), WARM, LIMITS) == 29


# --- Several readings of one person ---------------------------------------------------------


def follow(
    *readings: tuple[float, int | None, str], settled: bool = True, limits=LIMITS
) -> list[str]:
    """Follow a person's readings; give the verdict after each."""
    before, earlier, said = None, (), []
    for at_s, value, result in readings:
        contact = result in ("FEVER_CONFIRMED", "CLEARED")
        attempt = Attempt(result, at_s, value, settled and not contact, contact)
        before = verdict(before, earlier, attempt, limits)
        earlier = (*earlier, attempt)
        said.append(before)
    return said


@pytest.mark.parametrize(
    ("what", "readings", "said"),
    [
        (
            "F2: 37.7 and a minute later 34.2",
            [(0, 3770, "RECHECK"), (60, 3420, "NORMAL")],
            ["RECHECK", "INCONCLUSIVE"],
        ),
        (
            "F4: a heater, and five minutes later",
            [(0, 3800, "INVALID_HOT"), (300, 3660, "NORMAL")],
            ["INVALID_HOT", "NORMAL"],
        ),
        (
            "F3: cold, sheltered, then twice hot",
            [(0, None, "INVALID_COLD"), (300, 3750, "RECHECK"), (310, 3755, "RECHECK")],
            ["INVALID_COLD", "RECHECK", "SUSPECT_FEVER"],
        ),
        (
            "twice hot in shelter",
            [(0, 3750, "RECHECK"), (6, 3740, "RECHECK")],
            ["RECHECK", "SUSPECT_FEVER"],
        ),
        (
            "the probe was never away",
            [(0, 3750, "RECHECK"), (3, 3740, "RECHECK"), (4, 3690, "NORMAL")],
            ["RECHECK", "RECHECK", "RECHECK"],
        ),
        (
            "near, then a little lower",
            [(0, 3705, "RECHECK"), (6, 3680, "NORMAL")],
            ["RECHECK", "NORMAL"],
        ),
        (
            "a third settles two that differ, when none was a fever's",
            [(0, 3705, "RECHECK"), (6, 3640, "NORMAL"), (12, 3642, "NORMAL")],
            ["RECHECK", "INCONCLUSIVE", "NORMAL"],
        ),
        (
            "and never when one was",
            [(0, 3790, "RECHECK"), (6, 3640, "NORMAL"), (12, 3642, "NORMAL")],
            ["RECHECK", "INCONCLUSIVE", "INCONCLUSIVE"],
        ),
        (
            "an attempt that failed improves nothing",
            [(0, 3750, "RECHECK"), (6, None, "NO_READING"), (8, 3690, "NORMAL")],
            ["RECHECK", "NO_READING", "INCONCLUSIVE"],
        ),
        (
            "a suspicion stays until a contact thermometer",
            [(0, 3750, "RECHECK"), (6, 3760, "RECHECK"), (400, 3640, "NORMAL"),
             (500, 3690, "CLEARED")],
            ["RECHECK", "SUSPECT_FEVER", "SUSPECT_FEVER", "CLEARED"],
        ),
        (
            "a confirmed fever stays",
            [(0, 3800, "FEVER_CONFIRMED"), (60, 3650, "CLEARED"), (400, 3640, "NORMAL")],
            ["FEVER_CONFIRMED"] * 3,
        ),
        (
            "cleared, then a fever after all",
            [(0, 3650, "CLEARED"), (60, 3850, "FEVER_CONFIRMED")],
            ["CLEARED", "FEVER_CONFIRMED"],
        ),
        (
            "normal, and hot when looked at again",
            [(0, 3650, "NORMAL"), (60, 3790, "RECHECK")],
            ["NORMAL", "INCONCLUSIVE"],
        ),
    ],
)  # fmt: skip
def test_what_readings_of_one_person_come_to(what, readings, said):
    assert follow(*readings) == said, what


def test_outdoors_two_hot_readings_must_be_five_minutes_apart():
    hot = [(0, 3750, "RECHECK"), (60, 3750, "RECHECK")]
    assert follow(*hot, settled=False) == ["RECHECK", "RECHECK"]
    assert follow(*hot, (301, 3750, "RECHECK"), settled=False)[-1] == "SUSPECT_FEVER"


def test_what_a_restart_forgot_is_not_overwritten_by_one_reading():
    first = Attempt("NORMAL", 0.0, 3640, settled=True)
    said = verdict("RECHECK", (), first, LIMITS)
    assert said == "INCONCLUSIVE"
    assert verdict(said, (first,), Attempt("NORMAL", 6.0, 3645, settled=True), LIMITS) == "NORMAL"
    hot = Attempt("RECHECK", 0.0, 3790, settled=True)
    assert verdict("RECHECK", (), hot, LIMITS) == "RECHECK"
    again = Attempt("RECHECK", 6.0, 3795, settled=True)
    assert verdict("RECHECK", (hot,), again, LIMITS) == "SUSPECT_FEVER"


VALUES = st.lists(st.tuples(st.floats(0.1, 400), st.integers(3400, 4200)), min_size=1, max_size=8)


@given(VALUES, st.booleans())
def test_nobody_hot_a_moment_ago_is_normal_now(steps, settled):
    """Law 4: within the waiting time a fever's reading is never undone by lower ones."""
    now, before, earlier, last_hot = 0.0, None, (), None
    for wait_s, value in steps:
        now += wait_s
        reading = judge(window(value), WARM, LIMITS)
        attempt = Attempt(reading.result, now, reading.estimate_centi_c, settled)
        before = verdict(before, earlier, attempt, LIMITS)
        earlier = (*earlier, attempt)
        if value >= LIMITS.fever_centi_c:
            last_hot = now, value
        recent = last_hot is not None and now - last_hot[0] < LIMITS.recheck_wait_s
        if recent and before == "NORMAL":
            assert last_hot[1] - value <= LIMITS.disagreement_centi_c


@pytest.mark.parametrize(
    ("result", "attempts", "step"),
    [
        ("NORMAL", 1, "none"), ("CLEARED", 4, "none"), ("RECHECK", 1, "again"),
        ("RECHECK", 3, "contact"), ("INVALID_COLD", 1, "shelter"), ("INVALID_COLD", 3, "contact"),
        ("INVALID_HOT", 1, "wait"), ("INCONCLUSIVE", 2, "again"), ("INCONCLUSIVE", 3, "contact"),
        ("UNSTABLE", 1, "steady"), ("NO_READING", 1, "aim"), ("NOT_SKIN", 1, "aim"),
        ("SENSOR_FAULT", 1, "hand"), ("SUSPECT_FEVER", 2, "contact"),
        ("FEVER_CONFIRMED", 3, "handover"),
    ],
)  # fmt: skip
def test_what_to_do_next(result, attempts, step):
    assert next_step(result, attempts, LIMITS) == step


def test_how_long_to_wait():
    assert wait_until_s("INVALID_COLD", 50.0, 10.0, LIMITS) == 310.0
    assert wait_until_s("RECHECK", 50.0, 10.0, LIMITS) == 55.0
    assert wait_until_s("UNSTABLE", 50.0, 10.0, LIMITS) == 50.0
