"""Sets of sequence numbers, as sorted, disjoint, inclusive ranges.

Pure: no clock, no disk, no network. A stream's held entries, its lost ones and its watermark are
all read from such sets, so a million entries cost one pair of numbers while none is missing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
"""First and last, both included."""


def add(spans: list[Span], first: int, last: int) -> None:
    """Put a range into the set, joining what it touches.

    >>> held = [(1, 3), (7, 9)]
    >>> add(held, 4, 6); held
    [(1, 9)]
    """
    assert 1 <= first <= last, (first, last)
    if spans and spans[-1][0] <= first <= spans[-1][1] + 1:  # The common case: one more at the end.
        spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        return
    low = bisect_right(spans, (first, first))
    if low and spans[low - 1][1] >= first - 1:
        low -= 1
    high = low
    while high < len(spans) and spans[high][0] <= last + 1:
        first, last = min(first, spans[high][0]), max(last, spans[high][1])
        high += 1
    spans[low:high] = [(first, last)]


def remove(spans: list[Span], first: int, last: int) -> None:
    """Take a range out of the set.

    >>> lost = [(1, 9)]
    >>> remove(lost, 4, 4); lost
    [(1, 3), (5, 9)]
    """
    kept: list[Span] = []
    for low, high in spans:
        if high < first or low > last:
            kept.append((low, high))
            continue
        if low < first:
            kept.append((low, first - 1))
        if high > last:
            kept.append((last + 1, high))
    spans[:] = kept


def contains(spans: list[Span], number: int) -> bool:
    """Tell whether the set holds a number."""
    place = bisect_right(spans, (number, 1 << 62)) - 1
    return place >= 0 and spans[place][0] <= number <= spans[place][1]


def contiguous(spans: list[Span]) -> int:
    """Name the highest number up to which, from 1, none is missing; 0 when 1 is missing."""
    return spans[0][1] if spans and spans[0][0] == 1 else 0


def holes(spans: list[Span], first: int, last: int) -> Iterator[Span]:
    """Give what of a range the set does not hold.

    >>> list(holes([(1, 3), (7, 9)], 1, 12))
    [(4, 6), (10, 12)]
    """
    at = first
    for low, high in spans:
        if high < at:
            continue
        if low > last:
            break
        if low > at:
            yield (at, low - 1)
        at = max(at, high + 1)
    if at <= last:
        yield (at, last)


def size(spans: Iterable[Span]) -> int:
    """Count the numbers in the set."""
    return sum(last - first + 1 for first, last in spans)
