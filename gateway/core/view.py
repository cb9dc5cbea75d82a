"""What the guard's page shows, drawn from the gate alone; words come from the page's own table.

Law: nothing is shown that is not so. A value that nobody has is null and never zero; an old
reading leaves the screen after `LAST_S`; what the shell alone knows (link counts, names, ages) is
the shell's to add. Pure.
"""

from typing import Any, Final, TypeAlias

from gateway.core.decision import next_codes
from gateway.core.limits import Limits
from gateway.core.passage import LaneState, Passage, Person, air, waiting
from gateway.core.screening import is_cold, next_step, wait_until_s
from gateway.core.windows import is_drifting, is_warming
from gateway.core.work import Device, Gate, Loose

View: TypeAlias = dict[str, Any]

EARLIER_SHOWN: Final = 2
"""A repeat never overwrites the first: a person's last readings stand side by side."""
LAST_S: Final = 20.0
"""The last passage's outcome stays this long: privacy.md, R12."""


def view(gate: Gate, now: float) -> View:
    """Draw the gate as the guard's page wants it; the shell adds what only it knows."""
    desk = gate.desk
    return {
        "v": 1,
        "lanes": [_lane(gate, i, state, now) for i, state in enumerate(gate.lanes)],
        "unassigned": [_loose(gate, loose, now) for loose in desk.loose],
        "alerts": [
            {
                "alert": alert.alert,
                "what": alert.what,
                "priority": alert.priority,
                "state": alert.state,
                "since_s": _age(now, alert.since_s),
                "lane": alert.lane,
                "device": alert.device,
            }
            for alert in sorted(desk.alerts, key=lambda alert: (alert.priority, -alert.since_s))
        ],
        "status": {
            "link": desk.link,
            "clock": desk.clock,
            "disk": desk.disk,
            "not_recorded": desk.not_recorded,
            "devices": [_device(gate, device, now) for device in desk.devices],
            "banners": _banners(gate, now),
            "today": {
                "in": desk.tally.passages_in,
                "out": desk.tally.passages_out,
                "foot": desk.tally.on_foot,
                "refer": desk.tally.refer,
                "passes": desk.tally.passes,
            },
        },
    }


def _lane(gate: Gate, i: int, state: LaneState, now: float) -> View:
    passage, last = state.passage, state.last
    busy = passage is not None or any(t.in_zone and not t.served for t in state.tracks)
    shown = None
    if last is not None and now - last.at_s <= LAST_S:
        shown = {"key": last.key, "decision": last.decision, "ago_s": _age(now, last.at_s)}
    return {
        "lane": state.lane.name,
        "way": state.lane.way,
        "state": "occupied" if busy else "idle",
        "others_in_view": waiting(state),
        "passage": None if passage is None else _passage(gate, i, state, passage, now),
        "aside": [_passage(gate, i, state, old, now) for old in state.aside],
        "last": shown,
        "presented": [
            {
                "medium": one.medium,
                "tail": one.tail,
                "passage": one.passage,
                "ago_s": _age(now, one.at_s),
            }
            for one in state.presented
            if now - one.at_s <= LAST_S
        ],
    }


def _passage(gate: Gate, i: int, state: LaneState, passage: Passage, now: float) -> View:
    limits, lane = gate.site.limits, state.lane
    here = state.passage is passage
    return {
        "key": passage.key,
        "traveller": passage.traveller,
        "since_s": _age(now, passage.opened_s),
        "recorded": gate.desk.not_recorded == 0,
        "unsure": passage.until_s is not None,
        "plate": _plate(passage) if lane.way != "foot" else None,
        "persons": [_person(state, passage, one, limits, now) for one in passage.persons],
        "measuring": here and _is_measuring(gate, i),
        "failed": passage.failed,
        "decision": passage.decision or "waiting",
        "reasons": list(passage.reasons),
        "next": list(next_codes(passage, lane, limits)),
        "overridden": passage.override is not None,
        "can_open": passage.decision == "admit",
    }


def _plate(passage: Passage) -> View:
    plate = passage.plate
    if plate is None:
        return {
            "status": "waiting", "text": "", "confidence_pct": 0, "candidates": [],
            "plate_kind": "", "crop": None,
        }  # fmt: skip
    status = "typed" if passage.typed and plate.text else plate.status
    return {
        "status": status,
        "text": plate.text,
        "confidence_pct": plate.confidence_pct,
        "candidates": list(plate.candidates),
        "plate_kind": plate.plate_kind,
        "crop": f"/crop/{passage.key}" if plate.crop else None,
    }


def _person(state: LaneState, passage: Passage, person: Person, limits: Limits, now: float) -> View:
    reading, attempts = person.reading, person.attempts
    wait_s = 0.0
    if attempts:
        until_s = wait_until_s(person.result, attempts[-1].at_s, attempts[0].at_s, limits)
        wait_s = max(0.0, until_s - now)
    return {
        "person": person.number,
        "result": person.result,
        "estimate_centi_c": None if reading is None else reading.estimate_centi_c,
        "raw_centi_c": None if reading is None else reading.window.raw_centi_c,
        "attempts": person.count,
        "earlier_centi_c": [said.estimate_centi_c for said in attempts[-EARLIER_SHOWN - 1 : -1]],
        "marked": state.mark is not None
        and (state.mark.passage, state.mark.person) == (passage.key, person.number),
        "wait_s": round(wait_s, 1),
        "next": next_step(person.result, person.count, limits),
    }


def _loose(gate: Gate, loose: Loose, now: float) -> View:
    lane = None if loose.lane is None else gate.lanes[loose.lane].lane.name
    return {
        "reading": loose.number,
        "lane": lane,
        "device": loose.window.device,
        "result": loose.reading.result,
        "estimate_centi_c": loose.reading.estimate_centi_c,
        "why": loose.why,
        "ago_s": _age(now, loose.at_s),
    }


def _is_measuring(gate: Gate, i: int) -> bool:
    names = gate.lanes[i].lane.thermometers
    return any(meter.open is not None and meter.device in names for meter in gate.meters)


def _device(gate: Gate, device: Device, now: float) -> View:
    index = gate.site.meter_of.get(device.device)
    age_s, state, reason = None, device.state, device.reason
    if index is not None and gate.meters[index].since_s is not None:
        age_s = _age(now, gate.meters[index].last_s)
    if device.device in gate.desk.stuck:
        state, reason = "faulty", "stuck"
    elif age_s is None and not device.heard:
        state, reason = "silent", "unheard"
    return {
        "device": device.device,
        "kind": device.kind,
        "state": state,
        "reason": reason,
        "age_s": age_s,
    }


def _banners(gate: Gate, now: float) -> list[str]:
    limits = gate.site.limits
    banners: list[str] = []
    if any(state.lane.measures and state.lane.thermometers for state in gate.lanes):
        flags = {flag for one in _measuring(gate) for flag in one.instrument.flags}
        banners += [flag for flag in _FLAGS if flag in flags]
        if any(is_warming(m, now, limits) or is_drifting(m, limits) for m in gate.meters):
            banners.append("warming")
        if any(_is_cold_lane(gate, state) for state in gate.lanes):
            banners.append("cold")
    return banners


_FLAGS: Final = ("uncalibrated", "calibration_expired", "vendor_compensated")
"""What every reading of an instrument is marked with is shown all the time."""


def _measuring(gate: Gate) -> list[Device]:
    """Give the thermometers that somebody is measured with."""
    return [one for one in gate.desk.devices if gate.site.measuring.get(one.device)]


def _is_cold_lane(gate: Gate, state: LaneState) -> bool:
    lane, limits = state.lane, gate.site.limits
    if not lane.measures or lane.shelter_s >= limits.shelter_wait_s:
        return False
    return is_cold(air(lane, limits), limits)


def _age(now: float, since_s: float) -> float:
    return round(max(0.0, now - since_s), 1)
