"""What a plate reader is, and what it says of a picture.

Readers stand behind one interface, so that the second and later ones change nothing else. A
reader's `read` never raises, whatever the array.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[int, int, int, int]
Region: TypeAlias = tuple[Point, ...]
"""Corners from 0,0 (top left) to 1,1, within which plates are looked for; none is everywhere."""
Status: TypeAlias = Literal["read", "unsure", "unread", "none"]


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate in a picture. A text of "" is a plate that was seen and gave no valid text."""

    text: str = field(repr=False)
    plate_kind: str
    """One of grammar.KINDS; "" without a text."""
    confidence: float
    """How likely the whole text is right, 0 to 1."""
    characters: tuple[float, ...]
    """The same for each character."""
    box: Box
    """Left, top, width, height in pixels of the picture."""
    corners: tuple[Point, ...]
    """Clockwise from the plate's own top left."""
    candidates: tuple[tuple[str, float], ...] = field(repr=False)
    """What it may be, with probabilities, the text itself first."""
    colour: str = ""
    """Of its ground, by sight: blue, yellow, green, white or black; "" when nobody looked."""


class PlateReader(Protocol):
    """Reads every plate in a picture."""

    name: str
    accept: float
    """The confidence at which a text is taken without asking the guard."""

    def read(self, picture: NDArray[np.generic], region: Region = ()) -> tuple[Plate, ...]:
        """Give the plates whose middle lies in a region, the best first; never raises.

        Of those at or above the accept line the largest, as the nearest, comes first; the others
        follow by confidence.
        """


def status_of(plate: Plate | None, accept: float) -> Status:
    """Say what a sighting is worth: None is a vehicle without any plate to be seen."""
    if plate is None:
        return "none"
    if not plate.text:
        return "unread"
    return "read" if plate.confidence >= accept else "unsure"
