"""Time running out: vehicles that left, waits that are over, devices that fell silent.

Pure: `now` is the step's, and what falls due says when.
"""

from math import inf

from msgspec.structs import replace

from gateway.core.measuring import expire_loose, loose_due_s, set_aside, take_window
from gateway.core.passage import (
    ASIDE_WAIT_S,
    GONE_WAIT_S,
    LEAVE_WAIT_S,
    MARK_ASIDE_S,
    LaneState,
    Passage,
    felt,
    linger,
)
from gateway.core.presence import end_passage, split, stamp
from gateway.core.screening import next_step
from gateway.core.windows import flush
from gateway.core.work import Work


def expire(work: Work, due_s: float = -inf) -> None:
    """Do what has fallen due: silent windows, vehicles that left, waits that are over.

    But for windows nothing falls due before `due_s`, the gate's own `wake_s` where nothing has
    changed yet: most steps need not look.
    """
    now = work.now
    for index, meter in enumerate(work.meters):
        if meter.open is not None and now - meter.last_s > work.limits.sample_gap_s:
            after, window = flush(meter, work.limits)
            work.meters[index] = after
            if window is not None:
                take_window(work, window)
                due_s = -inf
    if now < due_s:
        return
    for i in range(len(work.lanes)):
        _expire_lane(work, i)
    expire_loose(work)


def _expire_lane(work: Work, i: int) -> None:
    state, now = work.lanes[i], work.now
    if lane_due_s(state) > now:
        return
    passage = state.passage
    if passage is not None and _passage_due_s(state, passage) <= now:
        stamp(work, i)
        _end_by_time(work, i, passage)
    for old in state.aside:
        if old.touched_s + ASIDE_WAIT_S <= now:
            work.close(i, old, "timeout")
    state = work.lanes[i]
    if state.mark is not None and _mark_due_s(state) <= now:
        work.lanes[i] = replace(state, mark=None)


def _end_by_time(work: Work, i: int, passage: Passage) -> None:
    """End a passage that time alone ends, or let it wait aside."""
    if passage.until_s is not None:
        if split(work, i, passage) is None:
            end_passage(work, i, passage, "interrupted")
    elif passage.left_s is not None:
        end_passage(work, i, passage, "left")
    else:
        work.lanes[i] = linger(work.lanes[i], passage, work.now + ASIDE_WAIT_S)
        if _must_wait(work, passage):
            set_aside(work, i)
        else:
            end_passage(work, i, passage, "timeout")


def _must_wait(work: Work, passage: Passage) -> bool:
    """Say whether somebody of it was sent to wait, or waits for a contact thermometer."""
    if passage.override is not None:
        return False
    steps = {next_step(person.result, person.count, work.limits) for person in passage.persons}
    return not steps.isdisjoint({"shelter", "wait", "contact", "handover"})


def lane_due_s(state: LaneState) -> float:
    """Say when something of this lane falls due."""
    soonest = inf
    if state.passage is not None:
        soonest = _passage_due_s(state, state.passage)
    for old in state.aside:
        soonest = min(soonest, old.touched_s + ASIDE_WAIT_S)
    if state.mark is not None:
        soonest = min(soonest, _mark_due_s(state))
    return soonest


def _mark_due_s(state: LaneState) -> float:
    mark, passage = state.mark, state.passage
    assert mark is not None
    if passage is not None and passage.key == mark.passage:
        return inf  # Goes with its passage.
    return mark.at_s + MARK_ASIDE_S


def _passage_due_s(state: LaneState, passage: Passage) -> float:
    if passage.until_s is not None:
        return passage.until_s
    if passage.left_s is not None:
        return passage.left_s + (LEAVE_WAIT_S if passage.track is not None else GONE_WAIT_S)
    if passage.track is not None or felt(state):
        return inf
    return passage.touched_s + state.lane.passage_wait_s


def wake_s(work: Work) -> float:
    """Say when the gate, apart from its open windows, wants to be woken."""
    soonest = min((lane_due_s(state) for state in work.lanes), default=inf)
    return min(soonest, loose_due_s(work))
