"""The faces of number plates, drawn as GA 36 lays them out, by numpy and OpenCV alone.

The glyphs are those of OpenCV 5's built-in font, unless the standard's own are given.
"""

from typing import Final

import cv2
import numpy as np

from gateway.plates.grammar import DIGITS, MARKS, RARE_MARKS, PlateKind
from training.glyphs import BUILT_IN, WHITE, Glyphs, Picture
from training.layouts import SHAPES, TWO_LINES, Box, Shape, cells_of, upper_of
from training.texts import random_plate

__all__ = ["BUILT_IN", "GROUND", "INK", "Glyphs", "Picture", "draw_plate", "random_plate"]

Colour = tuple[int, int, int]
BLACK, RED = (20, 20, 20), (40, 30, 215)
GROUND: Final[dict[PlateKind, Colour]] = {
    "blue": (165, 65, 10),
    "yellow": (10, 180, 240),
    "green": (150, 205, 120),
    "police": (238, 238, 238),
    "learner": (10, 180, 240),
    "trailer": (10, 180, 240),
    "embassy": (25, 22, 20),
    "consulate": (25, 22, 20),
    "border": (25, 22, 20),
    "temporary": (238, 222, 196),
    "tractor": (90, 120, 20),
    "emergency": (238, 238, 238),
    "military": (238, 238, 238),
    "armed_police": (238, 238, 238),
}
"""Blue, green, red."""
INK: Final[dict[PlateKind, Colour]] = {
    "blue": WHITE,
    "yellow": BLACK,
    "green": BLACK,
    "police": BLACK,
    "learner": BLACK,
    "trailer": BLACK,
    "embassy": WHITE,
    "consulate": WHITE,
    "border": WHITE,
    "temporary": BLACK,
    "tractor": WHITE,
    "emergency": BLACK,
    "military": BLACK,
    "armed_police": BLACK,
}


def draw_plate(
    text: str,
    kind: PlateKind,
    rng: np.random.Generator,
    *,
    scale: float = 1.0,
    shape: Shape | None = None,
    glyphs: Glyphs = BUILT_IN,
) -> Picture:
    """Draw a clean plate, BGR, `scale` pixels a millimetre; a kind's first shape unless told."""
    shape = SHAPES[kind][0] if shape is None else shape
    (width_mm, height_mm), cells = cells_of(text, kind, shape)
    face = _ground(kind, round(width_mm * scale), round(height_mm * scale), rng)
    ink = INK[kind]
    _border(face, ink, scale, thin=shape not in {"line", "rear"})
    weight = int(rng.integers(550, 850)) // 50 * 50
    for place, (character, cell) in enumerate(zip(text, cells, strict=True)):
        series = _series(character, shape, upper=place < upper_of(text, kind))
        mask = glyphs.mask(character, series, _pixels(cell, scale), weight)
        _stamp(face, mask, cell, scale, _ink(kind, character, place, ink))
    if shape == "line" and kind != "embassy":
        spot = (round(134.5 * scale), round(70 * scale))
        cv2.circle(face, spot, max(1, round(5 * scale)), ink, -1, cv2.LINE_AA)
    if shape == "temporary":
        _small_print(face, scale, rng)
    return face


def _series(character: str, shape: Shape, *, upper: bool) -> str:
    if shape == "green":
        return "green"
    if shape not in TWO_LINES:
        return "140"
    if character in DIGITS or not character.isascii():
        return "220"
    return "220_up" if upper else "220_down"


def _ink(kind: PlateKind, character: str, place: int, ink: Colour) -> Colour:
    red_marks = kind in {"police", "embassy", "consulate"} and character in MARKS
    if kind == "emergency":
        return RED if place == 1 or character in RARE_MARKS else ink
    red_letters = kind in {"military", "armed_police"} and place < 2
    return RED if red_marks or red_letters else ink


def _pixels(cell: Box, scale: float) -> tuple[int, int]:
    return max(2, round(cell[2] * scale)), max(2, round(cell[3] * scale))


def _ground(kind: PlateKind, width: int, height: int, rng: np.random.Generator) -> Picture:
    colour = np.array(GROUND[kind], np.float32) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    face = np.empty((height, width, 3), np.float32)
    face[:] = colour
    if kind == "temporary" and rng.random() < 0.4:
        face[:] = np.array((170, 205, 225), np.float32) * np.float32(rng.uniform(0.9, 1.1))
    if kind == "green":
        # Small cars fade from white to green, downwards; large ones have a yellow head.
        fade = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
        face = np.array((225, 235, 225), np.float32) * (1 - fade) + face * fade
        if rng.random() < 0.2:
            face[:, : round(width * 0.26)] = np.array((20, 200, 240), np.float32)
    return np.clip(face, 0, 255).astype(np.uint8)


def _border(face: Picture, ink: Colour, scale: float, *, thin: bool) -> None:
    inset, height, width = round(4 * scale), *face.shape[:2]
    thickness = max(1, round((1.5 if thin else 3) * scale))
    corner = (width - 1 - inset, height - 1 - inset)
    cv2.rectangle(face, (inset, inset), corner, ink, thickness, cv2.LINE_AA)
    for x in (0.22, 0.78):
        for y in (12 * scale, height - 12 * scale):
            spot = (round(width * x), round(y))
            cv2.circle(face, spot, max(1, round(4 * scale)), (110, 110, 110), -1, cv2.LINE_AA)


def _small_print(face: Picture, scale: float, rng: np.random.Generator) -> None:
    """Lines of small print above and below, as on a temporary plate's paper."""
    for top in (20, 106, 120):
        for left in range(30, 190, 7):
            if rng.random() < 0.75:
                ends = [(round(x * scale), round(top * scale)) for x in (left, left + 5)]
                cv2.line(face, ends[0], ends[1], (70, 60, 60), max(1, round(3 * scale)))


def _stamp(face: Picture, mask: Picture, cell: Box, scale: float, colour: Colour) -> None:
    left, top = round(cell[0] * scale), round(cell[1] * scale)
    under = face[top : top + mask.shape[0], left : left + mask.shape[1]]
    share = mask[: under.shape[0], : under.shape[1], None].astype(np.float32) / 255
    under[:] = (under * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
