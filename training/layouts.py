"""Where the characters of a plate stand, in millimetres: GA 36's plates in one and in two lines.

Sizes of plates are the standard's. Within the smaller ones (motorcycle, slow lorry, tractor,
temporary) the characters' places are measured from pictures, to some millimetres.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from gateway.plates.grammar import PlateKind

Box = tuple[float, float, float, float]
"""Left, top, width, height."""
Shape: TypeAlias = Literal["line", "green", "rear", "motorcycle", "slow", "temporary"]

TWO_LINES: Final[frozenset[Shape]] = frozenset({"rear", "motorcycle", "slow"})
ONE_LINE: Final[frozenset[Shape]] = frozenset({"line", "green", "temporary"})
SHAPES: Final[dict[PlateKind, tuple[Shape, ...]]] = {
    "blue": ("line", "line", "line", "line", "motorcycle"),
    "yellow": ("line", "rear", "motorcycle", "slow"),
    "green": ("green",),
    "police": ("line", "line", "motorcycle"),
    "learner": ("line", "line", "motorcycle"),
    "trailer": ("rear",),
    "embassy": ("line", "line", "motorcycle"),
    "consulate": ("line", "line", "motorcycle"),
    "border": ("line",),
    "temporary": ("temporary",),
    "tractor": ("slow",),
    "emergency": ("line", "rear"),
    "military": ("line", "rear"),
    "armed_police": ("line", "rear"),
}
"""The shapes that a kind comes in; the first is drawn when none is asked for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of characters, in the middle of the plate."""

    top: float
    width: float
    height: float
    pitch: float
    """From one character's left to the next one's."""

    def boxes(self, count: int, plate_wide: float) -> list[Box]:
        """Give the box of each character; drawn closer where there are many."""
        pitch = min(self.pitch, (plate_wide - 18 - self.width) / max(1, count - 1))
        width = min(self.width, pitch - 4)
        left = (plate_wide - pitch * (count - 1) - width) / 2
        return [(left + pitch * n, self.top, width, self.height) for n in range(count)]


_ROWS: Final[dict[Shape, tuple[tuple[int, int], tuple[Row, ...]]]] = {
    "rear": ((440, 220), (Row(15, 80, 60, 140), Row(90, 65, 110, 80))),
    "motorcycle": ((220, 140), (Row(14, 34, 42, 66), Row(66, 30, 60, 40))),
    "slow": ((300, 165), (Row(14, 50, 46, 86), Row(72, 40, 78, 53))),
    "temporary": ((220, 140), (Row(46, 24, 46, 28),)),
}


def shape_of(
    kind: PlateKind, rng: np.random.Generator, among: Collection[Shape] | None = None
) -> Shape:
    """Choose one of the shapes that a kind comes in, among some where they are given."""
    shapes = [shape for shape in SHAPES[kind] if among is None or shape in among]
    return shapes[int(rng.integers(0, len(shapes)))]


def upper_of(text: str, kind: PlateKind) -> int:
    """Count the characters of the upper line."""
    if kind == "embassy" or (kind == "armed_police" and len(text) == 8):
        return 3
    return 3 if kind == "tractor" else 2


def cells_of(text: str, kind: PlateKind, shape: Shape) -> tuple[tuple[int, int], Sequence[Box]]:
    """Give a plate's size and the cell of each character, in millimetres."""
    if shape in TWO_LINES:
        size, (upper, lower) = _ROWS[shape]
        first = upper_of(text, kind)
        return size, [*upper.boxes(first, size[0]), *lower.boxes(len(text) - first, size[0])]
    if shape == "temporary":
        size, (row,) = _ROWS[shape]
        return size, row.boxes(len(text), size[0])
    if shape == "green":
        after = [(161.5 + 52 * i, 25.0, 43.0, 90.0) for i in range(len(text) - 2)]
        return (480, 140), [(15.5, 25.0, 45.0, 90.0), (69.5, 25.0, 43.0, 90.0), *after]
    split = 1 if text[0] == "使" else 3 if kind == "embassy" else 2
    pitch, wide = (57.0, 45.0) if len(text) <= 7 else (49.0, 40.0)
    lefts = [15.5 + pitch * i + (22 if i >= split else 0) for i in range(len(text))]
    return (440, 140), [(left, 25.0, wide, 90.0) for left in lefts]
