"""The public pictures that training reads, and the law that keeps the validation sets out of it.

DATA is a folder with `train_crops`, `car_frames`, `no_plate_patches`, `ga36_glyphs` and the
validation sets `dev_crops` and `dev_frames`, of which training reads the labels alone.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.alphabet import COLOURS
from training.glyphs import Glyphs, Picture

VALIDATION: Final = ("dev_crops", "dev_frames")
HELD_OUT: Final = 16
"""One plate text in so many is kept from training, for calibration."""
UNKNOWN: Final = -1
MISLABELLED: Final = Path(__file__).with_name("mislabelled.txt")
"""Training crops whose label names another plate, found where a net and the label differed and
looked at one by one: a net of these would learn, and be measured by, what is not there."""


class ValidationLeak(ValueError):  # noqa: N818 - named by what happened.
    """A plate of a validation set is about to be trained on."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A labelled training crop."""

    picture: Picture
    text: str
    colour: int
    """Its place in COLOURS, or UNKNOWN."""
    source: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A street picture and the boxes of its cars' plates: middle, width, height, relative."""

    path: Path
    boxes: tuple[tuple[float, float, float, float], ...]


def rows_of(index: Path) -> list[dict[str, str]]:
    """Read an index."""
    with index.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def validation_texts(data: Path) -> frozenset[str]:
    """Read every plate text of the validation sets."""
    rows = [row for name in VALIDATION for row in rows_of(data / name / "index.csv")]
    return frozenset(text for row in rows for text in row["label"].split("|"))


def check_apart(texts: Iterable[str], kept_apart: frozenset[str]) -> None:
    """Raise ValidationLeak when a text stands in a validation set; an O is written as a 0."""
    apart = {text.replace("O", "0") for text in kept_apart}
    found = {text for text in texts if text.replace("O", "0") in apart}
    if found:
        raise ValidationLeak(f"{len(found)} plates of the validation sets are among the lessons")


def is_held_out(text: str) -> bool:
    """Tell whether a plate is kept for calibration, by its text alone."""
    return hashlib.sha256(text.encode()).digest()[0] % HELD_OUT == 0


def load_crops(data: Path, *, held_out: bool = False) -> list[Crop]:
    """Load the training crops, or those held out; never one whose text a validation set has."""
    kept_apart = validation_texts(data)
    apart = {text.replace("O", "0") for text in kept_apart}
    wrong = frozenset(MISLABELLED.read_text(encoding="utf-8").split())
    crops = []
    for row in rows_of(data / "train_crops/index.csv"):
        text = row["label"]
        if text.replace("O", "0") in apart or is_held_out(text) != held_out or row["file"] in wrong:
            continue
        picture = cv2.imread(str(data / "train_crops" / row["file"]))
        assert picture is not None, row["file"]
        name = row["plate_colour"]
        colour = COLOURS.index(name) if name in COLOURS else UNKNOWN
        crops.append(Crop(np.asarray(picture, np.uint8), text, colour, row["source"]))
    check_apart((crop.text for crop in crops), kept_apart)
    return crops


def load_frames(data: Path) -> list[Frame]:
    """List the street pictures."""
    frames = []
    for row in rows_of(data / "car_frames/index.csv"):
        listed = [box for box in row["plate_boxes_cx_cy_w_h_relative"].split("|") if box]
        boxes = [tuple(float(each) for each in box.split(",")) for box in listed]
        frames.append(Frame(data / "car_frames" / row["file"], tuple(boxes)))  # type: ignore[arg-type]
    return frames


def standard_glyphs(data: Path) -> Glyphs:
    """Give the standard's own glyphs."""
    return Glyphs(data / "ga36_glyphs/font_model")
