"""Alerts by ISA-18.2: acknowledging does not clear, clearing does not acknowledge."""

import re

import pytest

from gateway import contract
from gateway.core import events
from gateway.core.alerts import ALERTS_MAX, Alert, acknowledge, clear_alert, raise_alert
from gateway.core.instrument import Calibration, Instrument
from tests.core.post import Post
from tests.core.test_deciding import fever

LOST = events.DeviceStateChanged("t1", "lost", "unplugged")
WELL = events.DeviceStateChanged("t1", "ok")


def states(post: Post) -> list[str]:
    return [body.state for body in post.bodies(contract.AlertChanged)]


def ack(post: Post, by: str = "guard") -> None:
    for alert in post.gate.desk.alerts:
        post.do(events.AlertAcknowledged(alert.alert, by))


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        ("raise ack clear", ["unack", "acked", "normal"]),
        ("raise clear ack", ["unack", "rtnun", "normal"]),
        ("raise clear raise ack clear", ["unack", "rtnun", "unack", "acked", "normal"]),
        ("raise ack ack raise clear clear ack", ["unack", "acked", "normal"]),
        ("ack clear raise", ["unack"]),
    ],
)
def test_each_change_is_an_entry(what, seen):
    post = Post()
    for word in what.split():
        if word == "ack":
            ack(post)
        else:
            post.do(LOST if word == "raise" else WELL)
    assert states(post) == seen
    assert len({body.alert for body in post.bodies(contract.AlertChanged)}) == 1


def test_a_new_occurrence_has_a_new_name():
    post = Post()
    for _ in range(2):
        post.do(LOST)
        ack(post, "central")
        post.do(WELL)
    names = [body.alert for body in post.bodies(contract.AlertChanged)]
    assert len(set(names)) == 2
    assert [b.by for b in post.bodies(contract.AlertChanged)] == [None, "central", None] * 2
    assert post.gate.desk.alerts == ()


def test_names_fit_the_contract():
    post = Post()
    post.do(LOST)
    fever(post)
    post.do(events.TemperatureTyped("in1", 1, 3900, "contact"))
    post.do(events.ClockChanged("unset"))
    post.do(events.DiskChanged("low"))
    post.do(events.DiskChanged("unwritable"))
    post.do(events.RecordingChanged(2))
    bodies = post.bodies(contract.AlertChanged)
    for body in bodies:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", body.alert)
        assert contract.encode(body)
    kinds = {(body.what, body.priority) for body in bodies}
    assert kinds == {
        ("device_lost", 2), ("fever_confirmed", 1), ("clock_unset", 3),
        ("disk_low", 3), ("disk_unwritable", 2), ("not_recorded", 1),
    }  # fmt: skip


def test_a_suspicion_calls_the_guard_and_leaves_the_gate_only_when_confirmed():
    post = Post()
    fever(post)
    (shown,) = post.screen()["alerts"]
    assert (shown["what"], shown["priority"]) == ("suspect_fever", 2)
    assert post.bodies(contract.AlertChanged) == [], "nothing unconfirmed goes out"
    ack(post)
    assert post.bodies(contract.AlertChanged) == []
    post.do(events.TemperatureTyped("in1", 1, 3900, "contact"))
    (told,) = post.bodies(contract.AlertChanged)
    assert (told.what, told.state) == ("fever_confirmed", "unack")


def test_a_confirmed_fever_stays_until_seen_though_the_car_left():
    post = Post()
    fever(post)
    post.do(events.TemperatureTyped("in1", 1, 3900, "contact"))
    post.leave(1)
    shown = {a["what"]: a["state"] for a in post.screen()["alerts"]}
    assert shown == {"suspect_fever": "rtnun", "fever_confirmed": "rtnun"}
    ack(post)
    assert post.screen()["alerts"] == []


def test_an_expired_calibration_is_told_and_goes_with_a_new_one():
    post = Post()
    old, new = (Instrument(Calibration(name), expired=name == "old") for name in ("old", "new"))
    post.do(events.InstrumentTold("t1", old))
    post.do(events.InstrumentTold("t1", old))
    assert [(a["what"], a["priority"]) for a in post.screen()["alerts"]] == [
        ("calibration_expired", 3)
    ]
    assert "calibration_expired" in post.screen()["status"]["banners"]
    post.do(events.InstrumentTold("t1", new))
    assert states(post)[-1] == "rtnun"


def test_a_dead_camera_is_less_than_a_dead_thermometer():
    post = Post()
    post.do(events.DeviceStateChanged("c1", "faulty", "no_picture"))
    post.do(LOST)
    assert [a["priority"] for a in post.screen()["alerts"]] == [2, 3], "the worse first"


def test_clearing_the_disk_clears():
    post = Post()
    post.do(events.DiskChanged("full"))
    post.do(events.DiskChanged("ok"))
    assert states(post) == ["unack", "rtnun"]


def test_the_list_is_bounded_by_closing_what_returned():
    alerts, records = [], []
    for n in range(ALERTS_MAX + 10):
        fresh = Alert(f"a-{n}", f"cause-{n}", "device_lost", 2, "unack", float(n))
        records += raise_alert(alerts, fresh)
        records += clear_alert(alerts, f"cause-{n}")
    assert len(alerts) == ALERTS_MAX
    closed = [r.body for r in records if r.body.by == "bound"]
    assert [body.alert for body in closed] == [f"a-{n}" for n in range(10)]
    assert acknowledge(alerts, "a-0", "guard") == []
