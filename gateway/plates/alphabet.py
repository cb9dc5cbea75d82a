"""What the recogniser's outputs stand for: the order of its classes and colours.

A model file fits one order only: changing it means training again.
"""

from typing import Final

from gateway.plates.grammar import DIGITS, LETTERS, MARKS, PROVINCES, PlateKind

NONE: Final = ""
CLASSES: Final[tuple[str, ...]] = (NONE, *PROVINCES, *LETTERS, *DIGITS, *MARKS)
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
}
