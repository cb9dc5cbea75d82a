"""After a restart: what the journal holds open may still stand at the line.

Pure; rule 8 of passage.py says what becomes of it.
"""

from msgspec.structs import replace

from gateway import contract
from gateway.core.decision import advise
from gateway.core.events import Resumed, Unfinished
from gateway.core.passage import (
    RESUME_AWAY_S_MAX,
    RESUME_WAIT_S,
    UNSEEN,
    Override,
    Passage,
    Person,
    inherit,
)
from gateway.core.work import Work


def resume(work: Work, event: Resumed) -> None:
    """Take up what the journal holds open; what cannot be at the line any more is closed."""
    if work.desk.resumed:
        return
    first_key = max((old.passage + 1 for old in event.unfinished), default=0)
    next_key = max(work.desk.next_key, first_key)
    work.desk = replace(work.desk, resumed=True, next_key=next_key)
    for unfinished in {old.passage: old for old in event.unfinished}.values():
        i = work.site.lane_of.get(unfinished.lane)
        state = None if i is None else work.lanes[i]
        recent = _is_recent(unfinished)
        free = state is not None and state.passage is None and not state.tracks
        if i is not None and state is not None and recent and free and state.watched:
            work.lanes[i] = replace(state, passage=_unfold(work, i, unfinished))
        else:
            persons = len(unfinished.results)
            body = contract.Closed(how="interrupted", persons=persons)
            work.record(body, unfinished.passage)
            if i is not None and not unfinished.overridden:
                until_s = work.now + RESUME_WAIT_S
                work.lanes[i] = inherit(
                    work.lanes[i], unfinished.results, unfinished.plate, until_s
                )


def _is_recent(unfinished: Unfinished) -> bool:
    """Say whether it may still be there; where the clock cannot tell, the plate will."""
    plate = unfinished.plate
    if unfinished.away_s < 0:
        return plate is not None and plate.status == "read"
    return unfinished.away_s <= RESUME_AWAY_S_MAX


def _unfold(work: Work, i: int, unfinished: Unfinished) -> Passage:
    persons = tuple(
        Person(number, result, (), attempts, None)
        for number, (result, attempts) in enumerate(
            zip(unfinished.results, unfinished.attempts, strict=False), 1
        )
    )
    plate = unfinished.plate
    said = None if plate is None else (plate.status, plate.text)
    passage = Passage(
        unfinished.passage, unfinished.traveller, "guard", work.now, work.now, work.now,
        until_s=work.now + RESUME_WAIT_S, plate=plate, plate_recorded=said,
        persons=persons, windows=len(persons), revision=unfinished.revision, resumed=True,
        walked=(UNSEEN,),
    )  # fmt: skip
    advice = advise(passage, work.lanes[i].lane, thermometers_alive=True)
    override = None
    if unfinished.overridden and unfinished.decision is not None:
        override = Override(unfinished.decision, advice.findings)
    return replace(
        passage,
        decision=unfinished.decision or (advice.decision if unfinished.revision else None),
        reasons=(*advice.reasons, "override") if override else advice.reasons,
        decided_persons=len(persons),
        override=override,
    )
