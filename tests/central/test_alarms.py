"""The rules that keep many alarms from hiding one, and what makes a gate heard."""

import pytest

from central import alarms
from central.hearing import Hearing
from gateway.contract import Health, Held, Hello, Mark, Status

T0 = 1_581_400_800_000
STREAM = "5e" * 16


def silent(**since_s):
    return alarms.of_silence(
        {("c01", gate): T0 + int(at * 1000) for gate, at in since_s.items()}, 10
    )


def test_gates_that_fall_silent_together_are_one_alarm():
    found = silent(a=0, b=300, c=330, d=900)
    assert [(one.gate, one.alert, one.since_ms - T0) for one in found] == [
        ("a", "central-silent", 0),
        ("d", "central-silent", 900_000),
        ("central", "central-silent-together", 300_000),
    ]
    assert [one.what for one in silent(a=0, b=61)] == ["gate_silent"] * 2


@pytest.mark.parametrize(("expected", "wanted"), [(1, 2), (8, 2), (10, 2), (40, 8)])
def test_a_fifth_of_the_gates_and_two_at_least(expected, wanted):
    for many in range(1, wanted + 1):
        gates = {("c01", f"g{n}"): T0 for n in range(many)}
        together = [a for a in alarms.of_silence(gates, expected) if a.gate == "central"]
        assert len(together) == (many >= wanted)


def test_a_flood_of_alarms_is_said_and_hides_none():
    fresh = [alarms.of_condition("silent", "c01", f"g{n}", T0 + n) for n in range(11)]
    assert alarms.of_flood(fresh[:10], T0 + 100) == []
    (flood,) = alarms.of_flood(fresh, T0 + 100)
    assert (flood.what, flood.since_ms) == ("alarm_flood", T0 + 10)
    assert alarms.of_flood(fresh, T0 + alarms.FLOOD_MS) == []


def hello(*held, more=False):
    said = tuple(Held(stream=stream, first=1, last=last) for stream, last in held)
    return Hello(v=1, boot="b", held=said, more=more)


def health(waiting):
    return Health(v=1, boot="b", at_ms=T0, clock="ntp", version="1", waiting=waiting)


def test_what_the_broker_remembers_makes_no_gate_heard():
    hearing, place = Hearing(), ("c01", "east")
    birth = Status(v=1, online=True, boot="b", at_ms=T0, version="1")
    hearing.hello(place, hello())
    hearing.status(place, birth, 0.0, retained=True)
    hearing.health(place, health(0), 0.0, retained=True)
    assert not hearing.heard(place, 0.001, 150.0)
    hearing.health(place, health(0), 0.005, retained=False)
    assert hearing.heard(place, 0.006, 150.0)


def test_a_gate_is_heard_once_it_has_said_all_that_it_holds():
    """A restored ledger lacks what the centre before it had committed: nothing waits there."""
    hearing, place = Hearing(), ("c01", "east")
    hearing.health(place, health(0), 1.0, retained=False)
    hearing.spoke(place, 1.0)
    hearing.hello(place, hello((STREAM, 400), more=True))
    assert not hearing.heard(place, 1.0, 150.0)
    hearing.hello(place, hello(("a5" * 16, 7)))
    assert hearing.heard(place, 1.0, 150.0)
    assert hearing.of(place).waiting == 407


def test_what_waits_is_what_was_said_to_be_held_until_it_is_committed():
    hearing, place = Hearing(), ("c01", "east")
    hearing.hello(place, hello((STREAM, 90)))
    hearing.committed(place, [Mark(stream=STREAM, committed=40, safe=0)])
    assert hearing.of(place).waiting == 50
    hearing.health(place, health(7), 0.0, retained=False)
    assert hearing.of(place).waiting == 50
    hearing.committed(place, [Mark(stream=STREAM, committed=95, safe=0)])
    assert hearing.of(place).waiting == 7


def test_what_a_whole_hello_no_longer_names_is_held_no_more():
    """The card was replaced: what only the old one held will not come."""
    hearing, place = Hearing(), ("c01", "east")
    hearing.hello(place, hello((STREAM, 90)))
    hearing.committed(place, [Mark(stream=STREAM, committed=40, safe=0)])
    hearing.hello(place, hello(("a5" * 16, 7), more=True))
    assert hearing.of(place).waiting == 57
    hearing.hello(place, hello(("c3" * 16, 2)))
    assert hearing.of(place).waiting == 9
