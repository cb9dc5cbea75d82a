"""What the recogniser learns from: drawn plates, real crops, and patches that are no plate."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import COLOUR_OF, COLOURS, NEWEST
from gateway.plates.grammar import PLACES_MAX, PlateKind
from gateway.plates.look import ROW, SIZE, TALL, laid, lit
from training.data import UNKNOWN, load_crops, standard_glyphs, validation_texts
from training.faces import draw_plate
from training.glyphs import BUILT_IN, Glyphs, Picture
from training.layouts import TWO_LINES, Shape, cells_of, shape_of
from training.texts import DOUBLE_LESSONS, LESSONS, random_plate
from training.wear import FIRST, boxed_corners, framed, lay, loose_corners, plain_ground
from training.weather import weather

Batch = tuple[NDArray[np.generic], ...]

DRAWN: Final = 0.50
REAL: Final = 0.44
"""Shares of the lessons; the rest is no plate."""
FONT: Final = 0.15
"""Of the drawn ones, with a font's glyphs instead of the standard's."""
FACE_WIDE: Final = 200
"""Pixels."""
SMALL: Final = (94, 24)
SMALL_SHARE: Final = 0.3
"""Of real crops, those squeezed as the public CCPD crops are, which lost their shape so."""
BOXED: Final = 0.4
"""Of real crops that are laid on a ground, those that slope in an upright box."""
HOWS: Final = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
_CLASS: Final = {character: place for place, character in enumerate(NEWEST.classes)}
_NOWHERE: Final = np.full(8, np.nan, np.float32)


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop and what is known of it."""

    picture: Picture
    places: NDArray[np.int64]
    corners: NDArray[np.float32]
    """Eight numbers in crop lengths; NaN where nobody knows."""
    colour: int
    lines: int
    """1 for two lines, 0 for one, UNKNOWN."""


def places_of(text: str) -> NDArray[np.int64]:
    """Give the class at each place; "none" after the last character.

    An O is written on plates as a 0 is; labels hold it as a 0.
    """
    names = [_CLASS["0" if character == "O" else character] for character in text]
    return np.array(names + [0] * (PLACES_MAX - len(names)), np.int64)


def face_of(
    text: str, kind: PlateKind, shape: Shape, rng: np.random.Generator, glyphs: Glyphs
) -> Picture:
    """Draw a face of the width that is enough for a crop."""
    scale = FACE_WIDE / cells_of(text, kind, shape)[0][0]
    return draw_plate(text, kind, rng, scale=scale, shape=shape, glyphs=glyphs)


def drawn_crop(
    rng: np.random.Generator,
    face: Picture,
    strength: float,
    ground: Picture | None,
    *,
    row: tuple[int, int] | None,
    first: float = FIRST,
) -> tuple[Picture, NDArray[np.float32]]:
    """Photograph a face as a look sees it: the crop and the plate's corners in crop lengths.

    With `row` a plate of two lines is laid out in a row of that size, as the second look lays it;
    its corners are gone.
    """
    size = TALL if row else SIZE
    steady = min(strength, 0.5) if row else strength
    corners = loose_corners(rng, size, 0.4 * steady if row else steady, first)
    if ground is None:
        ground = plain_ground(rng, size)
    laid_down = lay(framed(face, rng, strength), corners, cv2.resize(ground, size))
    seen = weather(laid_down, rng, strength)
    if row:
        return laid(seen, row), _NOWHERE
    return seen, (corners / np.array(size, np.float32)).reshape(8).astype(np.float32)


class Studio:
    """Makes samples without end from one seed."""

    def __init__(
        self, data: Path, seed: int, *, row: tuple[int, int] | None = None, first: float = FIRST
    ) -> None:
        self.row, self.first = row, first
        self.rng = np.random.default_rng(seed)
        self.kept_apart = validation_texts(data)
        self.crops = load_crops(data)
        often = Counter(crop.text[0] for crop in self.crops)
        weight = np.array([often[crop.text[0]] ** -0.5 for crop in self.crops])
        self.weight = np.cumsum(weight / weight.sum())
        self.standard = standard_glyphs(data)
        patches = sorted((data / "no_plate_patches").glob("*.jpg"))
        self.patches = [cv2.resize(cv2.imread(str(path)), SIZE) for path in patches]
        self.frames = sorted((data / "car_frames").glob("*.jpg"))
        self._frame: Picture | None = None

    def batches(self, size: int) -> Iterator[Batch]:
        """Give batches: pictures N x H x W x 3, places, corners, colours, lines."""
        while True:
            made = [self.sample() for _ in range(size)]
            yield (
                np.stack([lit(each.picture) for each in made]),
                np.stack([each.places for each in made]),
                np.stack([each.corners for each in made]),
                np.array([each.colour for each in made]),
                np.array([each.lines for each in made]),
            )

    def sample(self) -> Sample:
        """Make one sample of any kind."""
        chance = self.rng.random()
        if chance < DRAWN:
            return self.drawn()
        return self.real() if chance < DRAWN + REAL else self.empty()

    def drawn(self) -> Sample:
        """Draw a plate as a gate's camera may see it."""
        return self.drawn_of(LESSONS, self.row)

    def drawn_of(
        self,
        lessons: dict[PlateKind, float],
        row: tuple[int, int] | None,
        among: Collection[Shape] | None = None,
    ) -> Sample:
        """Draw a plate of some kinds and shapes; one of two lines laid in a row, if asked."""
        rng = self.rng
        text, kind = random_plate(rng, None, lessons)
        while text in self.kept_apart:
            text, kind = random_plate(rng, kind)
        shape = shape_of(kind, rng, among)
        two = shape in TWO_LINES
        cut = row if two else None
        glyphs = BUILT_IN if rng.random() < FONT else self.standard
        face = face_of(text, kind, shape, rng, glyphs)
        ground = self.surroundings() if rng.random() < 0.6 else None
        strength = float(rng.uniform(0.2, 1.15))
        picture, corners = drawn_crop(rng, face, strength, ground, row=cut, first=self.first)
        lines = UNKNOWN if cut else int(two)
        return Sample(picture, places_of(text), corners, COLOURS.index(COLOUR_OF[kind]), lines)

    def real(self) -> Sample:
        """Take a training crop, a little otherwise each time."""
        rng = self.rng
        chosen = int(np.searchsorted(self.weight, rng.random()))
        crop = self.crops[min(chosen, len(self.crops) - 1)]
        strength = float(rng.uniform(0.0, 0.8))
        face = crop.picture
        if rng.random() < SMALL_SHARE:
            face = np.asarray(
                cv2.resize(face, SMALL, interpolation=HOWS[rng.integers(3)]), np.uint8
            )
        if rng.random() < 0.35:
            ground = self.surroundings() if rng.random() < 0.6 else plain_ground(rng, SIZE)
            if rng.random() < BOXED * self.first / FIRST:
                corners = boxed_corners(rng, SIZE, strength)
            else:
                corners = loose_corners(rng, SIZE, strength, self.first)
            seen = lay(face, corners, ground)
        else:
            seen = lay(face, self.tight_corners(strength), cv2.resize(face, SIZE))
        # Of yellow ones nobody noted whether they have two lines.
        lines = UNKNOWN if crop.colour == COLOURS.index("yellow") else 0
        picture = weather(seen, rng, strength * 0.7)
        return Sample(picture, places_of(crop.text), _NOWHERE, crop.colour, lines)

    def tight_corners(self, strength: float) -> NDArray[np.float32]:
        """Turn and shift a crop that is a plate already; what is lost is lost."""
        width, height = SIZE
        whole = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        middle, rng = np.array((width / 2, height / 2)), self.rng
        away = (whole - middle) * rng.normal(1.03, 0.04 * strength, 2)
        turn, shear = rng.normal(0, 0.012 * strength), rng.normal(0, 0.16 * strength)
        away = away @ np.array(((1, turn), (-shear, 1)))
        jitter = rng.normal(0, 0.012 * strength, (4, 2)) * SIZE
        return np.asarray(away + middle + jitter, np.float32)

    def empty(self) -> Sample:
        """Take something that is no plate."""
        rng = self.rng
        if rng.random() < 0.5:
            picture = np.asarray(self.patches[int(rng.integers(0, len(self.patches)))], np.uint8)
        else:
            picture = self.surroundings()
        places = np.zeros(PLACES_MAX, np.int64)
        picture = weather(picture, rng, float(rng.uniform(0, 0.8)))
        return Sample(picture, places, _NOWHERE, UNKNOWN, UNKNOWN)

    def surroundings(self) -> Picture:
        """Cut a piece out of a street picture, of a plate's shape and any size."""
        rng = self.rng
        if self._frame is None or rng.random() < 0.1:
            self._frame = cv2.imread(str(self.frames[int(rng.integers(0, len(self.frames)))]))
        assert self._frame is not None
        height, width = self._frame.shape[:2]
        wide = int(rng.integers(40, 240))
        high = min(height - 1, max(12, round(wide * rng.uniform(0.25, 0.45))))
        left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        piece = self._frame[top : top + high, left : left + wide]
        return np.asarray(cv2.resize(piece, SIZE), np.uint8)


class Doubles(Studio):
    """Makes plates of two lines alone, laid in a row as the net for them sees them."""

    def sample(self) -> Sample:
        """Draw one; no public crop is of two lines."""
        return self.drawn_of(DOUBLE_LESSONS, ROW, TWO_LINES)
