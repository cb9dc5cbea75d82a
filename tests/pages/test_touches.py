"""The strict way in: what is a touch, and what is refused with which words."""

import msgspec
import pytest

from gateway.core import events
from gateway.touches import TOUCH_BYTES_MAX, TouchRefused, decode_touch

TAKEN = [
    ({"touch": "NextTouched", "lane": "in1"}, events.NextTouched("in1")),
    ({"touch": "NextTouched", "lane": "in1", "passage": 12}, events.NextTouched("in1", 12)),
    ({"touch": "ArrivalTouched", "lane": "in1", "traveller": "bicycle"},
     events.ArrivalTouched("in1", "bicycle")),
    ({"touch": "PersonTouched", "lane": "in1"}, events.PersonTouched("in1")),
    ({"touch": "AgainTouched", "lane": "in1", "person": 2}, events.AgainTouched("in1", 2)),
    ({"touch": "ReadingAssigned", "reading": 3, "lane": "in1", "person": None},
     events.ReadingAssigned(3, "in1", None)),
    ({"touch": "ReadingDismissed", "reading": 3}, events.ReadingDismissed(3)),
    ({"touch": "TemperatureTyped", "lane": "in1", "person": 1, "centi_c": 3740, "site": "contact"},
     events.TemperatureTyped("in1", 1, 3740, "contact")),
    ({"touch": "PlateTyped", "lane": "in1", "text": "鲁MA1234"},
     events.PlateTyped("in1", "鲁MA1234")),
    ({"touch": "PlateTyped", "lane": "in1", "text": ""}, events.PlateTyped("in1", "")),
    ({"touch": "OverrideTouched", "lane": "in1", "decision": "admit", "operator": "W 7",
      "reason": "急救"}, events.OverrideTouched("in1", "admit", "W 7", "急救")),
    ({"touch": "AsideTouched", "lane": "in1", "passage": 4}, events.AsideTouched("in1", 4)),
    ({"touch": "OpenTouched", "lane": "in1"}, events.OpenTouched("in1")),
    ({"touch": "EmergencyTouched", "lane": "in1"}, events.EmergencyTouched("in1")),
    ({"touch": "AlertAcknowledged", "alert": "t1-device-3", "by": "guard"},
     events.AlertAcknowledged("t1-device-3", "guard")),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "event"), TAKEN)
def test_a_touch_becomes_its_event(sent, event):
    assert decode_touch(msgspec.json.encode(sent), ["in1"]) == event


def test_every_touch_there_is_has_a_case():
    assert {type(event) for _, event in TAKEN} == set(events.TOUCHES)


TYPED = {"touch": "TemperatureTyped", "lane": "in1", "person": 1, "centi_c": 3740, "site": "neck"}
OVERRIDE = {
    "touch": "OverrideTouched", "lane": "in1", "decision": "admit", "operator": "W", "reason": "R",
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "no JSON"),
        (b"[" * 3000, "no JSON"),
        (b"[1]", "expected an object"),
        (b"{}", "None is none of"),
        ({"touch": 7}, "7 is none of"),
        ({"touch": "Woke"}, "'Woke' is none of"),
        ({"touch": "SampleTaken", "lane": "in1"}, "is none of"),
        ({"touch": "NextTouched"}, "missing required field `lane`"),
        ({"touch": "NextTouched", "lane": 1}, "Expected `str`"),
        ({"touch": "NextTouched", "lane": "in1", "now": 1}, "unknown field 'now'"),
        ({"touch": "NextTouched", "lane": "in9"}, "'in9' is none of in1"),
        ({"touch": "AgainTouched", "lane": "in1", "person": True}, "Expected `int`"),
        ({"touch": "AgainTouched", "lane": "in1", "person": 0}, "person 0 is not"),
        ({"touch": "AgainTouched", "lane": "in1", "person": 1.5}, "Expected `int`"),
        (TYPED | {"centi_c": 2999}, "2999 is not 3000 to 4500"),
        (TYPED | {"centi_c": 4501}, "4501 is not"),
        (TYPED | {"site": "ear"}, "Invalid enum value 'ear'"),
        ({"touch": "PlateTyped", "lane": "in1", "text": "A" * 11}, "at most 10"),
        ({"touch": "PlateTyped", "lane": "in1", "text": "鲁M<b>"}, "letters and digits only"),
        (OVERRIDE | {"operator": "  "}, "a name is needed"),
        (OVERRIDE | {"reason": "\t"}, "a reason is needed"),
        (OVERRIDE | {"operator": "W" * 65}, "the name has more"),
        (OVERRIDE | {"reason": "W" * 201}, "the reason has more"),
        (OVERRIDE | {"reason": "a\x1bb"}, "printable"),
        (OVERRIDE | {"decision": "open"}, "Invalid enum value 'open'"),
        ({"touch": "AlertAcknowledged", "alert": "x", "by": "central"}, "only the guard"),
        (b" " * (TOUCH_BYTES_MAX + 1), "at most 4096"),
    ],
)
def test_anything_else_is_refused_in_words(sent, said):
    payload = sent if isinstance(sent, bytes) else msgspec.json.encode(sent)
    with pytest.raises(TouchRefused, match=r"\w") as refused:
        decode_touch(payload, ["in1"])
    assert said in str(refused.value)
