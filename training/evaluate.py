"""How the exported nets read drawn plates of every kind, through the whole reader.

Other seeds, and other grounds than training's: plates are laid over the project's own drawn gates,
which no net is trained on, at moderate wear: whatever wears comes half as often as at its worst,
and half as heavy.
"""

import json
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from gateway.plates.grammar import KINDS, PlateKind
from gateway.plates.model import SECOND, open_models
from gateway.plates.net import NetReader
from gateway.plates.reader import PlateReader
from training.glyphs import BUILT_IN, Glyphs, Picture
from training.layouts import SHAPES, Shape, cells_of
from training.samples import face_of
from training.scene import draw_scene
from training.texts import random_plate
from training.wear import framed, lay
from training.weather import weather

SEED: Final = 5005
EACH: Final = 100
MODERATE: Final = 0.5
SIZE: Final = (640, 480)


def drawn_frame(
    text: str, kind: PlateKind, shape: Shape, rng: np.random.Generator, glyphs: Glyphs,
    heavy: float = MODERATE, strength: float = MODERATE,
) -> Picture:  # fmt: skip
    """Draw a gate's picture with one plate in it, of moderate wear unless it is given."""
    ground = draw_scene(
        None, "blue", rng, SIZE, where="empty", ground=int(rng.integers(1000, 2000))
    )
    face = framed(face_of(text, kind, shape, rng, glyphs), rng, strength)
    wide_mm, high_mm = cells_of(text, kind, shape)[0]
    wide = rng.uniform(95, 190) * (0.75 if wide_mm < 400 else 1.0)
    half = np.array((wide, wide * high_mm / wide_mm)) / 2
    turn, shear = rng.normal(0, 0.05), rng.normal(0, 0.08)
    away = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half
    away = away @ np.array(((1, turn), (-turn, 1))) @ np.array(((1, shear), (0, 1)))
    middle = np.array((rng.uniform(0.25, 0.75) * SIZE[0], rng.uniform(0.35, 0.85) * SIZE[1]))
    corners = np.asarray(middle + away + rng.normal(0, 0.02 * half[1], (4, 2)), np.float32)
    return weather(lay(face, corners, ground), rng, strength, wide, heavy)


def by_kind(
    reader: PlateReader, glyphs: Glyphs, each: int = EACH, heavy: float = MODERATE
) -> dict[str, float]:
    """Give the share read whole, in percent, for each kind and shape."""
    shares = {}
    for kind in KINDS:
        for shape in dict.fromkeys(SHAPES[kind]):
            rng = np.random.default_rng((SEED, KINDS.index(kind), len(shape)))
            right = 0
            for _ in range(each):
                text, _ = random_plate(rng, kind)
                found = reader.read(drawn_frame(text, kind, shape, rng, glyphs, heavy))
                right += bool(found) and found[0].text == text
            shares[f"{kind}, {shape}"] = round(100 * right / each, 1)
    return shares


def evaluate(
    models: Path, glyph_folder: Path | None, out: Path | None, each: int = EACH, name: str = "net",
    heavy: float = MODERATE,
) -> None:  # fmt: skip
    """Print a line for each kind and shape, and write all as JSON."""
    cv2.setNumThreads(1)
    glyphs = BUILT_IN if glyph_folder is None else Glyphs(glyph_folder)
    opened = open_models(models)
    reader: PlateReader = NetReader(opened)
    if name == "tesseract":
        # Imported here: who trains the nets needs neither the program nor pytesseract.
        from gateway.plates.tesseract import TesseractReader  # noqa: PLC0415

        reader = TesseractReader.open(opened, models / SECOND)
    shares = by_kind(reader, glyphs, each, heavy)
    for shown, share in shares.items():
        print(f"{shown:26} {share:6.1f} %", flush=True)
    if out is not None:
        out.write_text(json.dumps(shares, indent=2) + "\n", encoding="utf-8")
