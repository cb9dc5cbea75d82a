"""Find what makes the probabilities honest, and the accept line, on training data alone.

Held-out training crops (by text, see data.is_held_out) and newly drawn plates of every kind are
read by the exported nets. Validation pictures are never looked at.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.alphabet import Alphabet
from gateway.plates.decode import calibrated, softmax
from gateway.plates.look import SIZE
from gateway.plates.model import LIST, Models, Settings, open_models
from gateway.plates.net import NetReader
from training.data import Picture, load_crops, validation_texts
from training.recogniser import drawn_set

SEED: Final = 4001
DRAWN: Final = 1500
HARD: Final = (0.3, 1.2)
WRONG_MAX: Final = 0.002
"""Of what is accepted of either kind, at most this share may be wrong."""
UNSURE_SOURCE: Final = "hyperlpr_finemap"
"""Some of its labels are wrong, so it cannot say how often the reader is."""

Labelled = list[tuple[Picture, str]]


def held_out(data: Path) -> Labelled:
    """Give the training crops that no net was trained on."""
    crops = [crop for crop in load_crops(data, held_out=True) if crop.source != UNSURE_SOURCE]
    return [(crop.picture, crop.text) for crop in crops]


def drawn(data: Path, seed: int, count: int) -> Labelled:
    """Draw plates with a seed of their own, hard ones too."""
    apart = validation_texts(data)
    made = zip(*drawn_set(data, seed, count, HARD), strict=True)
    return [(np.asarray(face, np.uint8), text) for face, text in made if text not in apart]


def temperature_of(models: Models, crops: Labelled) -> float:
    """Find the temperature under which the labels are likeliest."""
    logits, names = [], []
    for crop, text in crops:
        blob = cv2.dnn.blobFromImage(cv2.resize(crop, SIZE), 1 / 255)
        logits.append(models.recogniser.run(blob)[0][0])
        names.append(_named(text, models.alphabet))
    flat, wanted = np.concatenate(logits), np.concatenate(names)

    def surprise(temperature: float) -> float:
        chances = softmax(flat, temperature)[np.arange(len(wanted)), wanted]
        return float(-np.log(np.maximum(chances, 1e-9)).mean())

    return min((round(0.30 + 0.02 * i, 2) for i in range(50)), key=surprise)


def _named(text: str, alphabet: Alphabet) -> np.ndarray:
    known = {character: n for n, character in enumerate(alphabet.classes)}
    names = [known["0" if each == "O" else each] for each in text]
    return np.array(names + [0] * (8 - len(names)))


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
    right = [text == label for text, (_, label) in zip(texts, crops, strict=True)]
    return sure, np.array(right)


def calibrate(data: Path, folder: Path, count: int = DRAWN) -> Settings:
    """Find temperature, Platt's line and the accept line; write them into the list."""
    cv2.setNumThreads(1)
    models = open_models(folder)
    real, made = held_out(data), drawn(data, SEED, count)
    plain = replace(
        models.settings, slope=1.0, offset=0.0, accept=0.95,
        temperature=temperature_of(models, real + made[: len(real)]),
    )  # fmt: skip
    models = replace(models, settings=plain)
    read = [read_all(models, crops) for crops in (real, made)]
    # Real and drawn count the same, whichever there are more of.
    share = max(1, round(len(made) / max(1, len(real))))
    chances = np.concatenate([np.repeat(read[0][0], share), read[1][0]])
    rights = np.concatenate([np.repeat(read[0][1], share), read[1][1]])
    said = chances > 0
    slope, offset = platt(np.clip(chances[said], 1e-6, 1 - 1e-6), rights[said])
    settings = replace(plain, slope=round(slope, 4), offset=round(offset, 4))
    lines = []
    for name, (plain_sure, right) in zip(("held-out crops", "drawn"), read, strict=True):
        sure = np.array([calibrated(float(each), slope, offset) for each in plain_sure])
        lines.append(line_of(sure, right))
        print(f"{name}: {len(right)}, right {right.mean():.4f}, mean confidence {sure.mean():.4f},"
              f" line {lines[-1]:.4f} answers {(sure >= lines[-1]).mean():.4f}")  # fmt: skip
    settings = replace(settings, accept=round(min(0.995, max(lines)), 3))
    path = folder / LIST
    listed = json.loads(path.read_text(encoding="utf-8")) | {"settings": asdict(settings)}
    path.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(settings)
    return settings
