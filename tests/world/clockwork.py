"""The world's time: a heap of what happens next, and processes that are plain generators.

A process yields seconds to wait, or PARK to sleep until somebody wakes it. Ties go in the order
in which they were asked for, so the same seed gives the same day.
"""

import heapq
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

PARK: Final = -1.0
Process: TypeAlias = Generator[float, None, None]


class Clockwork:
    """Runs callables and processes in order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None] | Process]] = []
        self._asked = 0

    def at(self, when: float, what: "Callable[[], None] | Process") -> None:
        """Run a callable, or go on with a process, at a moment."""
        self._asked += 1
        heapq.heappush(self._heap, (max(when, self.now), self._asked, what))

    def start(self, process: Process, delay: float = 0.0) -> None:
        """Begin a process."""
        self.at(self.now + delay, process)

    def run(self, until: float) -> None:
        """Let time pass up to a moment."""
        heap = self._heap
        pop, push = heapq.heappop, heapq.heappush
        while heap and heap[0][0] <= until:
            when, _, what = pop(heap)
            self.now = when
            if callable(what):
                what()
                continue
            delay = next(what, PARK)
            if delay >= 0.0:
                self._asked += 1
                push(heap, (when + delay, self._asked, what))
        self.now = max(self.now, until)
