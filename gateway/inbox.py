"""The one queue into the gate's one loop: bounded, and touches are never dropped.

When it is full, what a thermometer says coalesces to the newest of each device, and news from the
broker waits to be said again; all else is rare and always taken.
"""

import threading
from collections import deque
from time import monotonic  # noqa: TID251 - the edge: the loop sleeps here.
from typing import Any, Final

from gateway.core.events import FacesSeen, SampleTaken
from gateway.mqtt import Heard

ITEMS_MAX: Final = 2000


class Inbox:
    """Filled by many threads, emptied by one."""

    def __init__(self, items_max: int = ITEMS_MAX) -> None:
        self._items: deque[Any] = deque()
        self._newest: dict[str, SampleTaken | FacesSeen] = {}
        self._max = items_max
        self._filled = threading.Condition()
        self.coalesced = 0
        self.dropped = 0

    def put(self, item: Any) -> None:
        """Put an item in; never blocks."""
        with self._filled:
            if len(self._items) < self._max or not isinstance(
                item, (SampleTaken, FacesSeen, Heard)
            ):
                self._items.append(item)
            elif isinstance(item, (SampleTaken, FacesSeen)):
                self.coalesced += item.device in self._newest
                self._newest[item.device] = item
            else:
                self.dropped += 1
            self._filled.notify()

    def take(self, wait_s: float) -> list[Any]:
        """Take all that is there, waiting a while for the first."""
        deadline = monotonic() + wait_s
        with self._filled:
            while not self._items:
                left = deadline - monotonic()
                if left <= 0:
                    return []
                self._filled.wait(left)
            items = [*self._items, *self._newest.values()]
            self._items.clear()
            self._newest.clear()
            return items
