"""Bodies and thermometers as they are: noise, edges, cold, heaters, cups and hats.

A handheld infrared thermometer shows what it is pointed at, ten times a second. Numbers are those
of the screening literature: a heater or the cold fades within minutes, noise is 0.05 °C.
"""

import math
from random import Random

from tests.world.truth import Person

FADE_S = 150.0
"""In this time what a heater or the cold added falls to a third."""
PERIOD_S = 0.1

Sample = tuple[float, int, int]
"""Seconds since the one before, object and die in hundredths of a degree."""


def skin_centi_c(person: Person, since_s: float) -> int:
    """Tell what a perfect thermometer shows at this forehead, so long after the person came."""
    faded = person.warmed_centi_c * math.exp(-max(since_s, 0.0) / FADE_S)
    return person.body_centi_c + person.bias_centi_c + round(faded)


def draw_person(rng: Random, number: int, fever_share: float, warmed: int = 0) -> Person:
    """Draw a person: nobody stands at 37.3 °C, where two contact thermometers would differ."""
    if rng.random() < fever_share:
        body = 3736 + min(round(rng.expovariate(1 / 80.0)), 270)
    else:
        body = min(round(rng.gauss(3645, 22)), 3720)
    bias = max(-35, min(35, round(rng.gauss(0, 12))))
    return Person(number, body, bias, warmed)


def point_at(rng: Random, plateau: int, around: int, kind: str) -> list[Sample]:
    """Give the samples of one pointing: background, edge, plateau, edge, background."""
    rand = rng.random
    noise = 7 if kind != "stuck" else 0
    die = around + 150
    before = 3 if kind != "hasty" else 0
    count = {"wave": 2, "stuck": 58, "unstable": 12}.get(kind, 8 + int(rand() * 6))
    samples: list[Sample] = []
    add = samples.append
    for _ in range(before):
        add((PERIOD_S, around + int(rand() * 30) - 15, die + int(rand() * 5)))
    if kind != "hasty":
        add((PERIOD_S, (around + plateau) // 2 + int(rand() * 200), die + 1))
    spike = int(rand() * count) if kind == "spike" else -1
    for k in range(count):
        value = plateau + int(rand() * (2 * noise + 1)) - noise
        if kind == "unstable":
            value += 60 if k % 2 else -60
        elif k == spike:
            value = 4200
        add((PERIOD_S, value, die + (int(rand() * 5) if noise else 2)))
    add((PERIOD_S, (around + plateau) // 2 - int(rand() * 200), die + 2))
    for _ in range(4):
        add((PERIOD_S, around + int(rand() * 30) - 15, die + int(rand() * 5)))
    return samples


def short_point(samples: list[Sample]) -> list[Sample]:
    """Cut the tail: the thermometer went straight to the next person, 0.3 s later."""
    return samples[:-2]
