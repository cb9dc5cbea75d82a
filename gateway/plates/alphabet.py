"""What the recogniser's outputs stand for: the order of its classes and colours.

The order belongs to a model's files and stands in their list: a net that was trained on fewer
kinds of plate says none of the others, and is asked for none.
"""

from dataclasses import dataclass
from typing import Final

from gateway.plates.grammar import (
    DIGITS,
    KINDS,
    LETTERS,
    MARKS,
    PROVINCES,
    RARE_MARKS,
    PlateKind,
    kinds_of,
)  # fmt: skip

NONE: Final = ""
COLOURS: Final = ("blue", "yellow", "green", "white", "black")
COLOUR_OF: Final[dict[PlateKind, str]] = {
    "blue": "blue",
    "yellow": "yellow",
    "green": "green",
    "police": "white",
    "learner": "yellow",
    "trailer": "yellow",
    "embassy": "black",
    "consulate": "black",
    "border": "black",
    "temporary": "white",
    "tractor": "green",
    "emergency": "white",
    "military": "white",
    "armed_police": "white",
}


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The characters and kinds of plate that a net was trained on."""

    characters: str
    """In the order of its classes; the class before them is "no character"."""
    kinds: tuple[PlateKind, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """What each output of a place stands for."""
        return (NONE, *self.characters)

    def kinds_of(self, text: str) -> tuple[PlateKind, ...]:
        """Name the kinds of plate that a text may be, of those that the net knows."""
        return tuple(kind for kind in kinds_of(text) if kind in self.kinds)


NEWEST: Final = Alphabet(PROVINCES + LETTERS + DIGITS + MARKS + RARE_MARKS, KINDS)
"""What the next training learns."""
