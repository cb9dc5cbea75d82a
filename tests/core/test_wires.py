"""What wired devices tell the core: distance sensors, pass readers, a hub that is gone."""

import pytest

from gateway import contract
from gateway.core import events
from tests.core.post import Post, foot_lane, in_lane


def felt_lane(**fields):
    """Give a car lane with a distance sensor and no camera."""
    return in_lane(cameras=(), distance="d1", **fields)


def feel(post: Post, present: bool, lane: str = "in1") -> None:
    post.do(events.PresenceChanged(lane, "distance", present=present))


def alerts(post: Post) -> list[tuple[str, str | None, str]]:
    """Give what each change of an alert says."""
    return [(body.what, body.device, body.state) for body in post.bodies(contract.AlertChanged)]


# --- A distance sensor -----------------------------------------------------------------------


def test_a_distance_sensor_is_a_witness():
    post = Post(felt_lane())
    feel(post, present=False)
    assert post.passage() is None
    feel(post, present=True)
    assert post.passage().witness == "distance"
    post.measure(3640)
    assert post.decision() == "admit"
    feel(post, present=False)
    post.wait(2.0)
    assert post.closed() == {1: "left"}


def test_a_reading_before_a_sensor_that_feels_nothing_is_nobodys():
    post = Post(felt_lane())
    feel(post, present=False)
    post.measure(3640)
    assert [(passage, person) for passage, person, _ in post.readings()] == [(None, 0)]


def test_a_lost_sensor_says_neither_yes_nor_no():
    """Its last word would hold a passage open for ever."""
    post = Post(felt_lane(passage_wait_s=30.0))
    post.do(events.DeviceStateChanged("d1", "ok"))
    feel(post, present=True)
    post.do(events.DeviceStateChanged("d1", "lost", "unplugged"))
    assert post.gate.lanes[0].loops == ()
    assert post.passage().blind
    post.measure(3640)
    assert post.readings()[0][0] is None, "it is not known who stands there"
    post.wait(40.0)
    assert post.closed() == {1: "timeout"}


@pytest.mark.parametrize(("again", "how"), [(True, "interrupted"), (False, "left")])
def test_a_sensor_that_comes_back_does_not_know_who_stands_there(again, how):
    post = Post(felt_lane())
    feel(post, present=True)
    post.do(events.DeviceStateChanged("d1", "lost", "unplugged"))
    post.wait(2.0)
    post.do(events.DeviceStateChanged("d1", "ok"))
    feel(post, present=again)
    post.measure(3800)
    assert all(passage is None for passage, *_ in post.readings())
    post.wait(12.0)
    assert post.closed()[1] == how
    assert (post.passage() is not None) == again


def test_without_its_sensor_a_lane_goes_by_its_windows():
    post = Post(felt_lane())
    post.do(events.DeviceStateChanged("d1", "lost", "missing"))
    post.measure(3640)
    assert post.passage().witness == "window"


# --- A hub -----------------------------------------------------------------------------------


def lose(post: Post, device: str, hub: str = "1-1") -> None:
    post.do(events.DeviceStateChanged(device, "lost", "hub", hub))


def test_f29_all_behind_one_hub_are_one_alert():
    """F29: the hub's power dips, and everything on it is gone at once."""
    post = Post(felt_lane(readers=("q1",), barrier="b1", thermometers=("t1", "t2")))
    for device in ("t1", "t2", "d1", "q1", "b1"):
        lose(post, device)
    assert alerts(post) == [("hub_lost", None, "unack")]
    states = {device["device"]: device["state"] for device in post.screen()["status"]["devices"]}
    assert states == dict.fromkeys(("t1", "t2", "d1", "q1", "b1"), "lost")
    for device in ("t1", "t2", "d1", "q1"):
        post.do(events.DeviceStateChanged(device, "ok"))
    assert alerts(post) == [("hub_lost", None, "unack")], "one is still missing"
    post.do(events.DeviceStateChanged("b1", "ok"))
    assert alerts(post)[1:] == [("hub_lost", None, "rtnun")]


def test_two_hubs_are_two_alerts_and_a_device_alone_is_its_own():
    post = Post(felt_lane(thermometers=("t1", "t2")))
    lose(post, "t1", "1-1")
    lose(post, "t2", "1-2")
    post.do(events.DeviceStateChanged("d1", "lost", "unplugged"))
    assert alerts(post) == [
        ("hub_lost", None, "unack"), ("hub_lost", None, "unack"), ("device_lost", "d1", "unack"),
    ]  # fmt: skip


def test_what_stays_away_when_the_hub_is_back_has_its_own_alert():
    post = Post(felt_lane(thermometers=("t1", "t2")))
    lose(post, "t1")
    lose(post, "t2")
    post.do(events.DeviceStateChanged("t1", "ok"))
    post.do(events.DeviceStateChanged("t2", "faulty", "wrong_baud"))
    assert alerts(post) == [
        ("hub_lost", None, "unack"), ("hub_lost", None, "rtnun"), ("device_faulty", "t2", "unack"),
    ]  # fmt: skip


def test_a_barrier_that_does_not_confirm_is_an_actuator_fault():
    post = Post(in_lane(barrier="b1"))
    post.do(events.DeviceStateChanged("b1", "faulty", "no_echo"))
    post.do(events.DeviceStateChanged("b1", "ok"))
    assert alerts(post) == [
        ("actuator_fault", "b1", "unack"), ("actuator_fault", "b1", "rtnun"),
    ]  # fmt: skip


# --- A pass ----------------------------------------------------------------------------------


def show_pass(post: Post, lane: str = "in1", device: str = "q1", text: str = "PASS-00017342"):
    return post.do(events.PassPresented(lane, device, "code", text))


def presented(post: Post, lane: int = 0) -> list[dict]:
    return post.screen()["lanes"][lane]["presented"]


def test_a_pass_is_written_down_sealed_shown_and_counted():
    post = Post(in_lane(readers=("q1",)))
    post.arrive(1, "鲁MA1234")
    (record,) = show_pass(post)
    assert record.body == contract.PassPresented(lane="in1", device="q1", medium="code")
    assert record.sealed == contract.SealedPass(text="PASS-00017342")
    assert record.passage == post.passage().key
    assert presented(post) == [{"medium": "code", "tail": "7342", "passage": 1, "ago_s": 0.0}]
    assert post.screen()["status"]["today"]["passes"] == 1
    assert post.decision() is None, "a pass alone decides nothing"
    assert "17342" not in repr(record) + repr(post.gate)
    post.wait(21.0)
    assert presented(post) == []


def test_a_pass_keeps_a_passage_that_nothing_else_holds():
    post = Post(foot_lane(readers=("q1",), passage_wait_s=30.0))
    post.do(events.ArrivalTouched("foot1", "person"))
    post.wait(20.0)
    show_pass(post, "foot1")
    post.wait(20.0)
    assert post.passage() is not None


def test_a_pass_of_which_it_is_not_plain_whose_it_is_stays_unpaired():
    post = Post(in_lane(readers=("q1",)))
    show_pass(post)
    post.arrive(1)
    post.see(2, zone=True)
    show_pass(post)
    post.see(2, zone=False)
    show_pass(post)
    post.see(1, zone=False)
    show_pass(post)
    found = [record.passage for record in post.records(contract.PassPresented)]
    assert found == [None, None, 1, None]


def test_a_pass_at_no_reader_of_the_lane_does_nothing_and_few_are_kept():
    post = Post(in_lane(readers=("q1",)), foot_lane())
    assert show_pass(post, "nowhere") == []
    assert show_pass(post, "foot1") == []
    for number in range(100):
        show_pass(post, text=f"PASS-{number:08d}")
    assert [one["tail"] for one in presented(post)] == ["0096", "0097", "0098", "0099"]
