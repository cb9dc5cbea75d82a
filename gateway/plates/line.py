"""The line net: reads a plate from left to right, where the recogniser's looks are not sure.

It names columns of four pixels rather than places, so it errs elsewhere than the recogniser does.
What it makes of every text that the looks think possible is weighed with what they make of it.
Columns are summed up as A. Graves et al. do (Connectionist Temporal Classification, 2006).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import Alphabet
from gateway.plates.decode import Chances, Reading, calibrated, softmax, spelt, texts_of
from gateway.plates.look import TWO, Look, plate_of, row_within
from gateway.plates.model import Models
from gateway.plates.picture import Picture
from gateway.plates.reader import Plate

WEIGHT: Final = 0.5
"""What its word counts for beside the looks' own: of training's pictures most are read so."""
OTHERS: Final = 1e-3
"""The weight of all texts that neither thought of."""
TEXTS: Final = 25
"""So many texts of the looks are weighed."""
SHOWN: Final = 5
"""So many of them are given."""
CHANCE_MIN: Final = 1e-9


def asked(models: Models, picture: Picture, seen: Look) -> Plate | None:
    """Ask the line net about what looks saw; None where there is none, or no text."""
    if models.line is None:
        return None
    row = row_within(picture, seen.corners, two_lines=seen.two_lines >= TWO)
    (named, *_) = models.line.run(by_fours(row))
    readings = weighed(seen.places, softmax(named[0]), models.alphabet)
    if not readings:
        return None
    settings = models.settings
    sure = calibrated(readings[0].chance, settings.line_slope, settings.line_offset)
    return plate_of(models, picture, seen, readings, sure)


def by_fours(row: Picture) -> NDArray[np.float32]:
    """Give a crop as the net sees it: 1 x 12 x 24 x 84, -1 to 1, four pixels behind one another."""
    height, width = row.shape[:2]
    apart = row[..., ::-1].reshape(height // 2, 2, width // 2, 2, 3).transpose(3, 1, 4, 0, 2)
    scaled = apart.reshape(1, -1, height // 2, width // 2).astype(np.float32)
    return np.asarray(scaled / 127.5 - 1, np.float32)


def weighed(places: Chances, columns: Chances, alphabet: Alphabet) -> list[Reading]:
    """Weigh what a plate may say by both nets; the likeliest first.

    `places` are the looks' 8 x classes, `columns` the line net's 42 x classes.
    """
    known = {each.text for each in texts_of(places, alphabet, TEXTS)}
    known.add(said(columns, alphabet))
    texts = sorted(text for text in known if alphabet.kinds_of(text))
    names = [names_of(text, alphabet) for text in texts]
    logs = np.log(np.maximum(columns, CHANCE_MIN))
    chances = np.array([chance_of(places, each) for each in names])
    weights = chances * np.exp(WEIGHT * np.array([log_chance(logs, each) for each in names]))
    shares = weights / (weights.sum() + OTHERS)
    order = np.argsort(-shares, kind="stable")[:SHOWN]
    return [
        Reading(texts[n], float(shares[n]), _characters(texts[n], texts, shares)) for n in order
    ]


def said(columns: Chances, alphabet: Alphabet) -> str:
    """Give what the columns' likeliest names spell: those that say the same are one character.

    >>> said(np.eye(3)[[0, 1, 1, 0, 1, 2, 0]], Alphabet("AB", ()))
    'AAB'
    """
    best = columns.argmax(axis=1)
    new = np.concatenate([[True], best[1:] != best[:-1]])
    return spelt("".join(alphabet.classes[name] for name in best[new]))


def names_of(text: str, alphabet: Alphabet) -> list[int]:
    """Give the classes of a text's characters; an office's O is drawn as a 0."""
    return [alphabet.classes.index("0" if each == "O" else each) for each in text]


def chance_of(places: Chances, names: list[int]) -> float:
    """Give how likely the looks think a text: the product of its places."""
    whole = names + [0] * (len(places) - len(names))
    return float(np.maximum(places[np.arange(len(places)), whole], CHANCE_MIN).prod())


def log_chance(logs: Chances, names: list[int]) -> float:
    """Give the logarithm of how likely the columns think a text, in whatever columns it stands.

    >>> round(float(np.exp(log_chance(np.log(np.full((2, 2), 0.5)), [1]))), 3)
    0.75
    """
    # None before, between and after the characters.
    states = np.zeros(2 * len(names) + 1, int)
    states[1::2] = names
    skips = np.zeros(len(states), bool)
    skips[2:] = (states[2:] != 0) & (states[2:] != states[:-2])
    along = np.full(len(states), -np.inf)
    along[:2] = logs[0, states[:2]]
    for column in logs[1:]:
        came = along.copy()
        came[1:] = np.logaddexp(came[1:], along[:-1])
        came[2:] = np.where(skips[2:], np.logaddexp(came[2:], along[:-2]), came[2:])
        along = came + column[states]
    return float(np.logaddexp(along[-1], along[-2]))


def _characters(text: str, texts: list[str], shares: NDArray[np.float64]) -> tuple[float, ...]:
    """Give for each character the share of all texts that have it there."""
    return tuple(
        float(sum(share for other, share in zip(texts, shares, strict=True)
                  if other[place : place + 1] == character))
        for place, character in enumerate(text)
    )  # fmt: skip
