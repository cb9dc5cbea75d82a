"""A window is over: whose is it, what does it say, what follows from it.

Pure; the rules of pairing stand in passage.py, those of judging in screening.py.
"""

from math import inf

from msgspec.structs import replace

from gateway import contract
from gateway.core import screening
from gateway.core.faces import looked_at
from gateway.core.passage import (
    ALARMING,
    ASIDE_MAX,
    ATTEMPTS_KEPT,
    HOLDING_WAIT_S,
    PERSONS_MAX,
    UNASSIGNED_WAIT_S,
    WALKED_MAX,
    Claim,
    LaneState,
    Passage,
    Person,
    air,
    claim,
    nobody,
    was_busy,
)
from gateway.core.screening import Attempt, Conditions, Reading, Site, Window, verdict
from gateway.core.work import LOOSE_MAX, Loose, Work


def take_window(work: Work, window: Window) -> None:
    """Pair one window with a person, or keep it as nobody's."""
    lanes = work.site.measuring.get(window.device, ())
    if "stuck" in window.flags and _take_back(work, lanes, window):
        return
    window = looked_at(work, lanes, window)
    if work.ails(window.device):
        # Spoilt frames, a wrong baud, another device: what reads well among them is worth nothing.
        window = replace(window, outcome="SENSOR_FAULT", flags=(*window.flags, "device"))
    i, whose = _choose(work, lanes, window)
    if i is None:
        _keep_loose(work, window, None, lanes, whose.why)
        return
    _count_window(work, i, window)
    passage = None if whose.passage is None else work.find(i, whose.passage)
    reading = _judge(work, window, _conditions(work, i, passage, whose.person, window))
    valueless = reading.result in ("NO_READING", "NOT_SKIN") and whose.person is None
    if whose.kind == "open" and not valueless:
        passage = _open_by_window(work, i, window)
    if whose.kind == "nobody" or passage is None:
        _keep_loose(work, window, i, lanes, whose.why)
    elif valueless:
        _fail(work, i, passage, reading)
    elif whose.person is None and len(passage.persons) >= PERSONS_MAX:
        _keep_loose(work, window, i, lanes, "full")
    else:
        give(work, i, passage, whose.person, reading)
        if reading.result not in ("NO_READING", "NOT_SKIN"):
            _answer_mark(work, i, passage, whose.person)


def give(
    work: Work, i: int, passage: Passage, number: int | None, reading: Reading, *,
    flags: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Give a reading to a person of a passage (None: a new one), and decide anew."""
    limits, at_s = work.limits, reading.window.ended_s
    person = _person(passage, number)
    attempt = Attempt(
        reading.result, at_s, reading.estimate_centi_c, reading.settled, reading.site == "contact"
    )
    if person is None:
        number = len(passage.persons) + 1
        result = verdict(None, (), attempt, limits)
        person = Person(number, result, (attempt,), 1, reading)
        persons = (*passage.persons, person)
    else:
        result = verdict(person.result, person.attempts, attempt, limits)
        kept = person.attempts
        if len(kept) >= ATTEMPTS_KEPT:
            kept = (kept[0], *kept[2:])  # The first is never overwritten.
        person = Person(person.number, result, (*kept, attempt), person.count + 1, reading)
        persons = tuple(person if old.number == person.number else old for old in passage.persons)
    passage = replace(
        passage, persons=persons, failed=None, touched_s=work.now, windows=passage.windows or 1
    )
    _record(
        work, i, passage.key, reading,
        result=result, person=person.number, attempt=person.count, flags=flags,
    )  # fmt: skip
    work.put(i, passage)
    release(work, i, work.settle(i, passage))


def _answer_mark(work: Work, i: int, passage: Passage, number: int | None) -> None:
    """Let go of the guard's mark once this person has a reading, lest it take another's."""
    mark = work.lanes[i].mark
    if mark is not None and (mark.passage, mark.person) == (passage.key, number):
        work.lanes[i] = replace(work.lanes[i], mark=None)


def release(work: Work, i: int, passage: Passage) -> None:
    """Close a passage that waited aside and is admitted."""
    if passage.decision == "admit" and any(p.key == passage.key for p in work.lanes[i].aside):
        work.close(i, passage, "left")


def type_value(
    work: Work, i: int, passage: Passage, number: int | None, *, centi_c: int, site: Site
) -> None:
    """Take a value that the guard read from another thermometer and typed."""
    now = work.now
    window = Window("typed", now, now, "ok", centi_c, agreeing=1, accepted=1)
    conditions = replace(_conditions(work, i, passage, number, window), site=site, typed=True)
    reading = _judge(work, window, conditions)
    if _person(passage, number) is None and len(passage.persons) >= PERSONS_MAX:
        return
    give(work, i, passage, number, reading)
    _answer_mark(work, i, passage, number)


def assign(work: Work, i: int, passage: Passage, number: int | None, loose: Loose) -> None:
    """Let the guard say whose a reading was; it is judged again, under that person's conditions."""
    if _person(passage, number) is None and len(passage.persons) >= PERSONS_MAX:
        return
    drop_loose(work, loose.number, taker=passage.key)
    current = work.find(i, passage.key)
    assert current is not None
    passage = current
    conditions = _conditions(work, i, passage, number, loose.window)
    give(
        work,
        i,
        passage,
        number,
        _judge(work, loose.window, conditions),
        flags=("assigned",),
    )
    _answer_mark(work, i, passage, number)


def drop_loose(work: Work, number: int, *, taker: int | None = None) -> None:
    """Forget an unassigned reading, and the doubt that it cast: it is somebody's, or nobody's.

    The passage that takes it is not decided anew until it has it: between the two it would look
    admitted, and a lane that opens by itself would open for a fever.
    """
    kept = tuple(loose for loose in work.desk.loose if loose.number != number)
    work.desk = replace(work.desk, loose=kept)
    for i, state in enumerate(work.lanes):
        tracks = tuple(
            replace(track, walked=_less(track.walked, number)) if number in track.walked else track
            for track in state.tracks
        )
        work.lanes[i] = replace(state, tracks=tracks)
        for passage in _passages(state):
            if number not in (*passage.walked, *passage.doubts):
                continue
            freed = replace(
                passage,
                walked=_less(passage.walked, number),
                doubts=_less(passage.doubts, number),
            )
            if freed.key == taker:
                work.put(i, freed)
            else:
                release(work, i, work.settle(i, freed))


def _passages(state: LaneState) -> tuple[Passage, ...]:
    """Give the passage that stands in a lane and those that wait aside."""
    return (*(() if state.passage is None else (state.passage,)), *state.aside)


def _less(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    return tuple(one for one in numbers if one != number)


def expire_loose(work: Work) -> None:
    """Forget the unassigned readings that nobody wanted."""
    for loose in work.desk.loose:
        if _due_s(work, loose) <= work.now:
            drop_loose(work, loose.number)


def loose_due_s(work: Work) -> float:
    """Say when the next unassigned reading is forgotten."""
    return min((_due_s(work, loose) for loose in work.desk.loose), default=inf)


def _due_s(work: Work, loose: Loose) -> float:
    """Say when a reading is forgotten: later if it holds a passage, never if it may be a fever's.

    Time alone admits nobody: such a reading waits for the guard's word or the passage's end.
    """
    held = any(loose.holds(passage) for state in work.lanes for passage in _passages(state))
    if held and loose.reading.result in ALARMING:
        return inf
    return loose.at_s + (HOLDING_WAIT_S if held else UNASSIGNED_WAIT_S)


def _make_room(work: Work) -> None:
    """Forget the oldest of too many unassigned readings; one that nothing waits for goes first."""
    while len(work.desk.loose) >= LOOSE_MAX:
        drop_loose(work, min(work.desk.loose, key=lambda loose: _due_s(work, loose)).number)


def _person(passage: Passage, number: int | None) -> Person | None:
    if number is None or not 1 <= number <= len(passage.persons):
        return None
    return passage.persons[number - 1]


def _judge(work: Work, window: Window, conditions: Conditions) -> Reading:
    """Judge a window of one of our thermometers, or of the guard's own."""
    return screening.judge(window, conditions, work.limits, work.instrument(window.device))


def _conditions(
    work: Work, i: int, passage: Passage | None, number: int | None, window: Window
) -> Conditions:
    """Gather what is known around a reading: the place, the air, the wait so far, the heater."""
    state, limits = work.lanes[i], work.limits
    lane = state.lane
    ambient = air(lane, limits)
    person = None if passage is None else _person(passage, number)
    waited_s = 0.0
    if person is not None and person.attempts:
        waited_s = max(0.0, window.ended_s - person.attempts[0].at_s)
    rides = passage is None or passage.traveller in ("vehicle", "unknown")
    warm = lane.sunlit or (lane.heats and rides)
    heated = warm and waited_s < limits.recheck_wait_s
    return Conditions(lane.place, lane.shelter_s + waited_s, ambient, heated)


def _choose(work: Work, lanes: tuple[int, ...], window: Window) -> tuple[int | None, Claim]:
    """Choose the lane that a window belongs to, and ask it whose the window is (rule 7)."""
    if not lanes:
        return None, nobody("no_lane")
    if len(lanes) == 1:
        return lanes[0], claim(work.lanes[lanes[0]], window)
    states = work.lanes
    marked = [i for i in lanes if (m := states[i].mark) is not None and m.at_s <= window.began_s]
    if len(marked) == 1:
        return marked[0], claim(states[marked[0]], window)
    busy = [i for i in lanes if was_busy(states[i], window)]
    dark = [i for i in lanes if not states[i].watched and not states[i].loops]
    # A lane without a witness cannot be told to be empty: it owns what no other lane can.
    chosen = dark if dark and not set(busy) - set(dark) else busy if not dark else []
    if len(chosen) == 1:
        return chosen[0], claim(states[chosen[0]], window)
    return None, nobody("shared")


def _count_window(work: Work, i: int, window: Window) -> None:
    """Note that a window was taken here: the next one may be for another (rule 3)."""
    state = work.lanes[i]
    passage = state.passage
    if passage is not None and passage.left_s is None and passage.zone_s <= window.ended_s:
        passage = replace(passage, windows=passage.windows + 1, touched_s=work.now)
        work.lanes[i] = replace(state, passage=passage)


def _open_by_window(work: Work, i: int, window: Window) -> Passage:
    """Open a passage whose only witness is this window; what stood there makes room (rule 6)."""
    state = work.lanes[i]
    old = state.passage
    if old is not None:
        if old.decision == "admit":
            work.close(i, old, "next")
        else:
            set_aside(work, i)
    traveller: contract.Traveller = "person" if state.lane.way == "foot" else "unknown"
    return work.open(i, "window", traveller, since_s=window.began_s)


def set_aside(work: Work, i: int) -> None:
    """Let the lane's passage wait aside; the oldest that waits makes room."""
    state = work.lanes[i]
    assert state.passage is not None
    if len(state.aside) >= ASIDE_MAX:
        work.close(i, state.aside[0], "timeout")
        state = work.lanes[i]
    assert state.passage is not None
    passage = replace(state.passage, track=None, touched_s=work.now)
    tracks = tuple(
        replace(track, served=True, measured=True)
        if (track.camera, track.track) == state.passage.track
        else track
        for track in state.tracks
    )
    mark = state.mark if state.mark and state.mark.passage != passage.key else None
    work.lanes[i] = replace(
        state, passage=None, aside=(*state.aside, passage), tracks=tracks, mark=mark
    )


def _fail(work: Work, i: int, passage: Passage, reading: Reading) -> None:
    """Note an attempt that measured nobody: no person, no value, another try."""
    _record(work, i, passage.key, reading)
    passage = replace(passage, failed=reading.result, touched_s=work.now)
    work.put(i, passage)
    work.settle(i, passage)


def _keep_loose(
    work: Work, window: Window, i: int | None, lanes: tuple[int, ...], why: str
) -> None:
    """Keep a reading as nobody's: written down, shown, and there for the guard's tap."""
    conditions = Conditions()
    if lanes:
        conditions = _conditions(work, lanes[0] if i is None else i, None, None, window)
    reading = _judge(work, window, conditions)
    number = work.desk.next_reading
    _make_room(work)
    loose = Loose(number, window, reading, i, work.now, why)
    work.desk = replace(work.desk, loose=(*work.desk.loose, loose), next_reading=number + 1)
    _record(work, i, None, reading, flags=(why,) if why else ())
    if reading.result not in ("NO_READING", "NOT_SKIN"):
        _cast_doubt(work, lanes, loose)


def _cast_doubt(work: Work, lanes: tuple[int, ...], loose: Loose) -> None:
    """Note whose the reading may be: theirs who stand there, or theirs who wait (rules 3, 9)."""
    number = loose.number
    for i in lanes:
        state = work.lanes[i]
        tracks = tuple(
            track
            if track.in_zone or track.served
            else replace(track, walked=(*track.walked, number)[-WALKED_MAX:])
            for track in state.tracks
        )
        work.lanes[i] = replace(state, tracks=tracks)
        passage = state.passage
        if passage is None or not _may_own(passage, loose.window):
            continue
        passage = replace(passage, doubts=(*passage.doubts, number)[-WALKED_MAX:])
        work.settle(i, passage)


def _may_own(passage: Passage, window: Window) -> bool:
    """Say whether a passage stood there in some part of a window."""
    if passage.left_s is not None and passage.left_s < window.began_s:
        return False
    return passage.zone_s <= window.ended_s


def _take_back(work: Work, lanes: tuple[int, ...], window: Window) -> bool:
    """Follow a reading up with a fault: its line turned out to be stuck."""
    for i in lanes:
        for passage in _passages(work.lanes[i]):
            for person in passage.persons:
                if person.reading is None:
                    continue
                source = person.reading.window
                if source.device == window.device and source.began_s == window.began_s:
                    conditions = _conditions(work, i, passage, person.number, window)
                    reading = _judge(work, window, conditions)
                    give(work, i, passage, person.number, reading)
                    return True
    return False


def _record(
    work: Work, i: int | None, key: int | None, reading: Reading, *,
    result: contract.Result | None = None, person: int = 0, attempt: int = 1,
    flags: tuple[str, ...] = (),
) -> None:  # fmt: skip
    sealed = contract.SealedReading(
        raw_centi_c=reading.window.raw_centi_c,
        estimate_centi_c=reading.estimate_centi_c,
        uncertainty_centi_c=reading.uncertainty_centi_c,
        ambient_centi_c=reading.ambient_centi_c,
        typed=reading.typed,
    )
    body = contract.ReadingTaken(
        lane=None if i is None else work.lanes[i].lane.name,
        device=reading.window.device,
        person=person,
        attempt=attempt,
        site=reading.site,
        result=result or reading.result,
        flags=(*reading.flags, *flags),
    )
    work.record(body, key, sealed)
