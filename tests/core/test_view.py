"""What the guard's page gets: the agreed shape, honest gaps, nothing that lingers."""

import json

from gateway import contract
from gateway.core import events
from gateway.core.decision import NEXT, REASONS
from gateway.core.limits import Limits
from tests.core.post import Post, foot_lane, in_lane, out_lane
from tests.core.test_deciding import fever

PLATE = {"status", "text", "confidence_pct", "candidates", "plate_kind", "crop"}
PERSON = {
    "person", "result", "estimate_centi_c", "raw_centi_c", "attempts", "earlier_centi_c", "marked",
    "wait_s", "next",
}  # fmt: skip


def test_an_idle_gate():
    post = Post(in_lane(), out_lane(), foot_lane())
    shown = json.loads(json.dumps(post.screen()))
    assert [lane["state"] for lane in shown["lanes"]] == ["idle"] * 3
    assert shown["lanes"][0]["passage"] is None
    assert shown["status"]["today"] == {"in": 0, "out": 0, "foot": 0, "refer": 0, "passes": 0}
    ages = {device["device"]: device["age_s"] for device in shown["status"]["devices"]}
    assert ages["c1"] is None, "no picture's age is known here, and none is made up"


def test_a_passage_from_waiting_to_decided():
    post = Post()
    post.arrive(1)
    (lane,) = post.screen()["lanes"]
    shown = lane["passage"]
    assert lane["state"] == "occupied"
    assert shown["decision"] == "waiting"
    assert shown["next"] == ["measure"]
    assert shown["plate"]["status"] == "waiting"
    assert shown["plate"].keys() == PLATE
    post.plate(1, "鲁MA1234")
    post.show(3640, count=6)
    assert post.screen()["lanes"][0]["passage"]["measuring"]
    post.show(3640, count=6)
    post.idle()
    shown = post.screen()["lanes"][0]["passage"]
    (person,) = shown["persons"]
    assert person.keys() == PERSON
    assert (person["result"], person["next"], person["wait_s"]) == ("NORMAL", "none", 0.0)
    assert person["estimate_centi_c"] == person["raw_centi_c"] >= 3640
    assert shown["can_open"]
    assert not shown["measuring"]


def test_waiting_counts_down_and_a_mark_shows():
    post = Post(in_lane(heated_drivers=True))
    post.arrive(1)
    post.measure(3760)
    (person,) = post.screen()["lanes"][0]["passage"]["persons"]
    assert person["next"] == "wait"
    assert 295 < person["wait_s"] < 300
    post.wait(400.0)
    post.do(events.AgainTouched("in1", 1))
    (person,) = post.screen()["lanes"][0]["passage"]["persons"]
    assert person["marked"]
    assert person["wait_s"] == 0.0


def test_the_last_outcome_leaves_the_screen():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.leave(1)
    (lane,) = post.screen()["lanes"]
    assert lane["last"]["decision"] == "admit"
    post.wait(21.0)
    (lane,) = post.screen()["lanes"]
    assert lane["last"] is None
    assert lane["passage"] is None


def test_an_unassigned_reading_is_shown_and_goes():
    post = Post()
    post.measure(3640)
    (loose,) = post.screen()["unassigned"]
    assert (loose["reading"], loose["lane"], loose["result"]) == (1, "in1", "NORMAL")
    post.wait(130.0)
    assert post.screen()["unassigned"] == []


def test_nothing_is_shown_as_recorded_while_entries_wait():
    post = Post()
    post.arrive(1)
    assert post.screen()["lanes"][0]["passage"]["recorded"]
    post.do(events.RecordingChanged(2))
    assert not post.screen()["lanes"][0]["passage"]["recorded"]
    assert post.screen()["status"]["not_recorded"] == 2


def test_banners():
    post = Post(in_lane(place="outdoors", ambient_centi_c=None), limits=Limits(), calibrated=False)
    assert post.screen()["status"]["banners"] == ["uncalibrated", "warming", "cold"]
    post = Post(in_lane(place="outdoors"), limits=Limits(), calibrated=False)
    post.wait(700.0)
    assert post.screen()["status"]["banners"] == ["uncalibrated"]
    assert Post().screen()["status"]["banners"] == []
    assert Post(out_lane()).screen()["status"]["banners"] == []


def test_todays_tally():
    post = Post(in_lane(), out_lane(), foot_lane())
    post.do(events.DayBegan(events.Tally(10, 20, 30, 1, 4)))
    fever(post)
    post.do(events.VehicleSeen("c2", "out1", 9, True))
    post.measure(3640, "t2")
    assert post.screen()["status"]["today"] == {
        "in": 11,
        "out": 21,
        "foot": 31,
        "refer": 2,
        "passes": 4,
    }
    post.do(events.TemperatureTyped("in1", 1, 3650, "contact"))
    assert post.screen()["status"]["today"]["refer"] == 1
    post.do(events.DayBegan())
    assert post.screen()["status"]["today"] == {
        "in": 0,
        "out": 0,
        "foot": 0,
        "refer": 0,
        "passes": 0,
    }


def test_every_code_is_in_the_lists():
    post = Post()
    fever(post)
    shown = post.screen()["lanes"][0]["passage"]
    assert set(shown["reasons"]) <= set(REASONS)
    assert set(shown["next"]) <= set(NEXT)
    assert len(set(NEXT)) == len(NEXT)
    assert len(set(REASONS)) == len(REASONS)


def test_nothing_personal_is_in_a_repr():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.measure(3677)
    fever(post)
    post.do(events.PlateTyped("in1", "鲁MA9999"))
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "guaranteed"))
    shown = repr(post.gate) + repr(post.effects)
    shown += repr(events.TemperatureTyped("in1", 1, 3677, "contact"))
    shown += repr(events.OverrideTouched("in1", "admit", "Zhang", "guaranteed"))
    for secret in ("MA1234", "MA9999", "Zhang", "guaranteed", "=3677", "=3678", "=3680", "=3805"):
        assert secret not in shown, secret


def test_temperatures_and_plates_are_sealed():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.measure(3677)
    for record in (r for r in post.effects if isinstance(r, events.Record)):
        body = contract.encode(record.body).decode()
        assert "MA1234" not in body
        assert "36" not in body
    sealed = post.records(contract.ReadingTaken)[0].sealed
    assert sealed.raw_centi_c >= 3677
    assert sealed.ambient_centi_c == 1800
