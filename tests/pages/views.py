"""Views as the core's view gives them, built by hand: one telling state each."""

from copy import deepcopy
from typing import Any

NOW_MS = 1_581_400_800_000
"""2020-02-11 14:00 in Shanghai."""


def person(
    number: int = 1, result: str | None = "NORMAL", estimate: int | None = 3650, **other: Any
):
    return {
        "person": number,
        "result": result,
        "estimate_centi_c": estimate,
        "raw_centi_c": estimate,
        "attempts": 1,
        "earlier_centi_c": [],
        "marked": False,
        "wait_s": 0.0,
        "next": "none",
    } | other


def plate(status: str = "read", text: str = "鲁M7A258", **other: Any):
    return {
        "status": status,
        "text": text,
        "confidence_pct": 97,
        "candidates": [],
        "plate_kind": "blue",
        "crop": "/crop/12",
    } | other


def passage(decision: str = "admit", persons: list | None = None, **other: Any):
    return {
        "key": 12,
        "traveller": "vehicle",
        "since_s": 4.2,
        "recorded": True,
        "plate": plate(),
        "persons": [person()] if persons is None else persons,
        "measuring": False,
        "decision": decision,
        "reasons": [],
        "next": [],
        "overridden": False,
        "unsure": False,
        "failed": None,
        "can_open": decision == "admit",
    } | other


def lane(name: str = "in1", way: str = "in", now: dict | None = None, **other: Any):
    return {
        "lane": name,
        "way": way,
        "state": "idle" if now is None else "occupied",
        "others_in_view": 0,
        "passage": now,
        "aside": [],
        "last": None,
    } | other


def alert(name: str = "t1-device-3", what: str = "device_lost", priority: int = 2, **other: Any):
    return {
        "alert": name,
        "what": what,
        "priority": priority,
        "state": "unack",
        "since_s": 30.0,
        "lane": None,
        "device": "t1",
    } | other


def view(*lanes: dict, **other: Any) -> dict:
    status = {
        "link": "up",
        "waiting": 0,
        "oldest_s": 0.0,
        "clock": "ntp",
        "disk": "ok",
        "not_recorded": 0,
        "devices": [
            {"device": "t1", "kind": "thermometer", "state": "ok", "reason": "", "age_s": 0.1},
            {"device": "c1", "kind": "camera", "state": "ok", "reason": "", "age_s": 0.2},
        ],
        "banners": [],
        "today": {"in": 212, "out": 187, "foot": 64, "refer": 1},
    } | other.pop("status", {})
    return {
        "v": 1,
        "now_ms": NOW_MS,
        "compound": "c01",
        "gate": "east",
        "names": {"zh": "滨盛小区 东门", "en": "Binsheng, east gate"},
        "lanes": list(lanes) or [lane()],
        "unassigned": [],
        "alerts": [],
        "status": status,
    } | other


HIGH = person(1, "RECHECK", 3740, next="again")
FEVER = person(1, "SUSPECT_FEVER", 3790, attempts=2, next="contact")
COLD = person(1, "INVALID_COLD", None, raw_centi_c=3320, next="shelter", wait_s=184.0)
DIFFER = person(
    1, "INCONCLUSIVE", 3420, attempts=2, earlier_centi_c=[3770], next="again", wait_s=4.0
)
HEATED = person(1, "INVALID_HOT", 3800, next="wait", wait_s=287.0)
THIRD = person(
    1, "RECHECK", 3720, attempts=3, earlier_centi_c=[3715, 3710], next="contact", wait_s=0.0
)
UNSTEADY = person(1, "UNSTABLE", None, raw_centi_c=None, next="steady")
CONFIRMED = person(
    1, "FEVER_CONFIRMED", 3860, attempts=3, earlier_centi_c=[3790, 3800], next="handover"
)
CLEARED = person(1, "CLEARED", 3690, attempts=3, earlier_centi_c=[3790, 3785])
UNASSIGNED = {
    "reading": 3,
    "lane": "in1",
    "device": "t1",
    "result": "NORMAL",
    "estimate_centi_c": 3640,
    "ago_s": 5.0,
    "why": "others",
}
FEVER_ALERT = alert("in1-fever-12", "fever_confirmed", 1, since_s=8.0, lane="in1", device=None)
TROUBLE = {
    "link": "down",
    "waiting": 1240,
    "oldest_s": 7300.0,
    "clock": "unset",
    "disk": "low",
    "not_recorded": 3,
    "banners": ["uncalibrated", "cold", "warming"],
    "devices": [
        {
            "device": "t1",
            "kind": "thermometer",
            "state": "lost",
            "reason": "unplugged",
            "age_s": 30.0,
        },
        {"device": "c1", "kind": "camera", "state": "silent", "reason": "stalled", "age_s": 12.0},
    ],
}
FIVE_ALERTS = [
    FEVER_ALERT,
    alert("t1-device-3", "device_lost", 2),
    alert("c1-device-4", "device_silent", 3, device="c1", state="rtnun"),
    alert("clock-5", "clock_unset", 3, device=None, state="acked", since_s=4000.0),
    alert("disk-6", "disk_low", 3, device=None, since_s=90000.0),
]


def three(now: dict | None, out: dict | None = None, foot: dict | None = None) -> tuple[dict, ...]:
    """A gate with all its lanes."""
    return (lane("in1", "in", now), lane("out1", "out", out), lane("foot1", "foot", foot))


STATES: dict[str, dict] = {
    "idle": view(lane(last={"key": 11, "decision": "admit", "ago_s": 6.0})),
    "measuring": view(
        lane(
            now=passage(
                "waiting",
                [],
                measuring=True,
                next=["measure"],
                plate=plate("waiting", "", crop=None, confidence_pct=0),
            )
        )
    ),
    "admit": view(lane(now=passage(reasons=["normal"], next=[]))),
    "recheck": view(
        lane(now=passage("recheck", [HIGH, person(2)], reasons=["near_threshold"], next=["again"])),
        unassigned=[UNASSIGNED],
    ),
    "cold": view(
        *three(
            passage(
                "recheck",
                [COLD],
                reasons=["too_cold"],
                next=["shelter"],
                plate=plate(
                    "unsure", "鲁M7A258", candidates=["鲁M7A2S8", "鲁M7A253"], confidence_pct=61
                ),
            ),
            None,
            passage("admit", [person()], traveller="person", key=14, plate=None),
        ),
        status={"banners": ["cold", "uncalibrated"]},
    ),
    "refer": view(
        *three(
            passage(
                "refer",
                [
                    FEVER,
                    person(2, "NORMAL", 3660),
                    person(3, None, None),
                    person(4, "NORMAL", 3610),
                ],
                reasons=["fever_suspected", "pass_missing"],
                next=["isolate", "contact"],
            ),
            passage("admit", [], key=13),
        ),
        alerts=[FEVER_ALERT, alert()],
        unassigned=[UNASSIGNED],
    ),
    "trouble": view(
        lane(
            now=passage(
                "recheck",
                [person(1, "SENSOR_FAULT", None, next="hand")],
                recorded=False,
                reasons=["sensor_fault"],
                next=["hand"],
                plate=plate("unread", "", crop=None),
            )
        ),
        alerts=FIVE_ALERTS,
        status=TROUBLE,
    ),
    "third": view(
        lane(now=passage("recheck", [THIRD], reasons=["near_threshold"], next=["contact"]))
    ),
    "hot": view(lane(now=passage("recheck", [HEATED], reasons=["too_hot"], next=["wait"]))),
    "inconclusive": view(
        lane(now=passage("recheck", [DIFFER], reasons=["inconclusive"], next=["again"]))
    ),
    "unstable": view(
        lane(now=passage("recheck", [UNSTEADY], reasons=["unstable"], next=["steady"]))
    ),
    "not-skin": view(
        lane(now=passage("recheck", [], failed="NOT_SKIN", reasons=["not_skin"], next=["aim"]))
    ),
    "no-reading": view(
        lane(now=passage("recheck", [], failed="NO_READING", reasons=["no_reading"], next=["aim"]))
    ),
    "confirmed": view(
        lane(
            now=passage(
                "refer", [CONFIRMED], reasons=["fever_confirmed"], next=["isolate", "handover"]
            )
        ),
        alerts=[FEVER_ALERT],
    ),
    "cleared": view(
        lane(now=passage("admit", [CLEARED], reasons=["cleared"])),
        status={"banners": ["calibration_expired"]},
    ),
    "aside": view(
        lane(
            now=passage("waiting", [], next=["measure"], plate=plate(text="鲁E66D03", crop=None)),
            aside=[
                passage("recheck", [COLD], key=9, reasons=["too_cold"], next=["shelter"]),
                passage(
                    "refer",
                    [FEVER],
                    key=10,
                    reasons=["fever_suspected"],
                    next=["isolate", "contact"],
                ),
            ],
        )
    ),
    "bicycle": view(
        *three(
            None,
            passage("waiting", [], traveller="bicycle", key=15, plate=plate("none", "", crop=None)),
        )
    ),
}


def state(name: str) -> dict:
    """A copy that a test may change."""
    return deepcopy(STATES[name])
