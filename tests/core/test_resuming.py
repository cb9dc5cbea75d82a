"""A restart in the middle of a passage: the same plate goes on, anything else is closed."""

import pytest

from gateway import contract
from gateway.core import events
from gateway.core.passage import RESUME_WAIT_S
from tests.core.post import Post, foot_lane, in_lane


def plate(text: str = "鲁MA1234") -> events.PlateRead:
    return events.PlateRead("c1", "in1", 1, "read", text, 97)


def unfinished(key: int = 5, **fields) -> events.Unfinished:
    known = {
        "passage": key, "lane": "in1", "traveller": "vehicle", "witness": "track", "away_s": 4.0,
        "revision": 1, "results": ("RECHECK",), "attempts": (1,), "plate": plate(),
    }  # fmt: skip
    return events.Unfinished(**(known | fields))


def back(*rest: events.Unfinished, lanes=()) -> Post:
    post = Post(*lanes)
    post.do(events.Resumed(rest or (unfinished(),)))
    return post


def test_the_same_plate_goes_on():
    post = back()
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    post.wait(1.0)
    for _ in range(2):  # The first reading's value is gone, so that two must agree.
        post.do(events.AgainTouched("in1", 1))
        post.measure(3640)
        post.wait(5.0)
    post.leave(1)
    assert post.readings() == [(5, 1, "INCONCLUSIVE"), (5, 1, "NORMAL")]
    assert post.closed() == {5: "left"}
    assert not post.bodies(contract.Opened)
    assert [b.revision for b in post.bodies(contract.Decided)] == [2, 3]
    assert post.records(contract.ReadingTaken)[0].body.attempt == 2


def test_another_plate_is_another_vehicle():
    post = back()
    post.see(1, zone=True)
    post.plate(1, "鲁MB5678")
    assert post.closed() == {5: "interrupted"}
    assert [r.passage for r in post.records(contract.PlateSeen)] == [6]


def test_another_kind_of_traveller_is_another():
    post = back(unfinished(traveller="bicycle", plate=None))
    post.see(1, zone=True)
    assert post.closed() == {5: "interrupted"}
    assert [r.passage for r in post.records(contract.Opened)] == [6]


def test_what_nobody_can_tell_owns_nothing():
    post = back(unfinished(plate=None))
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    post.measure(3640)
    assert post.readings() == [(None, 0, "NORMAL")]
    assert not post.bodies(contract.PlateSeen), "the plate may be another vehicle's"
    assert post.screen()["lanes"][0]["passage"]["unsure"]
    post.wait(RESUME_WAIT_S)
    assert post.closed() == {5: "interrupted"}
    post.measure(3650)
    assert post.readings()[-1] == (6, 1, "NORMAL")


def test_a_touch_about_persons_is_about_who_stands_there():
    post = back()
    post.see(1, zone=True)
    post.do(events.PersonTouched("in1"))
    post.measure(3640)
    assert post.closed() == {5: "interrupted"}
    assert post.readings() == [(6, 1, "NORMAL")]


def test_nobody_at_the_line_is_closed_in_time():
    post = back()
    post.wait(RESUME_WAIT_S + 1)
    assert post.closed() == {5: "interrupted"}
    assert post.passage() is None


@pytest.mark.parametrize("away_s", [61.0, 1e9])
def test_too_long_away_is_closed_at_once(away_s):
    post = back(unfinished(away_s=away_s))
    assert post.closed() == {5: "interrupted"}


def test_where_the_clock_cannot_tell_the_plate_does():
    post = back(unfinished(away_s=-4698.8))
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    post.wait(1.0)
    post.measure(3640)
    assert post.readings() == [(5, 2, "NORMAL")]
    assert back(unfinished(away_s=-4698.8, plate=None)).closed() == {5: "interrupted"}


def hot_before(plate_after: str | None) -> Post:
    post = back(unfinished(results=("NORMAL", "INVALID_HOT"), attempts=(1, 1)))
    post.see(1, zone=True)
    if plate_after:
        post.plate(1, plate_after)
    else:
        post.wait(RESUME_WAIT_S)
    post.measure(3640)
    return post


def test_a_fever_that_may_be_this_vehicles_is_not_forgotten_by_a_restart():
    post = hot_before(None)
    assert post.decision() == "recheck"
    assert post.passage().reasons == ("open_before_restart",)
    assert post.screen()["lanes"][0]["passage"]["next"] == ["contact"]
    post.do(events.TemperatureTyped("in1", None, 3650, "contact"))
    assert post.decision() == "admit"


def test_nor_by_a_power_cut():
    post = back(unfinished(results=("INVALID_HOT",), away_s=1e9, plate=None))
    post.wait(2.0)
    post.see(1, zone=True)
    post.measure(3640)
    assert post.passage().reasons == ("open_before_restart",)
    post.do(events.OverrideTouched("in1", "admit", "Zhang", "measured before"))
    assert post.decision() == "admit"


def test_another_plate_inherits_nothing():
    assert hot_before("鲁MB5678").decision() == "admit"
    post = back(unfinished(results=("INVALID_HOT",), away_s=1e9))
    post.see(1, zone=True)
    assert post.decision() == "recheck"
    post.plate(1, "鲁MB5678")
    post.measure(3640)
    assert post.decision() == "admit"


def test_a_lane_without_a_camera_cannot_know():
    post = back(unfinished(lane="foot1", traveller="person", plate=None), lanes=(foot_lane(),))
    assert post.closed() == {5: "interrupted"}


def test_a_lane_that_is_no_more_is_closed_too():
    post = back(unfinished(lane="gone"))
    assert post.closed() == {5: "interrupted"}


def test_two_unfinished_of_one_lane():
    post = back(unfinished(5), unfinished(6, plate=None))
    assert post.closed() == {6: "interrupted"}
    assert post.passage().key == 5


def test_keys_do_not_clash():
    post = back()
    post.wait(RESUME_WAIT_S + 1)
    post.arrive(1)
    assert post.passage().key == 6


def test_it_opens_nothing_by_itself_after_a_restart():
    post = back(
        unfinished(results=("NORMAL",), decision="admit"), lanes=(in_lane(opens_by_itself=True),)
    )
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    post.measure(3640)
    assert post.decision() == "admit"
    assert post.pulses() == []


def test_an_override_is_remembered():
    post = back(unfinished(decision="admit", overridden=True))
    shown = post.screen()["lanes"][0]["passage"]
    assert shown["overridden"]
    assert shown["decision"] == "admit"
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    post.wait(1.0)
    post.measure(3640)
    assert post.decision() == "admit"


def test_a_suspicion_raises_its_alert_again():
    post = back(unfinished(results=("SUSPECT_FEVER",), decision="refer"))
    assert post.screen()["alerts"] == []
    post.see(1, zone=True)
    post.plate(1, "鲁MA1234")
    assert [a["what"] for a in post.screen()["alerts"]] == ["suspect_fever"]
    assert not post.bodies(contract.Decided), "nothing new was decided"


def test_the_same_word_twice_is_one():
    post = back()
    post.do(events.Resumed((unfinished(),)))
    assert post.closed() == {}
