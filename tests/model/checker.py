"""Walks every state that a system can come to, the nearest first, and keeps the way there.

Pure. A state is any hashable value; two ways to the same state are one state. The first state that
breaks a law gives the shortest trace to it.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, NamedTuple, Protocol

from tests.seeded import uncollected

State = Hashable


class System(Protocol):
    """What can be walked."""

    def first(self) -> Any:
        """Give the state at the beginning."""

    def after(self, state: Any) -> Iterable[tuple[Any, Any]]:
        """Give every event that can come, and the state after it."""

    def broken(self, state: Any) -> str | None:
        """Name the law that a state breaks."""


class Found(NamedTuple):
    """What a walk came to."""

    states: int
    steps: int
    """Transitions, those to known states included."""
    depth: int
    complete: bool
    """No state was left out."""
    broken: str | None = None
    trace: tuple[tuple[Any, Any], ...] = ()
    """Event and the state after it, from the beginning to the broken law."""


@uncollected()
def walk(
    system: System, states_max: int | None = None, said: Callable[[int, int], None] | None = None
) -> Found:
    """Walk breadth first until all is seen, a law is broken or `states_max` is reached."""
    first = system.first()
    came_from: dict[Any, tuple[Any, Any] | None] = {first: None}
    ring, depth, steps = [first], 0, 0
    if broken := system.broken(first):
        return Found(1, 0, 0, complete=False, broken=broken)
    while ring:
        outer = []
        for state in ring:
            for event, after in system.after(state):
                steps += 1
                if after in came_from:
                    continue
                came_from[after] = (state, event)
                if broken := system.broken(after):
                    trace = _way_to(after, came_from)
                    return Found(len(came_from), steps, depth + 1, False, broken, trace)
                outer.append(after)
            if states_max is not None and len(came_from) >= states_max:
                return Found(len(came_from), steps, depth + 1, complete=False)
        depth += bool(outer)
        ring = outer
        if said is not None:
            said(depth, len(came_from))
    return Found(len(came_from), steps, depth, complete=True)


def _way_to(state: Any, came_from: dict[Any, tuple[Any, Any] | None]) -> tuple[Any, ...]:
    trace = []
    while (before := came_from[state]) is not None:
        trace.append((before[1], state))
        state = before[0]
    return tuple(reversed(trace))
