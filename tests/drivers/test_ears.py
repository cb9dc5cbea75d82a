"""What values become: presence with its threshold, one pass while it is held."""

import pytest

from drivers.distance import Range
from drivers.reader import Scan
from gateway.core.events import PassPresented, PresenceChanged
from gateway.devices.ears import HELD_MAX, DistanceEar, ReaderEar


def felt(ear: DistanceEar, *ranges_mm: int, began_s: float = 0.0) -> list[tuple[float, bool]]:
    """Hear a range each tenth of a second; give when what was said."""
    said = []
    for tenth, range_mm in enumerate(ranges_mm):
        at_s = began_s + tenth / 10
        said += [(at_s, event.present) for event in ear.hear(Range(range_mm), at_s)]
    return said


@pytest.mark.parametrize(
    ("ranges_mm", "said"),
    [
        ([2000] * 6, [(0.3, False)]),
        ([900] * 6, [(0.3, True)]),
        ([1400] * 20, []),
        ([2000] * 5 + [900] * 6, [(0.3, False), (0.8, True)]),
        ([2000] * 5 + [1100] * 9 + [1400] * 9, [(0.3, False)]),
        ([2000] * 5 + [1000] * 5 + [1400] * 9, [(0.3, False), (0.8, True)]),
        ([900] * 5 + [1500] * 9, [(0.3, True), (0.8, False)]),
        ([900] * 5 + [2000] * 3 + [900] * 9, [(0.3, True)]),
        ([900] * 5 + [2000, 1200] * 9, [(0.3, True)]),
    ],
    ids=["free", "taken", "between says nothing", "arrives", "not near enough", "near stays",
         "leaves", "a gap is no leaving", "between begins anew"],
)  # fmt: skip
def test_presence_by_threshold_and_hysteresis(ranges_mm, said):
    ear = DistanceEar(("in1",), near_mm=1000, far_mm=1500, settle_s=0.3)
    assert felt(ear, *ranges_mm) == [(pytest.approx(at_s), present) for at_s, present in said]


def test_a_sensor_of_two_lanes_speaks_of_both():
    ear = DistanceEar(("in1", "in2"), 1000, 1500, 0.0)
    assert ear.hear(Range(500), 0.0) == (
        PresenceChanged("in1", "distance", present=True),
        PresenceChanged("in2", "distance", present=True),
    )


def test_after_a_lost_line_presence_is_said_anew():
    ear = DistanceEar(("in1",), 1000, 1500, 0.0)
    assert felt(ear, 500) == [(0.0, True)]
    ear.forget()
    assert felt(ear, 500, began_s=9.0) == [(9.0, True)]


TAG = Scan("tag", "62E3086CED")


def passes(ear: ReaderEar, *held: tuple[float, Scan]) -> list[float]:
    return [at_s for at_s, scan in held for _ in ear.hear(scan, at_s)]


def test_a_card_held_for_ten_seconds_is_one():
    """F37: the reader sends it ten times a second."""
    ear = ReaderEar("q1", "in1", again_s=5.0)
    assert passes(ear, *((tenth / 10, TAG) for tenth in range(101))) == [0.0]
    assert passes(ear, (14.9, TAG)) == []
    assert passes(ear, (20.0, TAG)) == [20.0]


def test_two_cards_at_once_are_two_and_no_pass_is_none():
    ear = ReaderEar("q1", "in1", again_s=5.0)
    other = Scan("tag", "4500C5D1E9")
    held = [(tenth / 10, (TAG, other)[tenth % 2]) for tenth in range(100)]
    assert passes(ear, *held) == [0.0, 0.1]
    assert passes(ear, (10.0, Scan("tag"))) == []


def test_a_pass_becomes_an_event_and_is_not_kept():
    ear = ReaderEar("q1", "in1", again_s=5.0)
    card = Scan("id_card", "002X", "张三")
    assert ear.hear(card, 0.0) == (PassPresented("in1", "q1", "id_card", "002X", "张三"),)
    assert "002X" not in repr(ear) + repr(card) + repr(ear.hear(TAG, 0.0))
    for number in range(100):
        ear.hear(Scan("tag", f"{number:010d}"), 1.0)
    assert len(ear._held) == HELD_MAX
