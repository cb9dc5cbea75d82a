"""What the guard's touches do.

Law: a touch that comes late, twice, or for a passage that is over does nothing. Nothing here is
refused because of what was measured: the guard may always decide otherwise, with a name and a
reason, and the emergency opening asks nothing. Pure.
"""

from msgspec.structs import replace

from gateway import contract
from gateway.core.events import (
    AgainTouched,
    ArrivalTouched,
    AsideTouched,
    EmergencyTouched,
    NextTouched,
    OpenTouched,
    OverrideTouched,
    PersonTouched,
    PlateRead,
    PlateTyped,
    ReadingAssigned,
    ReadingDismissed,
    TemperatureTyped,
)
from gateway.core.measuring import assign, drop_loose, release, set_aside, type_value
from gateway.core.passage import PULSE_S, Mark, Override, Passage, felt
from gateway.core.presence import admit_next, split, stamp
from gateway.core.witnesses import arrive
from gateway.core.work import PLATE_CHARACTERS_MAX, Work


def _meant(work: Work, lane: str, key: int | None) -> tuple[int, Passage] | None:
    """Find the passage that a touch means, if it still stands there or waits aside."""
    i = work.site.lane_of.get(lane)
    if i is None:
        return None
    passage = work.find(i, key)
    return None if passage is None else (i, passage)


def _of_persons(work: Work, lane: str, key: int | None) -> tuple[int, Passage] | None:
    """Find the passage for a touch about persons: never one that may be another vehicle's."""
    found = _meant(work, lane, key)
    if found is None or found[1].until_s is None:
        return found
    i, passage = found
    fresh = split(work, i, passage)
    return None if fresh is None or key is not None else (i, fresh)


def touch_next(work: Work, event: NextTouched) -> None:
    """Close the passage; its vehicle may still stand there, and owns nothing any more."""
    found = _meant(work, event.lane, event.passage)
    if found is None:
        return
    i, passage = found
    stamp(work, i)
    work.close(i, passage, "next")
    admit_next(work, i)


def touch_arrival(work: Work, event: ArrivalTouched) -> None:
    """Open a passage for someone whom no sensor sees."""
    i = work.site.lane_of.get(event.lane)
    if i is not None:
        arrive(work, i, event.traveller)


def touch_person(work: Work, event: PersonTouched) -> None:
    """Mark the next window as another person's of this passage."""
    found = _of_persons(work, event.lane, event.passage)
    if found is not None:
        _mark(work, found[0], Mark(found[1].key, None, work.now))


def touch_again(work: Work, event: AgainTouched) -> None:
    """Mark the next window as this person's."""
    found = _of_persons(work, event.lane, event.passage)
    if found is not None and 1 <= event.person <= len(found[1].persons):
        _mark(work, found[0], Mark(found[1].key, event.person, work.now))


def _mark(work: Work, i: int, mark: Mark) -> None:
    state = work.lanes[i]
    work.lanes[i] = replace(state, mark=mark)
    passage = work.find(i, mark.passage)
    assert passage is not None
    work.put(i, replace(passage, touched_s=work.now))


def touch_reading(work: Work, event: ReadingAssigned) -> None:
    """Give an unassigned reading to the passage that the guard says."""
    found = _of_persons(work, event.lane, event.passage)
    loose = next((old for old in work.desk.loose if old.number == event.reading), None)
    if found is None or loose is None or loose.reading.result in ("NO_READING", "NOT_SKIN"):
        return
    i, passage = found
    if event.person is not None and not 1 <= event.person <= len(passage.persons):
        return
    assign(work, i, passage, event.person, loose)


def dismiss_reading(work: Work, event: ReadingDismissed) -> None:
    """Let an unassigned reading be nobody's: it is on record, and in nobody's way any more."""
    drop_loose(work, event.reading)


def touch_temperature(work: Work, event: TemperatureTyped) -> None:
    """Take a typed value for the person meant: the one named, or marked, or a new one."""
    i = work.site.lane_of.get(event.lane)
    if i is None:
        return
    found = _of_persons(work, event.lane, event.passage)
    passage = None if found is None else found[1]
    if passage is None:
        if (
            work.lanes[i].passage is not None
            or event.passage is not None
            or event.person is not None
        ):
            return
        state = work.lanes[i]
        if state.watched or state.loops:
            return  # Where sensors watch, an empty lane means that the touch came late.
        traveller: contract.Traveller = "person" if state.lane.way == "foot" else "unknown"
        passage = work.open(i, "guard", traveller)
    number = event.person
    if number is not None and not 1 <= number <= len(passage.persons):
        return
    mark = work.lanes[i].mark
    if number is None and mark is not None and mark.passage == passage.key:
        number = mark.person
    type_value(work, i, passage, number, centi_c=event.centi_c, site=event.site)


def touch_plate(work: Work, event: PlateTyped) -> None:
    """Take the guard's word on the plate: it is final; empty means that there is none."""
    found = _of_persons(work, event.lane, event.passage)
    if found is None:
        return
    i, passage = found
    text = "".join(event.text.split()).upper()[:PLATE_CHARACTERS_MAX]
    status: contract.PlateStatus = "typed" if text else "none"
    if passage.typed and passage.plate_recorded == (status, text):
        return
    sealed = contract.SealedPlate(text=text) if text else None
    confidence_pct = 100 if text else 0
    work.record(
        contract.PlateSeen(status=status, confidence_pct=confidence_pct), passage.key, sealed
    )
    old, camera, track = passage.plate, "", 0
    if old is not None:
        camera, track = old.camera, old.track
    plate = PlateRead(
        camera, event.lane, track, "read" if text else "none", text, confidence_pct,
        crop=b"" if old is None else old.crop,
    )  # fmt: skip
    said = (str(status), text)
    work.put(i, replace(passage, plate=plate, typed=True, plate_recorded=said, touched_s=work.now))


def touch_override(work: Work, event: OverrideTouched) -> None:
    """Decide against the advice, with a name and a reason; the advice is recorded beside it."""
    found = _of_persons(work, event.lane, event.passage)
    operator, reason = event.operator.strip(), event.reason.strip()
    if found is None or not operator or not reason:
        return
    i, passage = found
    if event.decision == passage.decision:
        return  # That is the advice, or the same touch again.
    advice = work.advise(i, passage)
    if event.decision == advice.decision and passage.override is not None:
        passage = replace(passage, override=None)  # Back to the advice, on the record.
    else:
        passage = replace(passage, override=Override(event.decision, advice.findings))
    sealed = contract.SealedOverride(operator=operator, reason=reason)
    release(work, i, work.settle(i, replace(passage, touched_s=work.now), sealed))


def touch_aside(work: Work, event: AsideTouched) -> None:
    """Let the passage wait aside, if it has anything to wait for; the lane is free."""
    i = work.site.lane_of.get(event.lane)
    if i is None:
        return
    passage = work.lanes[i].passage
    if passage is None or event.passage not in (None, passage.key) or passage.decision == "admit":
        return
    stamp(work, i)
    set_aside(work, i)
    admit_next(work, i)


def touch_open(work: Work, event: OpenTouched) -> None:
    """Open for a passage that is admitted; an earlier pulse is not repeated at once."""
    found = _meant(work, event.lane, event.passage)
    if found is None or found[1].decision != "admit":
        return
    i, passage = found
    if passage.pulsed_s is not None and work.now - passage.pulsed_s < PULSE_S:
        return
    passage = replace(passage, pulsed_s=work.now, touched_s=work.now)
    state = work.lanes[i]
    if passage.left_s is None and passage.track is None and not felt(state):
        # Nothing else would tell that it leaves.
        passage = replace(passage, left_s=work.now)
    work.put(i, passage)
    work.pulse(event.lane, "guard", passage.key)


def touch_emergency(work: Work, event: EmergencyTouched) -> None:
    """Open at once, whatever is known."""
    i = work.site.lane_of.get(event.lane)
    if i is not None:
        passage = work.lanes[i].passage
        work.pulse(event.lane, "emergency", None if passage is None else passage.key)
