"""F1 to F13 of screening.md: what people and weather do, through the whole core.

Each is named by its number. Where a fault has two sides (a window and a passage), both are held.
"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import contract
from gateway.core import events
from gateway.core.instrument import UNCALIBRATED, Calibration, Instrument, estimate
from gateway.core.limits import Limits
from tests.core.post import Post, foot_lane, in_lane

COLD = {"place": "outdoors", "ambient_centi_c": -300}


def again(post: Post, centi_c: int, after_s: float) -> None:
    """Measure the same person once more, marked by the guard."""
    post.wait(after_s)
    post.do(events.AgainTouched("in1", 1))
    post.measure(centi_c)


def kept(post: Post) -> list[tuple[int, str, int | None]]:
    """Give attempt, result and sealed raw value of every reading that was written down."""
    return [
        (record.body.attempt, record.body.result, record.sealed.raw_centi_c)
        for record in post.records(contract.ReadingTaken)
    ]


def test_f01_a_forehead_of_33_in_the_cold_is_never_normal():
    post = Post(in_lane(**COLD))
    post.arrive(1)
    post.measure(3320)
    assert post.readings() == [(1, 1, "INVALID_COLD")]
    assert post.decision() == "recheck"
    person = post.screen()["lanes"][0]["passage"]["persons"][0]
    assert (person["estimate_centi_c"], person["next"]) == (None, "shelter")
    assert person["wait_s"] == pytest.approx(300, abs=2)
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == []


@pytest.mark.parametrize("after_s", [60.0, 320.0])
def test_f02_37_7_and_later_34_2_is_inconclusive_however_far_apart(after_s):
    post = Post()
    post.arrive(1)
    post.measure(3770)
    again(post, 3420, after_s)
    assert [result for _, _, result in post.readings()] == ["RECHECK", "INCONCLUSIVE"]
    assert post.decision() == "recheck"
    assert [raw // 10 for _, _, raw in kept(post)] == [377, 342], "both are kept"
    person = post.screen()["lanes"][0]["passage"]["persons"][0]
    shown = [*person["earlier_centi_c"], person["estimate_centi_c"]]
    assert [centi_c // 10 for centi_c in shown] == [377, 342], "and both are shown"


@pytest.mark.parametrize("place", ["outdoors", "shelter", "indoors"])
def test_f03_a_heated_hall_does_not_warm_a_forehead_at_once(place):
    post = Post(in_lane(place=place, ambient_centi_c=None, opens_by_itself=True))
    post.arrive(1)
    post.measure(3510)
    assert post.readings() == [(1, 1, "INVALID_COLD")]
    assert post.pulses() == []


def test_f03_a_fever_in_the_cold_is_sheltered_and_then_suspected():
    post = Post(in_lane(**COLD))
    post.arrive(1)
    post.measure(3510)
    assert post.readings()[-1] == (1, 1, "INVALID_COLD")
    again(post, 3760, 300.0)
    again(post, 3765, 6.0)
    assert [result for _, _, result in post.readings()] == [
        "INVALID_COLD", "RECHECK", "SUSPECT_FEVER",
    ]  # fmt: skip
    assert post.decision() == "refer"


def test_f04_a_heated_driver_waits_and_is_normal_then_and_both_are_kept():
    post = Post(in_lane(heated_drivers=True))
    post.arrive(1)
    post.measure(3800)
    assert post.decision() == "recheck"
    assert post.screen()["lanes"][0]["passage"]["next"] == ["wait"]
    again(post, 3660, 300.0)
    assert post.decision() == "admit"
    assert [(attempt, raw // 10) for attempt, _, raw in kept(post)] == [(1, 380), (2, 366)]


def test_f05_sun_on_the_sensor_is_warming_and_no_decision():
    post = Post()
    post.arrive(1)
    for second in range(120):
        post.wait(0.9)
        post.sample("t1", 1800 + second % 3, die=1900 + round(second * 800 / 120))
    assert "warming" in post.screen()["status"]["banners"]
    for n in range(14):
        post.sample("t1", 3640 + (-3, 0, 3)[n % 3], die=2700)
    post.idle("t1", 6)
    record = post.records(contract.ReadingTaken)[-1]
    assert {"warming", "drifting"} <= set(record.body.flags)
    assert record.body.result == "SENSOR_FAULT"
    assert post.decision() != "admit"


def test_f04_the_sun_heats_a_face_as_a_heater_does():
    post = Post(foot_lane(sunlit=True, cameras=("c1",)))
    post.do(events.VehicleSeen("c1", "foot1", 1, True, "person"))
    post.wait(1.0)
    post.measure(3790, "t2")
    assert [result for _, _, result in post.readings()] == ["INVALID_HOT"]
    assert post.screen()["lanes"][0]["passage"]["next"] == ["wait"]
    post.wait(300.0)
    post.do(events.AgainTouched("foot1", 1))
    post.measure(3660, "t2")
    assert post.decision() == "admit"


@given(
    offset=st.integers(-300, 300),
    slope=st.floats(-1, 1),
    ambient=st.integers(-1500, 3500),
    mm=st.none() | st.integers(10, 200),
)
def test_f06_from_30_to_42_the_estimate_rises_without_a_step_or_a_clamp(offset, slope, ambient, mm):
    tools = (UNCALIBRATED, Instrument(Calibration("x", offset, slope)))
    for tool in tools:
        sweep = [estimate(raw, ambient, mm, tool) for raw in range(3000, 4201)]
        assert [high - low for low, high in pairwise(sweep)] == [1] * 1200
        assert sweep == [estimate(raw, ambient, mm, tool) for raw in range(3000, 4201)]


def test_f07_a_spike_of_one_sample_is_not_the_reading():
    post = Post()
    post.arrive(1)
    for n in range(14):
        post.sample("t1", 4200 if n == 7 else 3640 + (-3, 0, 3)[n % 3], die=1900 + n % 2)
    post.idle("t1", 6)
    ((_, result, raw),) = kept(post)
    assert result == "NORMAL"
    assert raw == pytest.approx(3640, abs=5)


def test_f08_two_people_in_one_breath_are_flagged_and_not_merged():
    post = Post(foot_lane())
    post.measure(3640, "t2")
    post.wait(1.0)
    for centi_c, gap in ((3640, 2), (3790, 6)):
        post.show(centi_c, "t2")
        post.idle("t2", gap)
    flags = [record.body.flags for record in post.records(contract.ReadingTaken)]
    assert "close" not in flags[1]
    assert "close" in flags[2]
    assert [raw // 10 for _, _, raw in kept(post)] == [364, 364, 379], "three readings, not two"
    assert [one["why"] for one in post.screen()["unassigned"]] == ["close"]


def test_f09_a_hand_waved_is_no_reading():
    post = Post()
    post.arrive(1)
    post.show(3500, count=3)
    post.idle("t1", 6)
    assert post.readings() == [(1, 0, "NO_READING")]
    assert post.screen()["lanes"][0]["passage"]["persons"] == []
    assert post.decision() == "recheck"


def test_f10_passed_without_a_window_is_an_override_and_counted():
    post = Post()
    post.arrive(1)
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == [], "nobody is let through by a key alone"
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "in a hurry"))
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == ["guard"]
    record = post.records(contract.Decided)[-1]
    assert record.body.reasons == ("not_measured", "override")
    assert record.body.advice == "recheck", "central counts an override by its advice"
    assert (record.sealed.operator, record.sealed.reason) == ("Zhang", "in a hurry")


@pytest.mark.parametrize(("what", "centi_c"), [("a coffee cup", 6000), ("a car's bonnet", 4500)])
def test_f11_a_cup_and_a_bonnet_are_not_skin(what, centi_c):
    post = Post()
    post.arrive(1)
    post.measure(centi_c)
    assert post.readings() == [(1, 0, "NOT_SKIN")], what
    assert post.screen()["lanes"][0]["passage"]["next"] == ["aim"]
    assert post.decision() == "recheck"


def test_f12_a_hats_edge_is_unstable_and_repeated():
    post = Post()
    post.arrive(1)
    for n in range(14):
        post.sample("t1", 3300 + 27 * n, die=1900 + n % 2)  # A median deviation of 0.9.
    post.idle("t1", 6)
    assert post.readings() == [(1, 1, "UNSTABLE")]
    assert post.screen()["lanes"][0]["passage"]["next"] == ["steady"]
    again(post, 3640, 5.0)
    assert post.decision() == "admit"


def test_f13_a_line_that_does_not_move_for_fifty_samples_is_a_fault():
    post = Post()
    post.arrive(1)
    for _ in range(50):
        post.sample("t1", 3650)
    assert post.readings()[-1] == (1, 1, "SENSOR_FAULT")
    assert post.decision() == "recheck"
    assert post.screen()["lanes"][0]["passage"]["next"] == ["hand"]
    assert [alert["what"] for alert in post.screen()["alerts"]] == ["stuck_device"]


def test_f13_it_stays_one_after_it_has_become_the_background():
    post = Post()
    post.arrive(1)
    for _ in range(500):
        post.sample("t1", 3650)
    assert [alert["state"] for alert in post.screen()["alerts"]] == ["unack"]
    post.idle()
    assert [alert["state"] for alert in post.screen()["alerts"]] == ["rtnun"]


@pytest.mark.parametrize("reason", ["corrupt", "wrong_baud", "other_device"])
def test_what_a_faulty_device_says_is_never_normal(reason):
    post = Post(in_lane(opens_by_itself=True))
    post.arrive(1)
    post.do(events.DeviceStateChanged("t1", "faulty", reason))
    post.measure(3640)
    assert post.readings() == [(1, 1, "SENSOR_FAULT")]
    assert post.pulses() == []
    post.do(events.DeviceStateChanged("t1", "ok"))
    again(post, 3640, 5.0)
    assert post.decision() == "admit"


def test_f20_what_waited_while_the_process_was_away_is_worth_nothing():
    post = Post()
    post.arrive(1)
    before = post.gate
    for n in range(14):
        stale = events.SampleTaken("t1", 3640 + n % 3, 1900, post.now - 30.0 + n / 10)
        post.do(stale)
    assert post.gate == before
    assert post.now - before.meters[0].last_s > 0, "the next true sample begins afresh"
    assert Limits().sample_age_s_max < 30
