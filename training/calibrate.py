"""Find what makes the probabilities honest, and the accept line, on training data alone.

Held-out training crops (by text, see data.is_held_out), the same laid into street pictures, and
newly drawn plates of every kind that the net knows are read as the gate reads them. Validation
pictures are never looked at.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.alphabet import Alphabet
from gateway.plates.decode import calibrated, softmax
from gateway.plates.grammar import PLACES_MAX
from gateway.plates.line import names_of
from gateway.plates.look import ROW, SIZE, lit
from gateway.plates.model import LIST, Models, Net, Settings, open_models
from gateway.plates.net import NetReader
from training.data import Crop, Picture, load_crops, standard_glyphs, validation_texts
from training.evaluate import drawn_frame
from training.frames import Street
from training.layouts import ONE_LINE, TWO_LINES, Shape, shape_of
from training.recogniser import drawn_set
from training.texts import DOUBLE_LESSONS, random_plate
from training.wear import lay
from training.weather import weather

SEED: Final = 4001
DRAWN: Final = 1500
STREETS: Final = 400
HARD: Final = (0.3, 1.2)
STREET_HARD: Final = (0.0, 0.5)
FLAT: Final = 2.0
"""A plate of one line is wider than high by more than this."""
STREET_WIDE_MIN: Final = 60
"""Pixels of the widest plate of a street picture."""
WRONG_MAX: Final = 0.0015
"""Of what is accepted of all sets together, at most this share may be wrong: half of what a gate
bears, for the sets are small."""
ENOUGH: Final = 0.995
"""Looks that are so sure end: to look again and to ask the line net costs little."""
UNSURE_SOURCE: Final = "hyperlpr_finemap"
"""Some of its labels are wrong, so it cannot say how often the reader is."""

Labelled = list[tuple[Picture, tuple[str, ...]]]
"""Pictures, and the plates in each."""


def held_out(data: Path) -> list[Crop]:
    """Give the training crops that no net was trained on, of sources whose labels are right."""
    return [crop for crop in load_crops(data, held_out=True) if crop.source != UNSURE_SOURCE]


def drawn(
    data: Path,
    seed: int,
    count: int,
    among: Collection[Shape],
    alphabet: Alphabet,
    row: tuple[int, int] | None = None,
) -> Labelled:
    """Draw plates of the kinds that the nets know with a seed of their own, hard ones too."""
    apart = validation_texts(data)
    made = zip(*drawn_set(data, seed, count, among, row=row, strength=HARD), strict=True)
    return [
        (np.asarray(face, np.uint8), (text,))
        for face, text in made
        if text not in apart and alphabet.kinds_of(text)
    ]


def two_lines(data: Path, seed: int, count: int) -> Labelled:
    """Draw gates' pictures with a plate of two lines: the gate reads none of them from a crop."""
    rng, glyphs = np.random.default_rng(seed), standard_glyphs(data)
    apart, made = validation_texts(data), []
    while len(made) < count:
        text, kind = random_plate(rng, None, DOUBLE_LESSONS)
        shape = shape_of(kind, rng, TWO_LINES)
        hard = float(rng.uniform(*HARD))
        if text not in apart:
            picture = drawn_frame(text, kind, shape, rng, glyphs, strength=hard)
            made.append((np.asarray(picture, np.uint8), (text,)))
    return made


def of_every_kind(data: Path, seed: int, count: int, alphabet: Alphabet) -> Labelled:
    """Draw plates of every kind: two of three of one line, as crops, the rest in whole pictures."""
    crops = drawn(data, seed, count - count // 3, ONE_LINE, alphabet)
    return crops + two_lines(data, seed, count // 3)


def streets(data: Path, seed: int, count: int) -> Labelled:
    """Lay held-out crops over the plates of street pictures: what the detector has to find.

    Pictures of far plates alone are left out, so there may be less than `count`; and so are those
    with a plate of two lines: a crop of one line, stretched over it, is no plate that there is.
    """
    street, held = Street(data, seed), held_out(data)
    rng, made = street.rng, []
    for _ in range(12 * count):
        if not held or len(made) == count:
            break
        frame = street.frames[int(rng.integers(0, len(street.frames)))]
        picture = street.load(frame)
        height, width = picture.shape[:2]
        if any(wide * width < FLAT * high * height for _, _, wide, high in frame.boxes):
            continue
        chosen = [held[int(rng.integers(0, len(held)))] for _ in frame.boxes]
        widest = 0.0
        for crop, (x, y, wide, high) in zip(chosen, frame.boxes, strict=True):
            flat = crop.picture.shape[1] / crop.picture.shape[0]
            middle = np.array((x * width, y * height))
            corners = street.corners(middle, wide * width, high * height, flat)
            picture = lay(crop.picture, corners, picture)
            widest = max(widest, float(np.linalg.norm(corners[1] - corners[0])))
        if widest >= STREET_WIDE_MIN:
            picture = weather(picture, rng, float(rng.uniform(*STREET_HARD)))
            made.append((picture, tuple(crop.text for crop in chosen)))
    return made


def temperature_of(
    net: Net, crops: Labelled, alphabet: Alphabet, size: tuple[int, int] = SIZE
) -> float:
    """Find the temperature of a net of such crops under which the labels are likeliest."""
    logits, names = [], []
    for crop, (text,) in crops:
        blob = cv2.dnn.blobFromImage(lit(np.asarray(cv2.resize(crop, size), np.uint8)), 1 / 255)
        logits.append(net.run(blob)[0][0])
        names.append(_named(text, alphabet))
    flat, wanted = np.concatenate(logits), np.concatenate(names)

    def surprise(temperature: float) -> float:
        chances = softmax(flat, temperature)[np.arange(len(wanted)), wanted]
        return float(-np.log(np.maximum(chances, 1e-9)).mean())

    return min((round(0.30 + 0.02 * i, 2) for i in range(50)), key=surprise)


def _named(text: str, alphabet: Alphabet) -> np.ndarray:
    names = names_of(text, alphabet)
    return np.array(names + [0] * (PLACES_MAX - len(names)))


def platt(chances: np.ndarray, rights: np.ndarray) -> tuple[float, float]:
    """Fit slope and offset from a text's chance to how often it is right.

    Newton's steps on the logistic likelihood, drawn to (1, 0) a little: few are wrong.
    """
    odds = np.log(chances / np.maximum(1 - chances, 1e-6))
    x = np.stack([odds, np.ones_like(odds)], axis=1)
    line, pull = np.array([1.0, 0.0]), np.diag([2.0, 0.5])
    for _ in range(50):
        sure = 1 / (1 + np.exp(-x @ line))
        slope = x.T @ (rights - sure) - pull @ (line - np.array([1.0, 0.0]))
        bend = (x * (sure * (1 - sure))[:, None]).T @ x + pull
        line = line + np.clip(np.linalg.solve(bend, slope), -1, 1)
    return float(max(0.05, line[0])), float(line[1])


def line_of(confidences: np.ndarray, rights: np.ndarray) -> float:
    """Find the lowest line above which the share of wrong answers is small enough."""
    order = np.argsort(-confidences)
    wrong = np.cumsum(~rights[order])
    allowed = np.where(wrong <= WRONG_MAX * np.arange(1, len(order) + 1))[0]
    return float(confidences[order][allowed[-1]]) if allowed.size else 1.0


def read_all(models: Models, crops: Labelled) -> tuple[np.ndarray, np.ndarray]:
    """Read crops as the gate does; give confidences and which were right."""
    reader = NetReader(models)
    best = [next(iter(reader.read(crop)), None) for crop, _ in crops]
    sure = np.array([plate.confidence if plate else 0.0 for plate in best])
    texts = [plate.text if plate else "" for plate in best]
    right = [text in labels for text, (_, labels) in zip(texts, crops, strict=True)]
    return sure, np.array(right)


def calibrate(data: Path, folder: Path, count: int = DRAWN) -> Settings:
    """Find temperatures, both of Platt's lines and the accept line; write them into the list."""
    cv2.setNumThreads(1)
    models = open_models(folder)
    real: Labelled = [(crop.picture, (crop.text,)) for crop in held_out(data)]
    made = of_every_kind(data, SEED, count, models.alphabet)
    crops = real + drawn(data, SEED, len(real), ONE_LINE, models.alphabet)
    rows = drawn(data, SEED, count // 3, TWO_LINES, models.alphabet, ROW)
    sets = {
        "held-out crops": real,
        "in streets": streets(data, SEED, min(STREETS, count)),
        "drawn": made,
    }
    sets = {name: pictures for name, pictures in sets.items() if pictures}
    settings = Settings(
        temperature=temperature_of(models.recogniser, crops, models.alphabet),
        double_temperature=temperature_of(models.double, rows, models.alphabet, ROW),
        accept=1.0,
        enough=ENOUGH,
        finder_accept=models.settings.finder_accept,
    )
    alone = replace(models, settings=settings, line=None)
    sure, right = _together({name: read_all(alone, each) for name, each in sets.items()})
    slope, offset = fitted(sure, right)
    looks = calibrated_all(sure, slope, offset)
    settings = replace(settings, slope=slope, offset=offset)
    if models.line is not None:
        asking = replace(models, settings=settings)
        sure, right = _together({name: read_all(asking, each) for name, each in sets.items()})
        slope, offset = fitted(sure[looks < ENOUGH], right[looks < ENOUGH])
        settings = replace(settings, line_slope=slope, line_offset=offset)
    read = {name: read_all(replace(models, settings=settings), each) for name, each in sets.items()}
    accept = min(line_of(*_together(read)), ENOUGH)
    settings = replace(settings, accept=round(accept, 3))
    for name, (sure, right) in read.items():
        over = sure >= settings.accept
        print(f"{name}: {len(right)}, right {right.mean():.4f}, mean confidence"
              f" {sure.mean():.4f}, answered {over.mean():.4f},"
              f" wrong of these {np.count_nonzero(over & ~right)}")  # fmt: skip
    path = folder / LIST
    listed = json.loads(path.read_text(encoding="utf-8")) | {"settings": asdict(settings)}
    path.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(settings)
    return settings


def fitted(chances: np.ndarray, rights: np.ndarray) -> tuple[float, float]:
    """Fit Platt's line to what was read at all."""
    said = chances > 0
    if not said.any():
        return 1.0, 0.0
    slope, offset = platt(np.clip(chances[said], 1e-6, 1 - 1e-6), rights[said])
    return round(slope, 4), round(offset, 4)


def calibrated_all(chances: np.ndarray, slope: float, offset: float) -> np.ndarray:
    """Calibrate each of many chances."""
    return np.array([calibrated(float(each), slope, offset) for each in chances])


def _together(
    read: dict[str, tuple[np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Lay all sets together; each counts the same, whichever there are more of."""
    most = max(len(right) for _, right in read.values())
    shares = {name: max(1, round(most / len(right))) for name, (_, right) in read.items()}
    sure, right = (
        np.concatenate([np.repeat(each[n], shares[name]) for name, each in read.items()])
        for n in (0, 1)
    )
    return sure, right
