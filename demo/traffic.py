"""Who comes to a gate: a seeded stream of visits. The same seed gives the same traffic.

Shares are those of a plain day made a little harder, so that a minute shows everything: no-plate
vehicles, bicycles, people on foot, a warm person who is well and a feverish one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Traveller = Literal["vehicle", "bicycle", "person"]
Health = Literal["well", "warm", "feverish"]

BICYCLES = 0.08
WITHOUT_PLATE = 0.06
TWO_ABOARD = 0.15
WARM = 0.06
FEVERISH = 0.05


@dataclass(frozen=True, slots=True)
class Person:
    """One person and what a thermometer shows of them, time after time."""

    health: Health
    shows_centi_c: tuple[int, ...]
    """The last value goes on being shown."""

    def at(self, attempt: int) -> int:
        """Give what the thermometer shows at this attempt, counted from 0."""
        return self.shows_centi_c[min(attempt, len(self.shows_centi_c) - 1)]


@dataclass(frozen=True, slots=True)
class Visit:
    """One vehicle, bicycle or person on foot that comes through a lane."""

    number: int
    traveller: Traveller
    plated: bool
    persons: tuple[Person, ...]
    picture: Path | None = None
    """A real frame, when the camera shows such."""


def visits(seed: str, lane: str, *, measured: bool, pictures: tuple[Path, ...]) -> Iterator[Visit]:
    """Go on for ever with this lane's visits."""
    chance = random.Random(f"{seed}/{lane}")
    on_foot = lane.startswith("foot")
    order = list(pictures)
    chance.shuffle(order)
    number = 0
    while True:
        traveller: Traveller = "person" if on_foot else _vehicle(chance, real=bool(order))
        yield Visit(
            number=number,
            traveller=traveller,
            plated=traveller == "vehicle" and chance.random() >= WITHOUT_PLATE,
            persons=_aboard(chance, traveller) if measured else (),
            picture=order[number % len(order)] if order and traveller == "vehicle" else None,
        )
        number += 1


def _vehicle(chance: random.Random, *, real: bool) -> Traveller:
    # Real frames show cars: between them nothing is drawn that is none.
    return "bicycle" if not real and chance.random() < BICYCLES else "vehicle"


def _aboard(chance: random.Random, traveller: Traveller) -> tuple[Person, ...]:
    two = traveller == "vehicle" and chance.random() < TWO_ABOARD
    return tuple(_person(chance) for _ in range(2 if two else 1))


def _person(chance: random.Random) -> Person:
    draw = chance.random()
    if draw < FEVERISH:
        fever = chance.randint(3830, 3920)
        return Person("feverish", (fever, fever + 5, fever - 5))
    if draw < FEVERISH + WARM:
        # A driver from a heated car: high at first, then well below the line, not so far apart
        # that the two readings contradict each other.
        return Person("warm", (3715, 3675, 3670))
    return Person("well", (chance.randint(3610, 3665),))
