"""The first reader: a detector, a recogniser, and a second look along the corners it finds.

Law: `read` never raises, whatever the array.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates import find, locate
from gateway.plates.decode import kind_of, presence, softmax, texts_of
from gateway.plates.model import FOLDER, Settings, open_nets
from gateway.plates.picture import (
    SIDE_MAX,
    Corners,
    Picture,
    as_picture,
    box_of,
    flattened,
    mapped,
    widened,
    within,
)  # fmt: skip
from gateway.plates.reader import Plate

SIZE: Final = (168, 48)
"""Width and height of the crop that the recogniser looks at."""
OUTPUTS: Final = ("places", "corners", "colour")
FIRST_LOOK: Final = (1.25, 1.5)
"""How much wider and higher than the detector's corners the first look is."""
SECOND_LOOK: Final = (1.04, 1.12)
PRESENT: Final = 0.5
"""Below this, what was looked at is no plate."""
BARE_WIDTH_MAX: Final = 260
"""Up to this width a picture of a plate's shape is taken for a bare crop."""
WEAK: Final = 0.5
"""A best reading below this makes the reader try the slower ways too."""
DOUBTFUL: Final = 0.1
"""Where the detector is at least so sure is looked at when nothing else reads well."""
SPARE: Final = 3
"""So many doubtful places, then so many of OpenCV's own search, are read at most."""
SPARE_CONFIDENCE: Final = 0.4
"""What the detector is not sure of must read well to be a plate."""
CONFIDENCE_MIN: Final = 0.05
"""A text less likely than this is no text: the plate is unread."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the recogniser said of one crop."""

    places: NDArray[np.float32]
    corners: Corners
    """In the picture that was given."""
    colours: NDArray[np.float32]


class NetReader:
    """Reads with the project's own nets in cv2.dnn."""

    name = "net"

    def __init__(self, finder: Any, recogniser: Any, settings: Settings) -> None:
        self._finder = finder
        self._recogniser = recogniser
        self._settings = settings
        self.accept = settings.accept

    @classmethod
    def open(cls, folder: Path = FOLDER) -> "NetReader":
        """Open with the models of a folder; raises ModelRefused."""
        return cls(*open_nets(folder))

    def read(self, picture: NDArray[np.generic]) -> tuple[Plate, ...]:
        """Give every plate in a picture: of the sure ones the nearest first, then by confidence."""
        whole = as_picture(picture)
        if whole is None:
            return ()
        shrunk, _ = within(whole, SIDE_MAX)
        # By sides, not by the factor: very large arrays were thinned out on the way here.
        back = picture.shape[1] / shrunk.shape[1]
        plates = [_enlarged(each, back, picture.shape) for each in self._plates(shrunk)]
        return tuple(sorted(plates, key=self._rank))

    def _rank(self, plate: Plate) -> tuple[bool, float]:
        """Put the widest of the sure plates first: a gate asks for the vehicle before it."""
        if plate.confidence < self.accept:
            return True, -plate.confidence
        (left, top), (right, bottom) = plate.corners[:2]
        return False, -float(np.hypot(right - left, bottom - top))

    def _plates(self, picture: Picture) -> list[Plate]:
        bare = self._bare(picture)
        if bare is not None and bare.confidence >= WEAK:
            return [bare]
        found = find.found(self._finder, picture, DOUBTFUL)
        clear = [corners for chance, corners in found if chance >= self._settings.finder_accept]
        plates = [] if bare is None else [bare]
        plates += self._read_each(picture, clear, 0.0)
        if not any(each.confidence >= WEAK for each in plates):
            doubtful = [corners for _, corners in found[len(clear) :]]
            plates += self._read_each(picture, doubtful[:SPARE], SPARE_CONFIDENCE)
        if not any(each.text for each in plates):
            spare = locate.candidates(picture, SPARE)
            plates += self._read_each(picture, spare, SPARE_CONFIDENCE)
        return _distinct(plates)

    def _read_each(
        self, picture: Picture, places: Sequence[Corners], confidence_min: float
    ) -> list[Plate]:
        read = [self._plate(picture, corners) for corners in places]
        return [each for each in read if each is not None and each.confidence >= confidence_min]

    def _bare(self, picture: Picture) -> Plate | None:
        """Read a small crop whole, as it is and along the corners seen in it."""
        height, width = picture.shape[:2]
        if width > BARE_WIDTH_MAX or not 1.3 < width / height < 7:
            return None
        sides = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
        first = self._look(picture, sides)
        if presence(first.places) < PRESENT:
            return None
        either = (self._decoded(picture, first), self._second(picture, first))
        return max(either, key=lambda plate: plate.confidence)

    def _plate(self, picture: Picture, corners: Corners) -> Plate | None:
        """Read what lies within corners; None when it is no plate."""
        first = self._look(picture, widened(corners, *FIRST_LOOK))
        if presence(first.places) < PRESENT:
            return None
        return self._second(picture, first)

    def _second(self, picture: Picture, first: Look) -> Plate:
        """Read along the corners that a first look saw; once more when that is not sure."""
        second = self._look(picture, widened(first.corners, *SECOND_LOOK))
        plate = self._decoded(picture, second)
        if plate.confidence >= self.accept:
            return plate
        third = self._look(picture, widened(second.corners, *SECOND_LOOK))
        return max(plate, self._decoded(picture, third), key=lambda each: each.confidence)

    def _look(self, picture: Picture, corners: Corners) -> Look:
        crop, turn = flattened(picture, corners, SIZE)
        self._recogniser.setInput(cv2.dnn.blobFromImage(crop, 1 / 255))
        places, own, colours = self._recogniser.forward(OUTPUTS)
        points = own.reshape(4, 2) * np.array(SIZE, np.float32)
        return Look(
            softmax(places[0], self._settings.temperature),
            mapped(np.asarray(points, np.float32), turn),
            softmax(colours[0]),
        )

    def _decoded(self, picture: Picture, look: Look) -> Plate:
        texts = texts_of(look.places)
        if not texts or texts[0][1] < CONFIDENCE_MIN:
            texts = [("", 0.0, ())]
        text, confidence, characters = texts[0]
        return Plate(
            text=text,
            plate_kind=kind_of(text, look.colours),
            confidence=confidence,
            characters=characters,
            box=box_of(look.corners, picture.shape),
            corners=tuple((float(x), float(y)) for x, y in look.corners),
            candidates=tuple((each, chance) for each, chance, _ in texts if each),
        )


def _enlarged(plate: Plate, back: float, shape: tuple[int, ...]) -> Plate:
    """Give a plate's place in the picture as it came."""
    if back == 1.0:
        return plate
    corners = np.array(plate.corners, np.float32) * back
    return Plate(
        text=plate.text,
        plate_kind=plate.plate_kind,
        confidence=plate.confidence,
        characters=plate.characters,
        box=box_of(corners, shape),
        corners=tuple((float(x), float(y)) for x, y in corners),
        candidates=plate.candidates,
    )


def _distinct(plates: list[Plate]) -> list[Plate]:
    """Keep the most confident of those that lie over one another."""
    kept: list[Plate] = []
    for plate in sorted(plates, key=lambda each: -each.confidence):
        if all(_apart(plate, other) for other in kept):
            kept.append(plate)
    return kept


def _apart(first: Plate, second: Plate) -> bool:
    (x1, y1, w1, h1), (x2, y2, w2, h2) = first.box, second.box
    wide = min(x1 + w1, x2 + w2) - max(x1, x2)
    high = min(y1 + h1, y2 + h2) - max(y1, y2)
    return wide <= 0 or high <= 0 or wide * high < 0.3 * min(w1 * h1, w2 * h2)
