"""From the recogniser's probabilities to texts that are plates.

Pure. The grammar forbids, it never corrects: what is chosen is the most probable valid text.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import COLOUR_OF, COLOURS, Alphabet
from gateway.plates.grammar import PLACES_MAX, kinds_of

Chances = NDArray[np.float32]

CHOICES: Final = 6
"""Classes that are considered at each place."""
BREADTH: Final = 48
"""Beginnings that are kept from place to place."""
CHANCE_MIN: Final = 0.002
"""A class less likely than this is considered only where it is the likeliest."""


class Reading(NamedTuple):
    """What a plate may say."""

    text: str
    chance: float
    """How likely the whole of it is, before calibration."""
    characters: tuple[float, ...]
    """The same for each character."""


def softmax(logits: Chances, temperature: float = 1.0) -> Chances:
    """Turn logits into probabilities along the last axis."""
    raised = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def calibrated(chance: float, slope: float, offset: float) -> float:
    """Turn a product of probabilities into how often such a reading is right (Platt's line).

    >>> calibrated(0.5, 1.0, 0.0), calibrated(0.0, 1.0, 0.0)
    (0.5, 0.0)
    """
    if chance <= 0.0:
        return 0.0
    odds = math.log(chance / max(1.0 - chance, 1e-6))
    return 1.0 / (1.0 + math.exp(-(slope * odds + offset)))


def texts_of(places: Chances, alphabet: Alphabet, count: int = 5) -> list[Reading]:
    """Give the most probable valid plates.

    `places` holds, for each of the 8 places, the probability of each class.
    """
    beams: list[tuple[float, tuple[int, ...]]] = [(1.0, ())]
    best = [_options(chances) for chances in places]
    for place in range(PLACES_MAX):
        longer = []
        for chance, names in beams:
            ended = bool(names) and names[-1] == 0
            options = [0] if ended else best[place]
            longer += [(chance * float(places[place, i]), (*names, i)) for i in options]
        longer.sort(key=lambda beam: -beam[0])
        beams = longer[:BREADTH]
    found, classes = [], alphabet.classes
    for chance, names in beams:
        text = spelt("".join(classes[i] for i in names))
        if alphabet.kinds_of(text):
            shown = tuple(float(places[place, i]) for place, i in enumerate(names[: len(text)]))
            found.append(Reading(text, chance, shown))
            if len(found) == count:
                break
    return found


def shared_out(texts: Sequence[Reading], confidence: float) -> tuple[tuple[str, float], ...]:
    """Give candidates with probabilities that agree with the first one's confidence."""
    rest = max(1.0 - texts[0].chance, 1e-9) if texts else 1.0
    others = [(text, chance / rest * (1.0 - confidence)) for text, chance, _ in texts[1:]]
    return tuple([(text, confidence) for text, _, _ in texts[:1]] + others)


def spelt(text: str) -> str:
    """Spell the office's O, which is drawn as a 0 and stands on old official plates only."""
    return text if kinds_of(text) or text[1:2] != "0" else f"{text[0]}O{text[2:]}"


def _options(chances: Chances) -> list[int]:
    """Give the classes worth considering at a place."""
    order = np.argsort(-chances)[:CHOICES]
    return [int(i) for n, i in enumerate(order) if n == 0 or chances[i] >= CHANCE_MIN]


def kind_of(text: str, colours: Chances, alphabet: Alphabet) -> str:
    """Choose among the kinds that a text may be by the colour that was seen."""
    kinds = alphabet.kinds_of(text)
    if not kinds:
        return ""
    return max(kinds, key=lambda kind: float(colours[COLOURS.index(COLOUR_OF[kind])]))


def presence(places: Chances) -> float:
    """Give how likely there is a plate at all: that most of its places hold something."""
    return float(np.sort(1 - places[:7, 0])[1:].mean())
