"""Plates made up: which text stands on a plate of each kind, and how often a kind is seen."""

from typing import Final

import numpy as np

from gateway.plates.grammar import (
    BATTERY,
    DIGITS,
    KINDS,
    LETTERS,
    OTHER_ENERGY,
    PROVINCES,
    PlateKind,
)  # fmt: skip

SHARE: Final[dict[PlateKind, float]] = {
    "blue": 0.60,
    "green": 0.20,
    "yellow": 0.08,
    "police": 0.02,
    "learner": 0.03,
    "trailer": 0.02,
    "embassy": 0.01,
    "consulate": 0.01,
    "border": 0.03,
}
"""How often a kind comes to a gate; the others hardly ever do."""
LESSONS: Final[dict[PlateKind, float]] = {
    "blue": 0.17,
    "green": 0.13,
    "yellow": 0.09,
    "trailer": 0.02,
    "learner": 0.05,
    "police": 0.06,
    "embassy": 0.13,
    "consulate": 0.06,
    "border": 0.04,
    "temporary": 0.06,
    "tractor": 0.02,
    "emergency": 0.05,
    "military": 0.05,
    "armed_police": 0.07,
}
"""How often training draws a kind: no real crop teaches the rare ones, which are hard to learn."""
DOUBLE_LESSONS: Final[dict[PlateKind, float]] = {
    "blue": 0.03,
    "yellow": 0.15,
    "trailer": 0.07,
    "learner": 0.03,
    "police": 0.03,
    "embassy": 0.12,
    "consulate": 0.04,
    "tractor": 0.16,
    "emergency": 0.11,
    "military": 0.05,
    "armed_police": 0.21,
}
"""The same of plates of two lines."""


LIKE_DIGITS: Final = "DQTTTBZSGU"
"""Letters that are taken for digits, drawn twice as often as the others, T four times."""


def random_plate(
    rng: np.random.Generator,
    kind: PlateKind | None = None,
    shares: dict[PlateKind, float] = SHARE,
) -> tuple[str, PlateKind]:
    """Make up a plate: its text and kind, chosen by shares unless it is given."""
    if kind is None:
        kind = KINDS[int(rng.choice(len(KINDS), p=[shares.get(each, 0.0) for each in KINDS]))]
    return _TEXT[kind](rng), kind


def _of(rng: np.random.Generator, characters: str, count: int = 1) -> str:
    return "".join(characters[i] for i in rng.integers(0, len(characters), count))


def _office(rng: np.random.Generator) -> str:
    return _of(rng, PROVINCES) + _of(rng, LETTERS + LIKE_DIGITS)


def _serial(rng: np.random.Generator, count: int) -> str:
    """Digits with at most two letters among them, as offices give them out."""
    serial = list(_of(rng, DIGITS, count))
    for place in rng.choice(count, size=int(rng.integers(0, 3)), replace=False):
        serial[place] = _of(rng, LETTERS + LIKE_DIGITS)
    return "".join(serial)


def _green(rng: np.random.Generator) -> str:
    energy = _of(rng, "DDDD" + BATTERY + "FFF" + OTHER_ENERGY)
    if rng.random() < 0.2:
        return _office(rng) + _of(rng, DIGITS, 5) + energy
    return _office(rng) + energy + _of(rng, LETTERS + DIGITS * 3) + _of(rng, DIGITS, 4)


def _sided(rng: np.random.Generator, digits: str, mark: str) -> str:
    """Put the mark last, or first as it stood before."""
    return mark + digits if rng.random() < 0.15 else digits + mark


def _military(rng: np.random.Generator) -> str:
    letters = _of(rng, LETTERS, 2)
    return ("VA" if letters == "WJ" else letters) + _of(rng, DIGITS, 5)


def _armed_police(rng: np.random.Generator) -> str:
    province = _of(rng, PROVINCES) if rng.random() < 0.5 else ""
    return "WJ" + province + _of(rng, DIGITS, 4) + _of(rng, DIGITS * 2 + LETTERS)


_TEXT = {
    "blue": lambda rng: _office(rng) + _serial(rng, 5),
    "yellow": lambda rng: _office(rng) + _serial(rng, 5),
    "green": _green,
    "police": lambda rng: _office(rng) + _serial(rng, 4) + "警",
    "learner": lambda rng: _office(rng) + _serial(rng, 4) + "学",
    "trailer": lambda rng: _office(rng) + _serial(rng, 4) + "挂",
    "embassy": lambda rng: _sided(rng, _of(rng, DIGITS, 6), "使"),
    "consulate": lambda rng: _office(rng) + _of(rng, DIGITS, 4) + "领",
    "border": lambda rng: "粤Z" + _serial(rng, 4) + _of(rng, "港澳"),
    "temporary": lambda rng: (
        _office(rng) + _serial(rng, int(rng.integers(4, 6))) + _of(rng, "临临临试超")
    ),
    "tractor": lambda rng: _of(rng, PROVINCES) + _of(rng, DIGITS, 7),
    "emergency": lambda rng: _of(rng, PROVINCES) + _of(rng, "XS") + _of(rng, DIGITS, 4) + "应急",
    "military": _military,
    "armed_police": _armed_police,
}
