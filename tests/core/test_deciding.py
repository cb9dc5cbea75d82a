"""The decision table, overrides, contact thermometers, the barrier."""

import pytest

from gateway import contract
from gateway.core import events
from gateway.core.decision import REASONS, TABLE, advise
from gateway.core.passage import Lane, Passage, Person
from tests.core.post import LIMITS, Post, in_lane

REFERRED = {"SUSPECT_FEVER", "FEVER_CONFIRMED"}
ADMITTED = {"NORMAL", "CLEARED"}


def of_results(*results: str) -> Passage:
    people = tuple(Person(n, r, (), 1, None) for n, r in enumerate(results, 1))
    return Passage(1, "vehicle", "track", 0.0, 0.0, 0.0, persons=people)


@pytest.mark.parametrize("result", contract.Result.__args__)
def test_every_result_has_its_decision(result):
    advice = advise(of_results(result), in_lane(), thermometers_alive=True)
    expected = "refer" if result in REFERRED else "admit" if result in ADMITTED else "recheck"
    assert advice.decision == expected
    assert advice.reasons
    assert set(advice.reasons) <= set(REASONS)


@pytest.mark.parametrize("worse", list(TABLE))
@pytest.mark.parametrize("better", list(TABLE))
def test_the_worst_person_decides(worse, better):
    weight = {"refer": 0, "recheck": 1, "admit": 2}
    alone = [
        advise(of_results(r), in_lane(), thermometers_alive=True).decision for r in (worse, better)
    ]
    both = advise(of_results(worse, better), in_lane(), thermometers_alive=True)
    assert both.decision == min(alone, key=lambda decision: weight[decision])
    if both.decision != "admit":
        assert not {"normal", "cleared"} & set(both.reasons)


def test_nothing_measured_is_no_decision():
    assert advise(of_results(), in_lane(), thermometers_alive=True).decision is None
    advice = advise(of_results(), in_lane(), thermometers_alive=False)
    assert (advice.decision, advice.reasons) == ("recheck", ("sensor_fault",))
    assert advise(of_results(), Lane("o", "out"), thermometers_alive=True).decision == "admit"


def fever(post: Post) -> None:
    """Let a car's driver be suspected."""
    post.arrive(1)
    post.measure(3800)
    post.wait(5.0)
    post.do(events.AgainTouched("in1", 1))
    post.measure(3805)


def test_a_suspicion_needs_two_and_is_referred():
    post = Post(in_lane(opens_by_itself=True))
    fever(post)
    assert post.readings() == [(1, 1, "RECHECK"), (1, 1, "SUSPECT_FEVER")]
    assert post.decision() == "refer"
    assert post.passage().reasons == ("fever_suspected",)
    assert post.screen()["lanes"][0]["passage"]["next"] == ["isolate", "contact"]
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == []


@pytest.mark.parametrize(
    ("centi_c", "result", "decision"),
    [(3850, "FEVER_CONFIRMED", "refer"), (3690, "CLEARED", "admit"), (369, "SUSPECT_FEVER", None)],
)
def test_the_contact_thermometer_has_the_last_word(centi_c, result, decision):
    post = Post()
    fever(post)
    post.do(events.TemperatureTyped("in1", 1, centi_c, "contact"))
    assert post.readings()[-1] == (1, 1, result)
    assert post.decision() == (decision or "refer")


def test_a_dead_thermometer_asks_for_the_hand():
    post = Post()
    post.do(events.DeviceStateChanged("t1", "lost", "unplugged"))
    post.arrive(1)
    assert post.decision() == "recheck"
    assert post.screen()["lanes"][0]["passage"]["next"] == ["hand"]
    post.do(events.TemperatureTyped("in1", None, 3650, "forehead"))
    assert post.decision() == "admit"
    record = post.records(contract.ReadingTaken)[-1]
    assert record.sealed.typed
    assert record.body.device == "typed"


def test_f13_a_line_that_turns_out_stuck_takes_its_reading_back():
    post = Post()
    post.arrive(1)
    for _ in range(60):
        post.sample("t1", 3650)
    assert post.readings() == [(1, 1, "NORMAL"), (1, 1, "SENSOR_FAULT")]
    assert post.decision() == "recheck"
    assert [a["what"] for a in post.screen()["alerts"]] == ["stuck_device"]
    post.idle()
    assert [a["state"] for a in post.screen()["alerts"]] == ["rtnun"]


def test_a_referral_can_be_overridden_with_name_and_reason():
    post = Post()
    fever(post)
    for operator, reason in (("", "guaranteed"), ("Zhang", " ")):
        post.do(events.OverrideTouched("in1", "admit", operator, reason))
        assert post.decision() == "refer"
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "guaranteed"))
    assert post.decision() == "admit"
    record = post.records(contract.Decided)[-1]
    assert record.body.advice == "refer"
    assert record.body.reasons == ("fever_suspected", "override")
    assert (record.sealed.operator, record.sealed.reason) == ("Zhang", "guaranteed")
    before = len(post.effects)
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "guaranteed"))
    assert len(post.effects) == before, "the same touch again does nothing"
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == ["guard"]


def test_an_override_does_not_cover_what_comes_after():
    post = Post()
    post.arrive(1)
    post.measure(3710)
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "known here"))
    assert post.decision() == "admit"
    post.measure(3640)
    assert post.decision() == "admit", "a normal passenger changes nothing"
    post.measure(3720)
    assert post.decision() == "recheck"
    assert post.records(contract.Decided)[-1].body.advice is None


def test_f10_passed_without_a_window_is_an_override():
    post = Post()
    post.arrive(1)
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == []
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "in a hurry"))
    record = post.records(contract.Decided)[-1]
    assert record.body.advice == "recheck"
    assert record.body.reasons == ("not_measured", "override")


def test_a_guard_may_refer_whom_the_table_admits_and_take_it_back():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.do(events.OverrideTouched("in1", "refer", "Zhang", "coughs"))
    assert post.decision() == "refer"
    assert post.passage().reasons
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "dust"))
    assert post.decision() == "admit"


def test_revisions_rise_by_one():
    post = Post()
    fever(post)
    post.measure(3650)
    post.do(events.TemperatureTyped("in1", 1, 3650, "contact"))
    revisions = [body.revision for body in post.bodies(contract.Decided)]
    assert revisions == list(range(1, len(revisions) + 1))


# --- The barrier ----------------------------------------------------------------------------


def test_what_is_recorded_stands_before_the_pulse():
    post = Post(in_lane(opens_by_itself=True))
    post.arrive(1)
    post.measure(3640)
    (at,) = [n for n, e in enumerate(post.effects) if isinstance(e, events.PulseBarrier)]
    before = [type(e.body).__name__ for e in post.effects[:at] if isinstance(e, events.Record)]
    assert before[-2:] == ["Decided", "BarrierPulsed"]
    assert not any(isinstance(e, events.Record) for e in post.effects[at + 1 :])


def test_it_opens_by_itself_once():
    post = Post(in_lane(opens_by_itself=True))
    post.arrive(1)
    post.measure(3640)
    post.measure(3650)
    assert post.pulses() == ["itself"]


@pytest.mark.parametrize(
    "trouble",
    [events.DiskChanged("unwritable"), events.DiskChanged("full"), events.RecordingChanged(3)],
)
def test_it_opens_nothing_by_itself_when_entries_do_not_reach_the_disk(trouble):
    post = Post(in_lane(opens_by_itself=True))
    post.do(trouble)
    post.arrive(1)
    post.measure(3640)
    assert post.decision() == "admit"
    assert post.pulses() == []
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == ["guard"]


def test_open_touched_twice_is_one_pulse():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.do(events.OpenTouched("in1"))
    post.wait(1.0)
    post.do(events.OpenTouched("in1"))
    assert post.pulses() == ["guard"]


def test_emergency_asks_nothing():
    post = Post()
    post.do(events.EmergencyTouched("in1"))
    fever(post)
    post.do(events.EmergencyTouched("in1"))
    assert post.pulses() == ["emergency", "emergency"]


# --- Late touches ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "touch",
    [
        events.NextTouched("in1", passage=1),
        events.PersonTouched("in1", passage=1),
        events.AgainTouched("in1", 1, passage=1),
        events.AgainTouched("in1", 7),
        events.ReadingAssigned(99, "in1"),
        events.ReadingDismissed(99),
        events.TemperatureTyped("in1", 1, 3650, "contact", passage=1),
        events.TemperatureTyped("in1", 9, 3650, "contact"),
        events.PlateTyped("in1", "鲁MA1234", passage=1),
        events.OverrideTouched("in1", "admit", "Zhang", "late", passage=1),
        events.AsideTouched("in1", passage=1),
        events.OpenTouched("in1", passage=1),
        events.AlertAcknowledged("nothing-1", "guard"),
        events.NextTouched("nowhere"),
        events.ArrivalTouched("nowhere"),
    ],
)
def test_a_touch_that_comes_late_does_nothing(touch):
    post = Post()
    post.arrive(1)
    post.leave(1)
    post.arrive(2)
    before, effects = post.gate, len(post.effects)
    post.do(touch)
    assert post.gate == before
    assert len(post.effects) == effects


def test_a_typed_value_for_a_car_that_left_opens_nothing():
    post = Post()
    post.do(events.TemperatureTyped("in1", None, 3650, "forehead"))
    assert post.effects == []


def test_the_guard_types_the_plate_and_that_is_final():
    post = Post()
    post.arrive(1)
    post.plate(1, "鲁MA1230", "unsure", 60)
    post.do(events.PlateTyped("in1", " 鲁ma 1234 "))
    post.plate(1, "鲁MA1230", "read", 99)
    texts = [(r.body.status, r.sealed.text) for r in post.records(contract.PlateSeen)]
    assert texts == [("unsure", "鲁MA1230"), ("typed", "鲁MA1234")]
    assert post.screen()["lanes"][0]["passage"]["plate"]["status"] == "typed"
    post.leave(1)
    assert len(post.records(contract.PlateSeen)) == 2


def test_limits_are_the_documents():
    assert (LIMITS.fever_centi_c, LIMITS.guard_band_centi_c) == (3730, 30)
    assert LIMITS.recheck_wait_s == LIMITS.shelter_wait_s == 300.0
