"""What was read beside what is on a list: apart, so that no list ever corrects a reading.

Pure. A list says "this is 鲁A12345, which you may have read as 鲁A1234S"; who asks decides. A match
that is not exact is a question for the guard, never an answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

LOOKALIKES: Final = (
    "0DQO", "8B", "2Z", "5S", "17T", "4A", "浙湘渝", "苏鲁赣", "沪津",
)  # fmt: skip
"""Characters that readers and people take for one another, by sight of real misreads."""
_CLASS: Final = {each: group[0] for group in LOOKALIKES for each in group}
LOOKALIKES_MAX: Final = 1
"""So many places may differ, each by a lookalike, for a listed plate to be worth a question."""


@dataclass(frozen=True, slots=True)
class Match:
    """A listed plate that a reading may be."""

    listed: str = field(repr=False)
    exact: bool
    """The reading is this very text."""
    places: tuple[int, ...] = ()
    """Where it reads otherwise, counted from 0: what the screen marks."""


def skeleton(text: str) -> str:
    """Give a text with every lookalike written as the first of its group.

    >>> skeleton("湘AB0Z5S") == skeleton("浙A8QZSS"), skeleton("鲁A11111") == skeleton("晋A11111")
    (True, False)
    """
    return "".join(_CLASS.get(each, each) for each in text)


def matches(reading: str, listed: Iterable[str]) -> tuple[Match, ...]:
    """Give the listed plates that a reading is or looks like, the exact one first.

    >>> [(m.exact, m.places) for m in matches("鲁A12345", ["鲁A12345", "鲁A1234S", "鲁AI234S"])]
    [(True, ()), (False, (6,))]
    """
    own = skeleton(reading)
    found = []
    for each in listed:
        if skeleton(each) != own or not reading:
            continue
        places = tuple(n for n, (a, b) in enumerate(zip(reading, each, strict=True)) if a != b)
        if len(places) <= LOOKALIKES_MAX:
            found.append(Match(each, not places, places))
    return tuple(sorted(found, key=lambda match: (len(match.places), match.listed)))
