"""Whose reading is it: the rules of passage.py, and the hard cases of a real gate."""

import pytest

from gateway import contract
from gateway.core import core, events
from gateway.core.passage import RESUME_WAIT_S
from tests.core.post import LIMITS, Post, foot_lane, in_lane, out_lane


def test_a_car_stops_is_measured_and_goes():
    post = Post(in_lane(opens_by_itself=True))
    post.arrive(1, "鲁MA1234")
    post.measure(3640)
    assert post.decision() == "admit"
    post.leave(1)
    assert post.readings() == [(1, 1, "NORMAL")]
    assert post.closed() == {1: "left"}
    assert post.pulses() == ["itself"]
    kinds = [type(e.body).__name__ for e in post.effects if isinstance(e, events.Record)]
    assert kinds == [
        "Opened", "PlateSeen", "ReadingTaken", "Decided", "BarrierPulsed", "Closed",
    ]  # fmt: skip


def test_driver_and_passenger_are_two_persons():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.measure(3655)
    assert post.readings() == [(1, 1, "NORMAL"), (1, 2, "NORMAL")]


def test_a_reading_before_arrival_is_nobodys():
    post = Post()
    post.see(1, zone=False)
    post.measure(3640)
    post.see(1, zone=True)
    assert post.readings() == [(None, 0, "NORMAL")]


def test_a_reading_that_began_before_the_stop_is_nobodys():
    post = Post()
    post.see(1, zone=False)
    post.show(3640, count=5)
    post.see(1, zone=True)
    post.show(3640, count=8)
    post.idle()
    assert post.readings() == [(None, 0, "NORMAL")]


def test_a_reading_after_leaving_is_nobodys():
    post = Post()
    post.arrive(1)
    post.show(3640, count=6)
    post.see(1, zone=False)
    post.show(3640, count=8)
    post.idle()
    assert post.readings() == [(None, 0, "NORMAL")]


def test_a_reading_that_ended_just_before_the_leaving_is_the_cars():
    post = Post()
    post.arrive(1)
    post.show(3640)
    post.gone(1)
    post.idle()
    assert post.readings() == [(1, 1, "NORMAL")]


def test_two_in_view_the_one_in_the_zone_owns_its_first():
    post = Post()
    post.arrive(1)
    post.see(2, zone=False)
    post.measure(3640)
    post.measure(3650)
    assert post.readings() == [(1, 1, "NORMAL"), (None, 0, "NORMAL")]


def test_the_guards_mark_tells_a_passenger_from_the_next_driver():
    post = Post()
    post.arrive(1)
    post.see(2, zone=False)
    post.measure(3640)
    post.do(events.PersonTouched("in1"))
    post.measure(3650)
    assert post.readings() == [(1, 1, "NORMAL"), (1, 2, "NORMAL")]


def test_a_mark_after_the_window_began_is_for_the_next():
    post = Post()
    post.arrive(1)
    post.see(2, zone=False)
    post.measure(3640)
    post.show(3650, count=5)
    post.do(events.PersonTouched("in1"))
    post.show(3650, count=9)
    post.idle()
    assert post.readings()[-1] == (None, 0, "NORMAL")
    post.measure(3650)
    assert post.readings()[-1] == (1, 2, "NORMAL")


def test_the_guard_who_walked_ahead_may_do_so_again():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(2, zone=False)
    post.measure(3650)
    post.leave(1)
    post.see(3, zone=False)
    post.see(2, zone=True)
    post.wait(1.0)
    post.measure(3660)
    assert post.readings()[1:] == [(None, 0, "NORMAL"), (None, 0, "NORMAL")]


def test_a_tap_takes_the_doubt_away():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(2, zone=False)
    post.measure(3650)
    post.do(events.ReadingAssigned(1, "in1"))
    post.leave(1)
    post.see(3, zone=False)
    post.see(2, zone=True)
    post.wait(1.0)
    post.measure(3660)
    assert post.readings()[2:] == [(1, 2, "NORMAL"), (2, 1, "NORMAL")]
    assert post.records(contract.ReadingTaken)[2].body.flags[-1] == "assigned"


@pytest.mark.parametrize("what", ["bicycle", "person"])
@pytest.mark.parametrize("zone", [True, False])
def test_somebody_beside_the_car_may_be_the_one(what, zone):
    post = Post()
    post.arrive(1)
    post.see(2, zone=False, what=what)
    if zone:
        post.see(2, zone=True, what=what)
    post.measure(3640)
    post.gone(2)
    post.measure(3650)
    assert post.readings() == [(None, 0, "NORMAL"), (1, 1, "NORMAL")]


def test_a_cyclist_who_waited_before_the_car_came_waits_on():
    post = Post()
    post.see(2, zone=False, what="bicycle")
    post.arrive(1)
    post.measure(3640)
    assert post.readings() == [(1, 1, "NORMAL")]


def test_one_who_was_beside_in_the_middle_of_a_window_spoils_it():
    post = Post()
    post.arrive(1)
    post.show(3640, count=5)
    post.see(2, zone=False, what="person")
    post.gone(2)
    post.show(3640, count=6)
    post.idle()
    assert post.readings() == [(None, 0, "NORMAL")]


def test_a_car_that_drove_off_unmeasured_may_be_the_late_one():
    post = Post()
    post.arrive(1)
    post.see(1, zone=False)
    post.arrive(2)
    post.measure(3640)
    assert post.readings() == [(None, 0, "NORMAL")]


def test_tailgating_is_two_passages():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.measure(3640)
    post.see(2, zone=True)
    post.measure(3650)
    post.see(1, zone=False)
    post.plate(2, "鲁MB5678")
    post.wait(0.5)
    post.measure(3660)
    post.gone(1)
    post.leave(2)
    assert post.readings() == [(1, 1, "NORMAL"), (None, 0, "NORMAL"), (2, 1, "NORMAL")]
    assert post.closed() == {1: "left", 2: "left"}
    texts = [(r.passage, r.sealed.text) for r in post.records(contract.PlateSeen)]
    assert texts == [(1, "鲁MA1234"), (2, "鲁MB5678")]


def test_a_plate_once_read_is_not_lost_by_a_later_look():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.plate(1, "", "unread", 30)
    post.plate(1, "鲁MA1230", "unsure", 60)
    post.plate(1, "鲁MA1234", "read", 99)
    post.leave(1)
    assert len(post.records(contract.PlateSeen)) == 1


def test_a_better_plate_is_written_down_again():
    post = Post()
    post.arrive(1)
    post.plate(1, "鲁MA1230", "unsure", 60)
    post.plate(1, "鲁MA1234", "read", 97)
    assert [b.status for b in post.bodies(contract.PlateSeen)] == ["unsure", "read"]


@pytest.mark.parametrize(
    ("what", "said", "status"),
    [("vehicle", None, "unread"), ("vehicle", "none", "none"), ("vehicle", "unread", "unread"),
     ("bicycle", None, "none")],
)  # fmt: skip
def test_no_plate_is_a_value(what, said, status):
    post = Post()
    post.see(1, zone=True, what=what)
    if said:
        post.plate(1, "", said, 50)
    post.leave(1)
    assert [b.status for b in post.bodies(contract.PlateSeen)] == [status]


def test_a_u_turn_is_counted_as_such():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(1, zone=False)
    post.wait(3.0)
    post.gone(1, turned=True)
    assert post.closed() == {1: "turned"}


def test_a_car_that_rolls_out_of_the_zone_and_back_is_the_same():
    post = Post()
    post.arrive(1)
    post.see(1, zone=False)
    post.wait(2.0)
    post.see(1, zone=True)
    post.wait(0.5)
    post.measure(3640)
    assert post.readings() == [(1, 1, "NORMAL")]
    assert len(post.bodies(contract.Opened)) == 1


def test_a_window_across_a_roll_out_is_nobodys():
    post = Post()
    post.arrive(1)
    post.show(3640, count=5)
    post.see(1, zone=False)
    post.see(1, zone=True)
    post.show(3640, count=6)
    post.idle()
    assert post.readings() == [(None, 0, "NORMAL")]


def test_two_in_one_breath_are_not_merged():
    post = Post()
    post.arrive(1)
    post.show(3640)
    post.idle(count=3)
    post.show(3655)
    post.idle()
    assert post.readings() == [(1, 1, "NORMAL"), (None, 0, "NORMAL")]


def test_a_failed_attempt_is_nobodys_and_must_be_made_good():
    post = Post()
    post.arrive(1)
    post.show(3640, count=3)
    post.idle()
    assert post.readings() == [(1, 0, "NO_READING")]
    assert post.decision() == "recheck"
    post.measure(3640)
    assert post.readings()[-1] == (1, 1, "NORMAL")
    assert post.decision() == "admit"


def test_a_cool_passenger_does_not_clear_a_hot_driver():
    post = Post(in_lane(heated_drivers=True))
    post.arrive(1)
    post.measure(3760)
    assert post.decision() == "recheck"
    post.measure(3620)
    assert post.decision() == "recheck"
    assert post.readings() == [(1, 1, "INVALID_HOT"), (1, 2, "NORMAL")]
    post.wait(301.0)
    post.do(events.AgainTouched("in1", 1))
    post.measure(3660)
    assert post.readings()[-1] == (1, 1, "NORMAL")
    assert post.decision() == "admit"


def test_next_closes_though_the_car_still_stands_there():
    post = Post()
    post.arrive(1)
    post.do(events.NextTouched("in1"))
    post.measure(3640)
    assert post.readings() == [(None, 0, "NORMAL")]
    post.leave(1)
    assert len(post.bodies(contract.Opened)) == 1
    post.arrive(2)
    assert len(post.bodies(contract.Opened)) == 2


# --- Without a camera -----------------------------------------------------------------------


def dark() -> Post:
    post = Post()
    post.do(events.DeviceStateChanged("c1", "lost", "unplugged"))
    return post


def test_a_dead_camera_leaves_the_window_as_witness():
    post = dark()
    post.measure(3640)
    post.wait(2.0)
    post.measure(3650)
    assert post.readings() == [(1, 1, "NORMAL"), (2, 1, "NORMAL")]
    opened = post.bodies(contract.Opened)
    assert [(b.traveller, b.witness) for b in opened] == [("unknown", "window")] * 2
    post.wait(60.0)
    assert post.closed() == {1: "next", 2: "timeout"}


def test_a_camera_that_dies_under_a_car_leaves_nobody_to_say_so():
    post = Post()
    post.arrive(1)
    post.do(events.DeviceStateChanged("c1", "silent"))
    post.measure(3640)
    assert post.readings() == [(None, 0, "NORMAL")]
    post.do(events.PersonTouched("in1"))
    post.measure(3640)
    assert post.readings()[-1] == (1, 1, "NORMAL")


def test_the_guards_arrival_owns_one_window():
    post = dark()
    post.do(events.ArrivalTouched("in1"))
    post.measure(3640)
    post.measure(3650)
    assert post.readings() == [(1, 1, "NORMAL"), (None, 0, "NORMAL")]
    post.do(events.ArrivalTouched("in1"))
    post.measure(3660)
    assert post.readings()[-1] == (2, 1, "NORMAL")
    assert post.closed() == {1: "left"}


def test_arrival_touched_twice_is_one_arrival():
    post = dark()
    post.do(events.ArrivalTouched("in1"))
    post.wait(5.0)
    post.do(events.ArrivalTouched("in1"))
    assert len(post.bodies(contract.Opened)) == 1


def test_opening_the_barrier_ends_what_nobody_sees_leaving():
    post = dark()
    post.do(events.ArrivalTouched("in1"))
    post.measure(3640)
    post.do(events.OpenTouched("in1"))
    post.wait(2.0)
    assert post.closed() == {1: "left"}


def test_a_loop_is_presence():
    post = Post(in_lane(cameras=()))
    post.do(events.PresenceChanged("in1", "loop", present=True))
    post.wait(1.0)
    post.measure(3640)
    post.measure(3650)
    post.do(events.PresenceChanged("in1", "loop", present=False))
    post.wait(2.0)
    post.measure(3660)
    assert post.readings() == [(1, 1, "NORMAL"), (1, 2, "NORMAL"), (None, 0, "NORMAL")]
    assert post.closed() == {1: "left"}


def test_a_loop_and_a_camera_are_one_car():
    post = Post()
    post.do(events.PresenceChanged("in1", "loop", present=True))
    post.wait(0.5)
    post.arrive(1, "鲁MA1234")
    post.measure(3640)
    post.gone(1)
    post.wait(5.0)
    assert post.passage() is not None, "the loop still feels it"
    post.do(events.PresenceChanged("in1", "loop", present=False))
    post.wait(2.0)
    assert post.closed() == {1: "left"}
    assert len(post.bodies(contract.Opened)) == 1


def test_a_camera_that_comes_back_knows_a_car_by_its_plate():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.do(events.DeviceStateChanged("c1", "lost", "unplugged"))
    post.wait(5.0)
    post.do(events.DeviceStateChanged("c1", "ok"))
    post.see(7, zone=True)
    post.plate(7, "鲁MA1234")
    post.wait(0.5)
    post.measure(3640)
    assert post.readings() == [(1, 1, "NORMAL")]


def test_a_camera_that_comes_back_to_another_plate_sees_another_car():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.do(events.DeviceStateChanged("c1", "lost", "unplugged"))
    post.do(events.DeviceStateChanged("c1", "ok"))
    post.see(7, zone=True)
    post.plate(7, "鲁MB5678")
    post.wait(0.5)
    post.measure(3640)
    assert post.closed() == {1: "interrupted"}
    assert post.readings() == [(2, 1, "NORMAL")]


def test_a_camera_that_comes_back_to_no_plate_sees_another_after_a_while():
    post = Post()
    post.arrive(1, "鲁MA1234")
    post.do(events.DeviceStateChanged("c1", "lost", "unplugged"))
    post.do(events.DeviceStateChanged("c1", "ok"))
    post.see(7, zone=True)
    post.wait(1.0)
    post.measure(3640)
    post.wait(RESUME_WAIT_S)
    post.measure(3650)
    assert post.readings() == [(None, 0, "NORMAL"), (2, 1, "NORMAL")]


def test_what_a_camera_finds_on_coming_back_may_be_the_guards_passage():
    """Its people were hot; the camera came back, and their car looked like another one."""
    post = Post(in_lane(heated_drivers=True))
    post.do(events.DeviceStateChanged("c1", "lost"))
    post.do(events.ArrivalTouched("in1"))
    post.measure(3760)
    post.wait(5.0)
    post.do(events.DeviceStateChanged("c1", "ok"))
    post.see(1, zone=True)
    post.measure(3640)
    assert post.closed() == {1: "left"}
    assert post.readings()[-1] == (2, 1, "NORMAL")
    assert post.decision() == "recheck"


def test_a_track_that_was_never_ended_blocks_no_lane():
    post = Post(out_lane())
    post.see(1, zone=True, lane="out1")
    for track in (2, 3):
        post.wait(20.0)
        post.see(track, zone=True, lane="out1")
        post.wait(5.0)
        post.see(track, zone=False, lane="out1")
        post.gone(track, lane="out1")
    assert len(post.bodies(contract.Opened)) == 3


# --- On foot, and shared --------------------------------------------------------------------


def test_on_foot_each_window_is_a_person():
    post = Post(foot_lane())
    post.measure(3640, "t2")
    post.measure(3650, "t2")
    assert post.readings() == [(1, 1, "NORMAL"), (2, 1, "NORMAL")]
    assert [b.traveller for b in post.bodies(contract.Opened)] == ["person", "person"]
    assert not post.bodies(contract.PlateSeen)


def test_on_foot_one_who_must_wait_does_so_aside():
    post = Post(foot_lane(place="outdoors", ambient_centi_c=-300, shelter_s=0.0))
    post.measure(3320, "t2")
    assert post.readings() == [(1, 1, "INVALID_COLD")]
    post.measure(3350, "t2")
    assert post.readings()[-1] == (2, 1, "INVALID_COLD")
    (waits,) = post.screen()["lanes"][0]["aside"]
    assert waits["key"] == 1
    post.wait(301.0)
    post.do(events.AgainTouched("foot1", 1, passage=1))
    post.measure(3590, "t2")
    assert post.readings()[-1] == (1, 1, "NORMAL")
    assert post.closed()[1] == "left"


def test_on_foot_one_who_was_sent_to_the_tent_is_not_forgotten():
    post = Post(foot_lane(place="outdoors", ambient_centi_c=-300))
    post.measure(3320, "t2")
    post.wait(300.0)
    assert post.closed() == {}
    assert post.screen()["lanes"][0]["state"] == "idle"
    post.do(events.AgainTouched("foot1", 1, passage=1))
    post.measure(3590, "t2")
    assert post.decision() is None
    assert post.closed() == {1: "left"}


def test_a_wave_on_foot_opens_nothing():
    post = Post(foot_lane())
    post.show(3640, "t2", count=3)
    post.idle("t2")
    assert not post.bodies(contract.Opened)
    assert post.readings() == [(None, 0, "NO_READING")]


def test_a_shared_thermometer_is_nobodys_while_two_may_own_it():
    post = Post(in_lane(), foot_lane(thermometers=("t1",)))
    post.measure(3640)
    assert post.readings() == [(1, 1, "NORMAL")], "nothing in the car lane: somebody on foot"
    post.arrive(1)
    post.measure(3650)
    assert post.readings()[-1] == (None, 0, "NORMAL")
    post.do(events.PersonTouched("in1"))
    post.measure(3655)
    assert post.readings()[-1] == (2, 1, "NORMAL")


def test_a_shared_thermometer_is_nobodys_while_a_car_drives_aside():
    post = Post(in_lane(heated_drivers=True), foot_lane(thermometers=("t1",)))
    post.arrive(1)
    post.do(events.PersonTouched("in1"))
    post.measure(3760)
    post.do(events.AsideTouched("in1"))
    post.show(3640, count=5)
    post.gone(1)
    post.show(3640, count=8)
    post.idle()
    assert post.readings() == [(1, 1, "INVALID_HOT"), (None, 0, "NORMAL")]
    post.measure(3650)
    assert post.readings()[-1] == (2, 1, "NORMAL"), "and then somebody on foot"


def test_a_camera_that_said_nothing_yet_may_see_somebody_soon():
    post = Post()
    lanes = (in_lane(), foot_lane(thermometers=("t1",)))
    post.gate = core.begin(lanes, LIMITS)
    post.idle()
    assert post.screen()["status"]["devices"][1]["state"] == "silent"
    post.measure(3640)
    assert post.readings() == [(None, 0, "NORMAL")]


def test_a_thermometer_shared_by_two_watched_lanes():
    other = in_lane(name="in2", cameras=("c9",))
    post = Post(in_lane(), other)
    post.arrive(1)
    post.measure(3640)
    assert post.readings() == [(1, 1, "NORMAL")]
    post.do(events.VehicleSeen("c9", "in2", 5, True))
    post.wait(1.0)
    post.measure(3650)
    assert post.readings()[-1] == (None, 0, "NORMAL")
    assert post.screen()["unassigned"][0]["lane"] is None


def test_an_out_lane_takes_no_temperature_unless_set():
    post = Post(out_lane(opens_by_itself=True))
    post.see(1, zone=True, lane="out1")
    assert post.decision() == "admit"
    assert post.passage().reasons == ("temperature_not_taken",)
    assert post.pulses() == ["itself"]


def with_a_car_aside() -> Post:
    """Give a post at which a heated driver waits aside, and nobody stands."""
    post = Post(in_lane(heated_drivers=True))
    post.arrive(1)
    post.measure(3760)
    post.do(events.AsideTouched("in1"))
    post.leave(1)
    return post


def test_a_car_aside_is_measured_by_the_guards_word_alone():
    post = with_a_car_aside()
    post.arrive(2)
    post.measure(3640)
    post.wait(300.0)
    post.do(events.AgainTouched("in1", 1, passage=1))
    post.measure(3650)
    assert post.readings() == [(1, 1, "INVALID_HOT"), (2, 1, "NORMAL"), (1, 1, "NORMAL")]
    assert post.closed()[1] == "left"


def test_a_mark_for_somebody_aside_may_be_forgotten_when_another_car_comes():
    """World seed 78: he marked one aside, and then measured the next car's driver."""
    post = with_a_car_aside()
    post.wait(300.0)
    post.do(events.AgainTouched("in1", 1, passage=1))
    post.arrive(2)
    post.measure(3640)
    assert post.readings() == [(1, 1, "INVALID_HOT"), (None, 0, "NORMAL")]
    (loose,) = post.gate.desk.loose
    assert loose.why == "aside"
    post.do(events.AgainTouched("in1", 1, passage=1))
    post.measure(3650)
    assert post.readings()[-1] == (1, 1, "NORMAL"), "marked after it came: the guard's word"


def test_a_mark_does_not_outlive_a_dead_thermometer():
    """World seed 3100152: marked and measured in vain; then the gun they share took a walker's."""
    post = Post(in_lane(), foot_lane(thermometers=("t1",)))
    post.arrive(1)
    post.do(events.DeviceStateChanged("t1", "lost", "unplugged"))
    post.do(events.PersonTouched("in1"))
    post.do(events.ArrivalTouched("foot1", "person"))
    post.wait(3.0)
    post.do(events.DeviceStateChanged("t1", "ok"))
    post.measure(3650)
    assert post.readings() == [(None, 0, "NORMAL")]
    assert [loose.why for loose in post.gate.desk.loose] == ["shared"]


def test_a_mark_is_answered_by_a_typed_value_too():
    """The thermometer was dead when he marked; the next car's reading went to the one aside."""
    post = with_a_car_aside()
    post.do(events.AgainTouched("in1", 1, passage=1))
    post.do(events.TemperatureTyped("in1", 1, 3830, "contact", passage=1))
    post.arrive(2)
    post.measure(3640)
    assert post.readings()[-1][0] != 1


def test_a_mark_is_answered_by_a_reading_that_is_given():
    """He marked while the window was already open, and said then whose it was."""
    post = with_a_car_aside()
    post.show(3650, count=5)
    post.do(events.AgainTouched("in1", 1, passage=1))
    post.show(3650, count=8)
    post.idle()
    (loose,) = post.gate.desk.loose
    post.do(events.ReadingAssigned(loose.number, "in1", 1, passage=1))
    post.arrive(2)
    post.measure(3640)
    assert post.readings()[-1][0] != 1


# --- Law 4 under ambiguity ------------------------------------------------------------------


def test_a_hot_reading_that_may_be_the_cars_holds_it():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(2, zone=False)
    post.measure(3850)
    assert post.decision() == "recheck"
    assert post.passage().reasons == ("reading_unassigned",)
    assert post.screen()["lanes"][0]["passage"]["next"] == ["whose"]
    post.do(events.ReadingDismissed(1))
    assert post.decision() == "admit"


def test_a_hot_reading_of_one_who_waits_follows_it_to_the_line():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(2, zone=False)
    post.measure(3850)
    post.leave(1)
    post.see(2, zone=True)
    assert post.decision() == "recheck"
    post.do(events.ReadingAssigned(1, "in1"))
    assert post.readings()[-1] == (2, 1, "RECHECK")
    assert post.passage().reasons == ("near_threshold",)


def test_a_normal_reading_that_is_nobodys_holds_nothing():
    post = Post()
    post.arrive(1)
    post.measure(3640)
    post.see(2, zone=False)
    post.measure(3650)
    assert post.decision() == "admit"
