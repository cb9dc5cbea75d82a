"""A pass was held to a reader: it is written down, shown and counted.

Law: no list is asked here, and nothing is decided by a pass. It is the passage's only where it is
plain whose it was: one that stands at the line alone and is known to be the same as before. What
stands on a pass goes into the sealed part; the guard is shown its last characters. Pure.
"""

from typing import Final

from msgspec.structs import replace

from gateway import contract
from gateway.core.events import PassPresented
from gateway.core.passage import PRESENTED_MAX, LaneState, Presented, is_crowded
from gateway.core.work import Work

TAIL: Final = 4
"""Characters of a pass that the guard is shown: privacy.md, R14."""


def present(work: Work, event: PassPresented) -> None:
    """Take a pass."""
    i = work.site.lane_of.get(event.lane)
    if i is None or event.device not in work.lanes[i].lane.readers:
        return
    state = work.lanes[i]
    key = _whose(state)
    body = contract.PassPresented(lane=event.lane, device=event.device, medium=event.medium)
    work.record(body, key, contract.SealedPass(text=event.text, name=event.name))
    shown = Presented(event.medium, event.text[-TAIL:], key, work.now)
    work.lanes[i] = replace(state, presented=(*state.presented, shown)[-PRESENTED_MAX:])
    tally = work.desk.tally
    work.desk = replace(work.desk, tally=replace(tally, passes=tally.passes + 1))
    if key is not None and state.passage is not None:
        work.put(i, replace(state.passage, touched_s=work.now))


def _whose(state: LaneState) -> int | None:
    passage = state.passage
    if passage is None or passage.left_s is not None or passage.until_s is not None:
        return None
    return None if passage.blind or is_crowded(state) else passage.key
