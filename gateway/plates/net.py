"""The first reader: a detector, a recogniser, and closer looks along the corners it finds.

Law: `read` never raises, whatever the array.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.plates import askew, find, line, locate
from gateway.plates.decode import presence
from gateway.plates.heap import give_back, set_apart
from gateway.plates.look import TWO, Look, decoded, joined, look, look_again
from gateway.plates.model import FOLDER, Models, Runtime, open_models
from gateway.plates.picture import (
    SIDE_MAX,
    Corners,
    Picture,
    as_picture,
    box_of,
    cut_out,
    is_crop,
    mapped,
    widened,
    within,
)  # fmt: skip
from gateway.plates.reader import Plate, Region

FIRST_LOOK: Final = (1.25, 1.5)
"""How much wider and higher than the detector's corners the first look is."""
SECOND_LOOK: Final = (1.04, 1.12)
THIRD_LOOK: Final = (1.0, 1.0)
BEYOND: Final = 1.1
"""A plate that is seen so much wider than it was looked for goes on beyond what was looked at."""
MOVED: Final = 0.04
"""Of its width: so far must an unsure plate's corners move for another round of looks."""
AGAIN_MAX: Final = 4
PRESENT: Final = 0.5
"""Below this, what was looked at is no plate."""
CLEAR: Final = 0.9
"""From here on what stands nearer counts for more than what reads surer."""
WEAK: Final = 0.5
"""A best reading below this makes the reader try the slower ways too."""
DOUBTFUL: Final = 0.1
"""Where the detector is at least so sure is looked at when nothing else reads well."""
NEAR: Final = 0.5
"""How much smaller the picture is that very near plates are looked for in."""
FAR: Final = 2.0
"""How much larger, for far ones."""
LEVEL: Final = 0.7
"""How sure the detector must be of what only lies level in another view."""
GIVE_BACK_EVERY: Final = 16
"""Pictures after which the memory that they left free goes back."""
SPARE: Final = 3
"""So many doubtful places, then so many of OpenCV's own search, are read at most."""
SPARE_CONFIDENCE: Final = 0.4
"""What the detector is not sure of must read well to be a plate."""


class NetReader:
    """Reads with the project's own nets."""

    name = "net"

    def __init__(self, models: Models) -> None:
        self._models = models
        self._pictures = 0
        self.accept = models.settings.accept
        self.runtime = models.runtime

    @classmethod
    def open(cls, folder: Path = FOLDER, runtime: Runtime = "best") -> "NetReader":
        """Open with the models of a folder; raises ModelRefused or ReaderMissing."""
        set_apart()
        return cls(open_models(folder, runtime))

    def read(self, picture: NDArray[np.generic], region: Region = ()) -> tuple[Plate, ...]:
        """Give every plate in a picture: of the sure, then of the clear ones the nearest first."""
        part = cut_out(picture, region)
        whole = as_picture(part.array)
        if whole is None:
            return ()
        shrunk, _ = within(whole, SIDE_MAX)
        # By sides, not by the factor: very large arrays were thinned out on the way here.
        back = part.array.shape[1] / shrunk.shape[1]
        side = max(find.MULTIPLE, round(find.SIDE * part.share))
        found = [
            placed(each, back, (part.left, part.top), picture.shape)
            for each in self._plates(shrunk, side, may_be_bare=not region)
        ]
        self._pictures += 1
        if self._pictures % GIVE_BACK_EVERY == 0:
            give_back()
        held = (each for each in found if part.holds(each.corners))
        return ranked(held, min(CLEAR, self.accept), self.accept)

    def _plates(self, picture: Picture, side: int, *, may_be_bare: bool) -> list[Plate]:
        bare = self._bare(picture) if may_be_bare else None
        if bare is not None and bare.confidence >= WEAK:
            return [bare]
        found = find.found(self._models.finder, picture, DOUBTFUL, side)
        line = self._models.settings.finder_accept
        clear = [corners for chance, corners in found if chance >= line]
        plates = [] if bare is None else [bare]
        plates += self._read_each(picture, clear, 0.0)
        if not _reads_well(plates):
            give_back()
            doubtful = [corners for _, corners in found[len(clear) :]]
            plates += self._read_each(picture, doubtful[:SPARE], SPARE_CONFIDENCE)
        if bare is None and not _reads_well(plates):
            plates += self._at(picture, line, round(NEAR * side))
        if not any(each.text for each in plates):
            plates += self._at(picture, line, round(FAR * side))
            give_back()
        if bare is None and not _reads_well(plates):
            plates += self._askew(picture, side)
        if not any(each.text for each in plates):
            spare = locate.candidates(picture, SPARE)
            plates += self._read_each(picture, spare, SPARE_CONFIDENCE)
        return _distinct(plates)

    def _at(self, picture: Picture, line: float, side: int) -> list[Plate]:
        """Look for plates with the picture in another size."""
        found = find.found(self._models.finder, picture, line, side)
        return self._read_each(picture, [corners for _, corners in found], SPARE_CONFIDENCE)

    def _askew(self, picture: Picture, side: int) -> list[Plate]:
        """Look for plates that lie askew, until one is read."""
        plates: list[Plate] = []
        for view, back in askew.views(picture):
            found = find.found(self._models.finder, view, LEVEL, side)
            places = [mapped(corners, back) for _, corners in found]
            plates += self._read_each(picture, places, SPARE_CONFIDENCE)
            if _reads_well(plates):
                break
        return plates

    def _read_each(
        self, picture: Picture, places: Sequence[Corners], confidence_min: float
    ) -> list[Plate]:
        read = [self._plate(picture, corners) for corners in places]
        return [each for each in read if each is not None and each.confidence >= confidence_min]

    def _bare(self, picture: Picture) -> Plate | None:
        """Read a crop: the whole of it is the first look."""
        if not is_crop(picture):
            return None
        height, width = picture.shape[:2]
        sides = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
        first = look(self._models, picture, sides)
        return None if presence(first.places) < PRESENT else self._closer(picture, first)

    def _plate(self, picture: Picture, corners: Corners) -> Plate | None:
        """Read what lies within corners; None when it is no plate."""
        first = look(self._models, picture, widened(corners, *FIRST_LOOK))
        for _ in range(AGAIN_MAX):
            if presence(first.places) < PRESENT or span(first.corners) <= BEYOND * span(corners):
                break
            corners = first.corners
            first = look(self._models, picture, widened(corners, *FIRST_LOOK))
        if presence(first.places) < PRESENT:
            return None
        plate = self._closer(picture, first)
        enough = self._models.settings.enough
        return plate if plate.confidence >= enough else self._moved(picture, plate)

    def _moved(self, picture: Picture, plate: Plate) -> Plate:
        """Look anew around an unsure plate while that moves it: a piece of it was not looked at."""
        for _ in range(AGAIN_MAX):
            corners = np.array(plate.corners, np.float32)
            first = look(self._models, picture, widened(corners, *FIRST_LOOK))
            away = np.linalg.norm(first.corners - corners, axis=1).max()
            if presence(first.places) < PRESENT or away <= MOVED * span(corners):
                break
            again = self._closer(picture, first)
            if again.confidence <= plate.confidence:
                break
            plate = again
        return plate

    def _closer(self, picture: Picture, first: Look) -> Plate:
        """Look along the corners that were seen, and again, in two ways, while that is not sure."""
        # Of a plate of two lines the first look saw both at once: too small to be heard.
        looks = [first] if first.two_lines < TWO else []
        corners = first.corners
        for wider in (SECOND_LOOK, THIRD_LOOK):
            looks.append(look_again(self._models, picture, first, widened(corners, *wider)))
            corners = looks[-1].corners
            seen = joined(looks)
            plate = decoded(self._models, picture, seen)
            if plate.confidence >= self._models.settings.enough:
                return plate
        return line.asked(self._models, picture, seen) or plate


def placed(plate: Plate, back: float, offset: tuple[int, int], shape: tuple[int, ...]) -> Plate:
    """Give a plate's place in the picture as it came."""
    corners = np.array(plate.corners, np.float32) * back + np.array(offset, np.float32)
    box = box_of(np.asarray(corners, np.float32), shape)
    return replace(plate, box=box, corners=tuple((float(x), float(y)) for x, y in corners))


def span(corners: Corners) -> float:
    """Give how wide a plate is, along its upper side."""
    return float(np.linalg.norm(corners[1] - corners[0]))


def ranked(plates: Iterable[Plate], clear: float, sure: float) -> tuple[Plate, ...]:
    """Put the widest of the sure plates first, then of the clear ones: it stands nearest."""

    def rank(plate: Plate) -> tuple[int, float]:
        if plate.confidence < clear:
            return 2, -plate.confidence
        return int(plate.confidence < sure), -span(np.array(plate.corners, np.float32))

    return tuple(sorted(plates, key=rank))


def _reads_well(plates: list[Plate]) -> bool:
    return any(each.confidence >= WEAK for each in plates)


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
