"""What the recogniser learns from: drawn plates, real crops, and patches that are no plate.

Validation pictures never come here: a crop whose text stands in a validation index is left out.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.alphabet import CLASSES, COLOUR_OF, COLOURS
from gateway.plates.grammar import KINDS, PLACES_MAX, PlateKind
from training.faces import BUILT_IN, Glyphs, Picture, draw_plate, random_plate
from training.net import HEIGHT, WIDTH
from training.wear import lay, loose_corners, plain_ground, weather

SIZE: Final = (WIDTH, HEIGHT)
UNKNOWN: Final = -1
LESSONS: Final[dict[PlateKind, float]] = {
    "blue": 0.40,
    "green": 0.18,
    "yellow": 0.14,
    "trailer": 0.10,
    "learner": 0.04,
    "police": 0.03,
    "embassy": 0.06,
    "consulate": 0.02,
    "border": 0.03,
}
"""How often a kind is drawn: two lines, and digits first, are hard to learn and rare in life."""
HELD_OUT: Final = 16
"""One plate text in so many is kept from training, for calibration."""
_CLASS: Final = {character: place for place, character in enumerate(CLASSES)}


@dataclass(frozen=True, slots=True)
class Sample:
    """A crop and what is known of it."""

    picture: Picture
    places: NDArray[np.int64]
    corners: NDArray[np.float32]
    """Eight numbers in crop lengths; NaN where nobody knows."""
    colour: int


def places_of(text: str) -> NDArray[np.int64]:
    """Give the class at each place; "none" after the last character.

    An O is written on plates as a 0 is; labels hold it as a 0.
    """
    names = [_CLASS["0" if character == "O" else character] for character in text]
    return np.array(names + [0] * (PLACES_MAX - len(names)), np.int64)


def is_held_out(text: str) -> bool:
    """Tell whether a plate is kept for calibration, by its text alone."""
    return hashlib.sha256(text.encode()).digest()[0] % HELD_OUT == 0


def labels_of(index: Path) -> set[str]:
    """Read every plate text of an index."""
    with index.open(encoding="utf-8") as rows:
        return {text for row in csv.DictReader(rows) for text in row["label"].split("|")}


def load_crops(data: Path) -> list[tuple[Picture, str, int]]:
    """Load the training crops but those whose text stands in a validation set."""
    kept_apart = labels_of(data / "dev_crops/index.csv") | labels_of(data / "dev_frames/index.csv")
    crops = []
    with (data / "train_crops/index.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["label"] in kept_apart:
                continue
            picture = cv2.imread(str(data / "train_crops" / row["file"]))
            name = row["plate_colour"]
            colour = COLOURS.index(name) if name in COLOURS else UNKNOWN
            assert picture is not None, row["file"]
            crops.append((np.asarray(picture, np.uint8), row["label"], colour))
    assert not kept_apart & {text for _, text, _ in crops}
    return crops


class Studio:
    """Makes samples without end from one seed."""

    def __init__(self, data: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.crops = [each for each in load_crops(data) if not is_held_out(each[1])]
        often = Counter(text[0] for _, text, _ in self.crops)
        weight = np.array([often[text[0]] ** -0.5 for _, text, _ in self.crops])
        self.weight = np.cumsum(weight / weight.sum())
        self.standard = Glyphs(data / "ga36_glyphs/font_model")
        self.patches = sorted((data / "no_plate_patches").glob("*.jpg"))
        self.frames = sorted((data / "car_frames").glob("*.jpg"))
        self._frame: Picture | None = None

    def batches(self, size: int) -> Iterator[tuple[NDArray[np.uint8], ...]]:
        """Give batches: pictures N x H x W x 3, places, corners, colours."""
        while True:
            made = [self.sample() for _ in range(size)]
            yield (
                np.stack([each.picture for each in made]),
                np.stack([each.places for each in made]),
                np.stack([each.corners for each in made]),
                np.array([each.colour for each in made]),
            )

    def sample(self) -> Sample:
        """Make one sample of any kind."""
        chance = self.rng.random()
        if chance < 0.46:
            return self.drawn()
        return self.real() if chance < 0.94 else self.empty()

    def drawn(self) -> Sample:
        """Draw a plate as a gate's camera may see it."""
        rng = self.rng
        kind = KINDS[int(rng.choice(len(KINDS), p=[LESSONS[each] for each in KINDS]))]
        text, _ = random_plate(rng, kind)
        glyphs = BUILT_IN if rng.random() < 0.15 else self.standard
        double = kind == "trailer" or (kind == "yellow" and rng.random() < 0.5)
        face = draw_plate(text, kind, rng, scale=0.45, double=double, glyphs=glyphs)
        strength = float(rng.uniform(0.2, 1.15))
        corners = loose_corners(rng, SIZE, strength)
        ground = self.surroundings() if rng.random() < 0.6 else plain_ground(rng, SIZE)
        picture = weather(lay(face, corners, ground), rng, strength)
        relative = (corners / np.array(SIZE, np.float32)).reshape(8)
        return Sample(picture, places_of(text), relative, COLOURS.index(COLOUR_OF[kind]))

    def real(self) -> Sample:
        """Take a training crop, a little otherwise each time."""
        rng = self.rng
        chosen = int(np.searchsorted(self.weight, rng.random()))
        picture, text, colour = self.crops[min(chosen, len(self.crops) - 1)]
        strength = float(rng.uniform(0.0, 0.8))
        if rng.random() < 0.35:
            ground = self.surroundings() if rng.random() < 0.6 else plain_ground(rng, SIZE)
            crop = lay(picture, loose_corners(rng, SIZE, strength), ground)
        else:
            crop = lay(picture, self.tight_corners(strength), cv2.resize(picture, SIZE))
        nobody_knows = np.full(8, np.nan, np.float32)
        return Sample(weather(crop, rng, strength * 0.7), places_of(text), nobody_knows, colour)

    def tight_corners(self, strength: float) -> NDArray[np.float32]:
        """Turn and shift a crop that is a plate already; what is lost is lost."""
        whole = np.array([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], np.float32)
        middle, rng = np.array((WIDTH / 2, HEIGHT / 2)), self.rng
        away = (whole - middle) * rng.normal(1.03, 0.04 * strength, 2)
        turn, shear = rng.normal(0, 0.012 * strength), rng.normal(0, 0.16 * strength)
        away = away @ np.array(((1, turn), (-shear, 1)))
        jitter = rng.normal(0, 0.012 * strength, (4, 2)) * SIZE
        return np.asarray(away + middle + jitter, np.float32)

    def empty(self) -> Sample:
        """Take something that is no plate."""
        rng = self.rng
        if rng.random() < 0.5:
            loaded = cv2.imread(str(self.patches[int(rng.integers(0, len(self.patches)))]))
            picture = np.asarray(cv2.resize(loaded, SIZE), np.uint8)
        else:
            picture = self.surroundings()
        places = np.zeros(PLACES_MAX, np.int64)
        picture = weather(picture, rng, float(rng.uniform(0, 0.8)))
        return Sample(picture, places, np.full(8, np.nan, np.float32), UNKNOWN)

    def surroundings(self) -> Picture:
        """Cut a piece out of a street picture, of a plate's shape and any size."""
        rng = self.rng
        if self._frame is None or rng.random() < 0.2:
            self._frame = cv2.imread(str(self.frames[int(rng.integers(0, len(self.frames)))]))
        assert self._frame is not None
        height, width = self._frame.shape[:2]
        wide = int(rng.integers(40, 240))
        high = min(height - 1, max(12, round(wide * rng.uniform(0.25, 0.45))))
        left, top = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        piece = self._frame[top : top + high, left : left + wide]
        return np.asarray(cv2.resize(piece, SIZE), np.uint8)
