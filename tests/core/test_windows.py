"""Samples to windows: the fault tests of screening.md that fall here, by their numbers."""

import pytest

from gateway.core.events import SampleTaken
from gateway.core.limits import Limits
from gateway.core.windows import Meter, is_drifting, is_stuck, plateau, spread, take

LIMITS = Limits(warm_up_s=0.0)


class Line:
    """A thermometer's line, ten samples a second."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits, self.meter, self.now, self.windows = limits, Meter("t1"), 100.0, []

    def take(self, *values: int, die: int = 1900, mm: int | None = None, wiggle: bool = True):
        for n, value in enumerate(values):
            self.now += 0.1
            sample = SampleTaken("t1", value, die + (n % 2 if wiggle else 0), self.now, mm)
            self.meter, window = take(self.meter, sample, self.now, self.limits)
            self.windows += [window] if window else []
        return self

    def idle(self, count: int = 10):
        return self.take(*([1800, 1801, 1802] * count)[:count])


def good(centi_c: int = 3640, count: int = 14) -> list[int]:
    return [centi_c + (-3, 0, 3, 1, -1)[n % 5] for n in range(count)]


def test_a_window_is_one_reading():
    (window,) = Line().idle().take(*good()).idle().windows
    assert window.outcome == "ok"
    assert 3640 <= window.raw_centi_c <= 3643
    assert window.agreeing == 5
    assert window.ended_s - window.began_s == pytest.approx(1.3)


def test_f7_one_sample_spike_changes_nothing():
    values = good(3640, 16)
    values[8] = 4200
    (window,) = Line().idle().take(*values).idle().windows
    assert window.outcome == "ok"
    assert 3640 <= window.raw_centi_c <= 3643
    assert window.rejected == 2, "the spike, and the fall after it"


def test_f9_a_hand_waved_is_no_reading():
    (window,) = Line().idle().take(3500, 3505, 3502).idle().windows
    assert window.outcome == "NO_READING"
    assert window.raw_centi_c is None


def test_two_samples_are_nobody():
    assert not Line().idle().take(3500, 3505).idle().windows


def test_f11_a_cup_is_a_window_too():
    (window,) = Line().idle().take(*good(6000)).idle().windows
    assert window.raw_centi_c > 5900


def test_f12_a_hats_edge_is_unstable():
    values = [3300 + 27 * n for n in range(14)]
    (window,) = Line().idle().take(*values).idle().windows
    assert window.outcome == "UNSTABLE"
    assert window.mad_centi_c >= 80


def test_f12_two_levels_without_a_plateau_of_their_own():
    values = [3640 if n % 2 else 3560 for n in range(14)]
    (window,) = Line().idle().take(*values).idle().windows
    assert window.outcome == "UNSTABLE"
    assert window.mad_centi_c > 30


def test_the_hottest_that_agree_are_the_reading_and_not_the_most():
    assert plateau((3815,) * 4 + (3640,) * 10, LIMITS) == (3815, 4)
    assert plateau((4200, *(3640,) * 10), LIMITS) == (3640, 5), "one alone is a spike"
    assert plateau((3710, 3690, 3680, 3600, 3600, 3600), LIMITS) == (3690, 3)
    assert plateau((3900, 3800, 3700, 3600), LIMITS) is None


def test_a_die_that_jumps_is_seen_in_the_same_window():
    line = Line().idle().take(*good(3640, 7)).take(*good(3640, 7), *[1800] * 5, die=3200)
    assert "drifting" in line.windows[0].flags


def test_f13_stuck_for_fifty_samples_is_a_fault():
    line = Line().idle().take(*[3650] * 60, wiggle=False)
    assert [w.outcome for w in line.windows] == ["ok", "SENSOR_FAULT"]
    assert line.windows[0].began_s == line.windows[1].began_s, "the second takes the first back"
    assert is_stuck(line.meter, LIMITS)
    assert not is_stuck(line.idle().meter, LIMITS), "a line that moves again is well"


def test_f13_a_flat_line_while_the_distance_changes_is_a_fault():
    line = Line().idle()
    for mm in (90, 80, 70, 60, 55, 50, 52, 55, 60, 65):
        line.take(3650, mm=mm, wiggle=False)
    (window,) = line.take(1800, 1800, 1800, mm=900).windows
    assert window.outcome == "SENSOR_FAULT"
    assert "stuck" in window.flags


@pytest.mark.parametrize("die", [-4100, 6100])
def test_a_die_that_no_sensor_works_at_is_a_fault(die):
    (window,) = Line().idle().take(*good(3640), *[1800] * 5, die=die).windows
    assert (window.outcome, window.raw_centi_c) == ("SENSOR_FAULT", None)
    assert "die" in window.flags


def test_f20_a_sample_that_waited_is_worth_nothing():
    line = Line().idle()
    stale = SampleTaken("t1", 3650, 1900, line.now - 30.0)
    assert take(line.meter, stale, line.now, LIMITS) == (line.meter, None)


def test_f20_a_window_does_not_reach_across_a_pause():
    line = Line().idle().take(*good(3640, 8))
    line.now += 30.0
    line.take(*good(3700, 8)).idle()
    first, second = line.windows
    assert first.ended_s < second.began_s - 29
    assert first.raw_centi_c < 3650 < second.raw_centi_c


def test_f8_two_people_in_one_breath_are_flagged_and_never_merged():
    line = Line().idle().take(*good(3640)).take(1800, 1801).take(*good(3720)).idle()
    first, second = line.windows
    assert "close" not in first.flags
    assert "close" in second.flags
    assert first.raw_centi_c < 3650
    assert second.raw_centi_c > 3700


def test_half_a_second_between_two_is_enough():
    line = Line().idle().take(*good()).idle(6).take(*good()).idle()
    assert [w.flags for w in line.windows] == [(), ()]


def test_a_window_ends_after_three_seconds_and_waits_for_absence():
    line = Line().idle().take(*good(count=50)).idle()
    (window,) = line.windows
    assert window.ended_s - window.began_s == pytest.approx(3.0, abs=0.11)


def test_one_missing_sample_does_not_end_a_window():
    line = Line().idle().take(*good(count=6)).take(1800).take(*good(count=6)).idle()
    assert len(line.windows) == 1


def test_f5_sun_on_the_sensor_is_drifting():
    line = Line()
    for k in range(130):
        line.now += 0.9
        line.take(*[1800], die=1000 + round(k * 800 / 130))
    assert is_drifting(line.meter, LIMITS)
    (window,) = line.take(*good(), die=1800).idle().windows[-1:]
    assert "drifting" in window.flags


def test_a_steady_die_is_not_drifting():
    line = Line()
    for _ in range(130):
        line.now += 0.9
        line.take(1800)
    assert not is_drifting(line.meter, LIMITS)


def test_warming_is_flagged_for_ten_minutes():
    line = Line(Limits())
    (early,) = line.idle().take(*good()).idle().windows
    assert "warming" in early.flags
    line.now += 700.0
    assert "warming" not in line.idle().take(*good()).idle().windows[-1].flags


def test_the_background_follows_the_day():
    line = Line().idle()
    for degrees in range(1800, 3000, 10):
        line.take(degrees, degrees, degrees)
    assert not line.windows, "a wall that warms up slowly is nobody"
    (window,) = line.take(*good(3640)).take(*[3000] * 5).windows
    assert window.outcome == "ok"


def test_somebody_before_the_sensor_at_its_first_sample_is_seen():
    line = Line().take(*good(), die=1900).idle()
    assert [w.outcome for w in line.windows] == ["ok"]


def test_a_wall_in_the_sun_becomes_background():
    line = Line().idle()
    for n in range(400):
        line.take(2600 + n % 7)
    line.windows.clear()
    (window,) = line.take(*good(3640)).take(*[2600] * 5).windows
    assert window.raw_centi_c > 3600


def test_distance_decides_when_there_is_a_sensor():
    line = Line().idle()
    line.take(*good(), mm=400)
    assert not line.windows
    (window,) = line.take(*good(), mm=60).take(*good(count=3), mm=400).windows
    assert window.distance_mm == 60


def test_a_jump_of_the_distance_is_rejected():
    line = Line().take(*good(count=8), mm=50).take(*good(count=8), mm=120)
    (window,) = line.take(1800, 1800, mm=400).windows
    assert window.rejected == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((3600, 3610, 3620, 3625, 3630), (3620, 5)),
        ((4200, 3600, 3610, 3620, 3625, 3630), (3620, 5)),
        ((3500, 3600, 3610, 3620, 3700), (3610, 3)),
        ((3000, 3100, 3200, 3300), None),
    ],
)
def test_the_plateau_is_the_hottest_few_that_agree(values, expected):
    assert plateau(values, LIMITS) == expected


def test_spread_is_the_median_deviation():
    assert spread((3600, 3610, 3620, 3630, 9999)) == 10


def test_nothing_of_a_temperature_is_in_a_repr():
    line = Line().idle().take(*good(3677, 8))
    shown = repr(line.meter) + repr(SampleTaken("t1", 3677, 1900, 1.0))
    assert "36" not in shown
    assert "36" not in repr(line.idle().windows).replace("1.3", "")
