"""Find what makes the probabilities honest, and the accept line, on training data alone.

Held-out training crops (by text, see samples.is_held_out) and newly drawn plates are read by the
exported nets. `python -m training.calibrate --data DIR --models gateway/plates/models` writes the
temperature and the accept line into models.json. Validation pictures are never looked at.
"""

import argparse
import csv
import json
from pathlib import Path

import cv2
import numpy as np

from gateway.plates.alphabet import CLASSES
from gateway.plates.decode import softmax
from gateway.plates.net import OUTPUTS, SIZE, NetReader
from training.faces import Glyphs, draw_plate, random_plate
from training.samples import Picture, is_held_out, labels_of, places_of
from training.wear import wear

SEED = 4001
DRAWN = 1500
WRONG_MAX = 0.003
"""Of what is accepted of either kind, at most this share may be wrong."""
UNSURE_SOURCE = "hyperlpr_finemap"
"""Some of its labels are wrong, so it cannot say how often the reader is."""


def held_out(data: Path) -> list[tuple[Picture, str]]:
    """Load the training crops that no net was trained on."""
    apart = labels_of(data / "dev_crops/index.csv") | labels_of(data / "dev_frames/index.csv")
    with (data / "train_crops/index.csv").open(encoding="utf-8") as rows:
        listed = [
            (row["file"], row["label"])
            for row in csv.DictReader(rows)
            if is_held_out(row["label"])
            and row["label"] not in apart
            and row["source"] != UNSURE_SOURCE
        ]
    folder = data / "train_crops"
    return [(np.asarray(cv2.imread(str(folder / file)), np.uint8), text) for file, text in listed]


def drawn(data: Path) -> list[tuple[Picture, str]]:
    """Draw plates with a seed of their own, hard ones too."""
    rng = np.random.default_rng(SEED)
    glyphs = Glyphs(data / "ga36_glyphs/font_model")
    made = []
    for _ in range(DRAWN):
        text, kind = random_plate(rng)
        face = draw_plate(text, kind, rng, scale=0.45, glyphs=glyphs)
        made.append((wear(face, rng, SIZE, float(rng.uniform(0.3, 1.2))), text))
    return made


def temperature_of(reader: NetReader, crops: list[tuple[Picture, str]]) -> float:
    """Find the temperature under which the labels are likeliest."""
    logits, names = [], []
    for crop, text in crops:
        blob = cv2.dnn.blobFromImage(cv2.resize(crop, SIZE), 1 / 255)
        reader._recogniser.setInput(blob)  # noqa: SLF001 - the logits are the reader's own affair.
        logits.append(reader._recogniser.forward(OUTPUTS)[0][0])  # noqa: SLF001
        names.append(places_of(text))
    flat, wanted = np.concatenate(logits), np.concatenate(names)

    def surprise(temperature: float) -> float:
        chances = softmax(flat, temperature)[np.arange(len(wanted)), wanted]
        return float(-np.log(np.maximum(chances, 1e-9)).mean())

    return min((round(0.30 + 0.02 * i, 2) for i in range(50)), key=surprise)


def line_of(confidences: list[float], rights: list[bool]) -> float:
    """Find the lowest line above which the share of wrong answers is small enough."""
    order = np.argsort(-np.array(confidences))
    wrong = np.cumsum(~np.array(rights)[order])
    allowed = np.where(wrong <= WRONG_MAX * np.arange(1, len(order) + 1))[0]
    return float(np.array(confidences)[order][allowed[-1]]) if allowed.size else 1.0


def main() -> None:
    """Calibrate, and say how it looks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    assert len(CLASSES) == 73
    path = given.models / "models.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    real, made = held_out(given.data), drawn(given.data)
    temperature = temperature_of(NetReader.open(given.models), real + made[: len(real)])
    listed["settings"]["temperature"] = temperature
    path.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    reader, lines = NetReader.open(given.models), []
    for name, crops in (("held-out crops", real), ("drawn", made)):
        read = [reader.read(crop) for crop, _ in crops]
        best = [(found[0].text, found[0].confidence) if found else ("", 0.0) for found in read]
        rights = [text == label for (text, _), (_, label) in zip(best, crops, strict=True)]
        sure = [confidence for _, confidence in best]
        line = line_of(sure, rights)
        lines.append(line)
        answered = np.mean(np.array(sure) >= line)
        print(f"{name}: {len(crops)}, right {np.mean(rights):.4f}, mean confidence "
              f"{np.mean(sure):.4f}, line {line:.4f} answers {answered:.4f}")  # fmt: skip
    listed["settings"]["accept"] = round(min(0.995, max(lines)), 3)
    path.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    print(listed["settings"])


if __name__ == "__main__":
    main()
