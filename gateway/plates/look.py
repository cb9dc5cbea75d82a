"""One look of the recogniser: a crop along four corners, named place by place.

A plate of two lines is cut into them, and they are laid side by side: a net of its own then sees
seven characters in a row, nearly as large as any other plate's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import COLOURS
from gateway.plates.decode import Reading, calibrated, kind_of, shared_out, softmax, texts_of
from gateway.plates.model import Models
from gateway.plates.picture import Corners, Picture, box_of, flattened, mapped
from gateway.plates.reader import Plate

SIZE: Final = (168, 48)
"""Width and height of the crop that the recogniser looks at."""
TALL: Final = (168, 96)
"""Of a plate of two lines before it is cut into them."""
UPPER: Final = (0.04, 0.40, 0.06, 0.94)
"""Of such a plate, the upper line: top, bottom, left, right; three characters' and a margin."""
LOWER: Final = (0.37, 0.97, 0.02, 0.98)
UPPER_SHARE: Final = 3 / 7
"""Of a row of both lines, what the upper one is given: its characters are as wide then as those
below, though they stand further apart."""
ROW: Final = (252, 48)
"""Width and height of such a row, as the net for two lines looks at it: its characters are nearly
as large as those of one line are in a crop."""
BRIGHT: Final = 220
"""What is brightest in a crop is lifted to this: the recogniser sees dusk as it sees day."""
BRIGHTER_MAX: Final = 6.0
MIDDLE: Final = 128
LEVEL: Final = 50
"""Of 255: the brightness that the second reader's crops are brought to, and how far from it most of
one lies."""
SPREAD_MIN: Final = 4
"""What lies nearer together is not pulled apart further."""
TWO: Final = 0.5
"""From here on a plate is taken to have two lines."""
CONFIDENCE_MIN: Final = 0.05
"""A text less likely than this is no text: the plate is unread."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the recogniser said of one crop."""

    places: NDArray[np.float32]
    corners: Corners
    """In the picture that was given."""
    colours: NDArray[np.float32]
    two_lines: float
    """How likely the plate has two lines."""


def laid(tall: Picture, size: tuple[int, int] = ROW) -> Picture:
    """Cut a plate of two lines into them, and lay them side by side."""
    width, height = size
    upper = round(UPPER_SHARE * width)
    parts = []
    for (top, bottom, left, right), wide in ((UPPER, upper), (LOWER, width - upper)):
        rows = slice(round(top * tall.shape[0]), round(bottom * tall.shape[0]))
        columns = slice(round(left * tall.shape[1]), round(right * tall.shape[1]))
        part = tall[rows, columns]
        # Narrower and higher in two steps: no column may be passed over.
        narrow = cv2.resize(part, (wide, part.shape[0]), interpolation=cv2.INTER_AREA)
        parts.append(cv2.resize(narrow, (wide, height)))
    return np.asarray(np.hstack(parts), np.uint8)


def lit(crop: Picture) -> Picture:
    """Give a crop with the light turned up, if it is dark; a bright one as it is."""
    brightest = float(np.percentile(crop[::2, ::2], 98))
    if brightest >= BRIGHT:
        return crop
    alpha = min(BRIGHTER_MAX, BRIGHT / max(brightest, 1.0))
    return np.asarray(cv2.convertScaleAbs(crop, alpha=alpha), np.uint8)


def levelled(crop: Picture) -> Picture:
    """Give a crop the same light as every other: dark and dull ones read as others do."""
    spread = max(SPREAD_MIN, float(crop.std()))
    level = (crop - np.float32(crop.mean())) * np.float32(LEVEL / spread) + MIDDLE
    return np.asarray(np.clip(level + 0.5, 0, 255), np.uint8)


def row_within(picture: Picture, corners: Corners, *, two_lines: bool) -> Picture:
    """Cut a plate out as one row of characters, in the same light as every other."""
    crop, _ = flattened(picture, corners, TALL if two_lines else SIZE)
    return levelled(laid(crop, SIZE) if two_lines else crop)


def look(models: Models, picture: Picture, corners: Corners) -> Look:
    """Look at what lies within corners, as one line."""
    crop, turn = flattened(picture, corners, SIZE)
    blob = cv2.dnn.blobFromImage(lit(crop), 1 / 255)
    places, own, colours, lines = models.recogniser.run(blob)
    points = own.reshape(4, 2) * np.array(SIZE, np.float32)
    return Look(
        softmax(places[0], models.settings.temperature),
        mapped(np.asarray(points, np.float32), turn),
        softmax(colours[0]),
        1 / (1 + float(np.exp(-lines[0, 0]))),
    )


def look_again(models: Models, picture: Picture, first: Look, corners: Corners) -> Look:
    """Look along corners that a look saw; in the two lines that it saw, where it did."""
    if first.two_lines < TWO:
        return look(models, picture, corners)
    crop, _ = flattened(picture, corners, TALL)
    places, _, colours, _ = models.double.run(cv2.dnn.blobFromImage(lit(laid(crop)), 1 / 255))
    chances = softmax(places[0], models.settings.double_temperature)
    return Look(chances, first.corners, softmax(colours[0]), first.two_lines)


def joined(looks: Sequence[Look]) -> Look:
    """Give what several looks at one plate say together: their chances' geometric mean.

    A look that is sure of what the others did not see does not carry them, as it would if the
    surest were taken. The corners are the last one's.
    """
    logs = np.mean([np.log(np.maximum(each.places, 1e-9)) for each in looks], axis=0)
    colours = np.mean([each.colours for each in looks], axis=0)
    return replace(looks[-1], places=softmax(logs), colours=np.asarray(colours, np.float32))


def decoded(models: Models, picture: Picture, seen: Look) -> Plate:
    """Give the plate that a look saw; its text is "" when none is likely enough."""
    settings = models.settings
    texts = texts_of(seen.places, models.alphabet)
    confidence = calibrated(texts[0].chance, settings.slope, settings.offset) if texts else 0.0
    return plate_of(models, picture, seen, texts, confidence)


def plate_of(
    models: Models, picture: Picture, seen: Look, texts: Sequence[Reading], confidence: float
) -> Plate:
    """Give a plate of what it may say, the likeliest first, and how sure that one is."""
    if confidence < CONFIDENCE_MIN:
        texts, confidence = [], 0.0
    text, _, characters = texts[0] if texts else Reading("", 0.0, ())
    return Plate(
        text=text,
        plate_kind=kind_of(text, seen.colours, models.alphabet),
        confidence=confidence,
        characters=characters,
        box=box_of(seen.corners, picture.shape),
        corners=tuple((float(x), float(y)) for x, y in seen.corners),
        candidates=shared_out(texts, confidence),
        colour=COLOURS[int(seen.colours.argmax())],
    )
