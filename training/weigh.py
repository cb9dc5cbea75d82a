"""Find what the second reader's word is worth, on calibration's pictures.

The plates that the first reader is unsure of are read by the second one. How much oftener it
agrees with what is right than with what is wrong is what an agreement multiplies the odds by
(`gateway/plates/both.py`); and the same of differing.
"""

from collections import Counter
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.both import HEARD_MIN
from gateway.plates.model import open_models
from gateway.plates.net import NetReader
from gateway.plates.picture import as_picture
from gateway.plates.tesseract import TesseractReader
from training.calibrate import Labelled, held_out, of_every_kind, streets

SEED: Final = 4011
"""Not calibration's own: the accept line was found there."""
KIND: Final = 1.28
"""Standard deviations: chance is kinder than that in one case of ten."""


def heard(
    first: NetReader, second: TesseractReader, pictures: Labelled
) -> Counter[tuple[bool, str]]:
    """Count what the second reader says of unsure plates, by whether the first is right."""
    counted: Counter[tuple[bool, str]] = Counter()
    for picture, labels in pictures:
        plate = next(iter(first.read(picture)), None)
        whole = as_picture(picture)
        if plate is None or whole is None or not plate.text or plate.confidence >= first.accept:
            continue
        corners = np.array(plate.corners, np.float32)
        said, sure = second.line(whole, corners)
        right = plate.text in labels
        if said == plate.text:
            counted[right, "agrees"] += 1
        elif said and sure >= HEARD_MIN:
            counted[right, "right" if said in labels else "differs"] += 1
        else:
            counted[right, "says nothing"] += 1
    return counted


def weigh(data: Path, count: int) -> None:
    """Print the counts of each set, and what both factors are at least."""
    cv2.setNumThreads(1)
    models = open_models()
    first, second = NetReader(models), TesseractReader.open(models)
    sets: dict[str, Labelled] = {
        "held-out crops": [(crop.picture, (crop.text,)) for crop in held_out(data)],
        "in streets": streets(data, SEED, count),
        "drawn": of_every_kind(data, SEED, count, models.alphabet),
    }
    together: Counter[tuple[bool, str]] = Counter()
    for name, pictures in sets.items():
        counted = heard(first, second, pictures)
        together += counted
        told = {
            f"{'right' if known else 'wrong'}, {word}": n for (known, word), n in counted.items()
        }
        print(name, len(pictures), told, flush=True)
    right, wrong = (
        {word: together[known, word] for word in ("agrees", "differs", "right", "says nothing")}
        for known in (True, False)
    )
    for of in (("agrees",), ("differs", "right")):
        said = [sum(each[word] for word in of) for each in (right, wrong)]
        asked = [sum(each.values()) for each in (right, wrong)]
        print(
            f"{of[0]}: {said[0]} of {asked[0]} right, {said[1]} of {asked[1]} wrong; the factor is"
        )
        print(f"{max(odds(said, asked), odds(said[::-1], asked[::-1])):.1f} at least")


def odds(said: list[int], asked: list[int]) -> float:
    """Give how much oftener something is said of the first than of the second, at least.

    Both shares are taken at the less kind end of Wilson's interval.
    """
    few, many = bound(said[0], asked[0], -KIND), bound(said[1], asked[1], KIND)
    return few / max(many, 1e-6)


def bound(count: int, total: int, deviations: float) -> float:
    """Give the end of Wilson's interval of a share."""
    if not total:
        return 0.5
    share, squared = count / total, deviations**2
    middle = share + squared / (2 * total)
    wide = deviations * (share * (1 - share) / total + squared / (4 * total**2)) ** 0.5
    return (middle + wide) / (1 + squared / total)
