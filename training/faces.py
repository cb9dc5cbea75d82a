"""The faces of number plates, drawn as GA 36 lays them out, by numpy and OpenCV alone.

The glyphs are those of OpenCV 5's built-in font, unless a folder of the standard's own glyphs
(pictures named `140_A.jpg`, `green_A.jpg`, `220_down_A.jpg`, ...) is given. Lengths in millimetres.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.grammar import (
    BATTERY,
    DIGITS,
    KINDS,
    LETTERS,
    MARKS,
    OTHER_ENERGY,
    PROVINCES,
    PlateKind,
)  # fmt: skip

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, width, height."""

WHITE, BLACK, RED = (245, 245, 245), (20, 20, 20), (40, 30, 215)
GROUND: Final[dict[PlateKind, tuple[int, int, int]]] = {
    "blue": (165, 65, 10),
    "yellow": (10, 180, 240),
    "green": (150, 205, 120),
    "police": (238, 238, 238),
    "learner": (10, 180, 240),
    "trailer": (10, 180, 240),
    "embassy": (25, 22, 20),
    "consulate": (25, 22, 20),
    "border": (25, 22, 20),
}
"""Blue, green, red."""
INK: Final[dict[PlateKind, tuple[int, int, int]]] = {
    "blue": WHITE,
    "yellow": BLACK,
    "green": BLACK,
    "police": BLACK,
    "learner": BLACK,
    "trailer": BLACK,
    "embassy": WHITE,
    "consulate": WHITE,
    "border": WHITE,
}
SHARE: Final[dict[PlateKind, float]] = {
    "blue": 0.60,
    "green": 0.20,
    "yellow": 0.08,
    "police": 0.02,
    "learner": 0.03,
    "trailer": 0.02,
    "embassy": 0.01,
    "consulate": 0.01,
    "border": 0.03,
}
"""How often a kind is drawn by random_plate."""


def random_plate(rng: np.random.Generator, kind: PlateKind | None = None) -> tuple[str, PlateKind]:
    """Make up a plate: its text and kind."""
    if kind is None:
        kind = KINDS[int(rng.choice(len(KINDS), p=[SHARE[each] for each in KINDS]))]
    return _TEXT[kind](rng), kind


def _of(rng: np.random.Generator, characters: str, count: int = 1) -> str:
    return "".join(characters[i] for i in rng.integers(0, len(characters), count))


def _office(rng: np.random.Generator) -> str:
    return _of(rng, PROVINCES) + _of(rng, LETTERS)


def _serial(rng: np.random.Generator, count: int) -> str:
    """Digits with at most two letters among them, as offices give them out."""
    serial = list(_of(rng, DIGITS, count))
    for place in rng.choice(count, size=int(rng.integers(0, 3)), replace=False):
        serial[place] = _of(rng, LETTERS)
    return "".join(serial)


def _green(rng: np.random.Generator) -> str:
    energy = _of(rng, "DDDD" + BATTERY + "FFF" + OTHER_ENERGY)
    if rng.random() < 0.2:
        return _office(rng) + _of(rng, DIGITS, 5) + energy
    return _office(rng) + energy + _of(rng, LETTERS + DIGITS * 3) + _of(rng, DIGITS, 4)


_TEXT = {
    "blue": lambda rng: _office(rng) + _serial(rng, 5),
    "yellow": lambda rng: _office(rng) + _serial(rng, 5),
    "green": _green,
    "police": lambda rng: _office(rng) + _serial(rng, 4) + "警",
    "learner": lambda rng: _office(rng) + _serial(rng, 4) + "学",
    "trailer": lambda rng: _office(rng) + _serial(rng, 4) + "挂",
    "embassy": lambda rng: _of(rng, DIGITS, 6) + "使",
    "consulate": lambda rng: _office(rng) + _of(rng, DIGITS, 4) + "领",
    "border": lambda rng: "粤Z" + _serial(rng, 4) + _of(rng, "港澳"),
}


# --- Glyphs -----------------------------------------------------------------------------------


@dataclass
class Glyphs:
    """Masks of characters, 255 where there is ink; from pictures where a folder has them."""

    folder: Path | None = None
    _known: dict[tuple[str, str, int, int, int], Picture] = field(default_factory=dict)

    def mask(self, character: str, series: str, size: tuple[int, int], weight: int) -> Picture:
        """Give a character's mask of a size (width, height); series is 140, green or 220."""
        key = (character, series, *size, weight if self.folder is None else 0)
        if key not in self._known:
            drawn = self._pictured(character, series)
            if drawn is None:
                drawn = _lettered(character, weight)
            self._known[key] = _fitted(drawn, size, narrow=character == "1")
        return self._known[key]

    def _pictured(self, character: str, series: str) -> Picture | None:
        if self.folder is None:
            return None
        for name in (f"{series}_{character}", f"140_{character}"):
            path = self.folder / f"{name}.jpg"
            if path.exists():
                grey = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
                return np.asarray(255 - grey, np.uint8)
        return None


def _lettered(character: str, weight: int) -> Picture:
    canvas = np.zeros((180, 180, 3), np.uint8)
    cv2.putText(canvas, character, (30, 140), WHITE, cv2.FontFace("uni"), 110, weight=weight)
    return np.ascontiguousarray(canvas[:, :, 0])


def _fitted(drawn: Picture, size: tuple[int, int], *, narrow: bool) -> Picture:
    """Crop to the ink and stretch to the cell, as the standard's narrow letters are."""
    rows, columns = np.where(drawn.max(axis=1) > 100)[0], np.where(drawn.max(axis=0) > 100)[0]
    ink = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width, height = size
    inner = min(width, max(1, round(height * ink.shape[1] / ink.shape[0]))) if narrow else width
    cell = np.zeros((height, width), np.uint8)
    left = (width - inner) // 2
    cell[:, left : left + inner] = cv2.resize(ink, (inner, height), interpolation=cv2.INTER_AREA)
    return cell


BUILT_IN: Final = Glyphs()

# --- Faces ------------------------------------------------------------------------------------


def cells_of(text: str, kind: PlateKind, *, double: bool) -> tuple[tuple[int, int], list[Box]]:
    """Give a plate's size and the cell of each character, in millimetres."""
    if double:
        upper = [(110.0 + 140 * i, 15.0, 80.0, 60.0) for i in range(2)]
        lower = [(27.0 + 80 * i, 90.0, 65.0, 110.0) for i in range(len(text) - 2)]
        return (440, 220), upper + lower
    if kind == "green":
        after = [(161.5 + 52 * i, 25.0, 43.0, 90.0) for i in range(len(text) - 2)]
        return (480, 140), [(15.5, 25.0, 45.0, 90.0), (69.5, 25.0, 43.0, 90.0), *after]
    split = 3 if kind == "embassy" else 2
    lefts = [15.5 + 57 * i + (22 if i >= split else 0) for i in range(len(text))]
    return (440, 140), [(left, 25.0, 45.0, 90.0) for left in lefts]


def draw_plate(
    text: str,
    kind: PlateKind,
    rng: np.random.Generator,
    *,
    scale: float = 1.0,
    double: bool | None = None,
    glyphs: Glyphs = BUILT_IN,
) -> Picture:
    """Draw a clean plate, BGR, `scale` pixels a millimetre; `double` is two lines (trailers)."""
    double = kind == "trailer" if double is None else double
    (width_mm, height_mm), cells = cells_of(text, kind, double=double)
    face = _ground(kind, round(width_mm * scale), round(height_mm * scale), rng)
    ink = INK[kind]
    _border(face, ink, scale, thin=kind == "green")
    series = "220" if double else "green" if kind == "green" else "140"
    weight = int(rng.integers(550, 850)) // 50 * 50
    for place, (character, cell) in enumerate(zip(text, cells, strict=True)):
        part = f"220_{'up' if place < 2 else 'down'}" if double and character.isascii() else series
        if double and character in DIGITS:
            part = "220"
        colour = RED if character in MARKS and kind in {"police", "embassy", "consulate"} else ink
        _stamp(
            face, glyphs.mask(character, part, _pixels(cell, scale), weight), cell, scale, colour
        )
    if not double and kind not in {"green", "embassy"}:
        spot = (round(134.5 * scale), round(70 * scale))
        cv2.circle(face, spot, max(1, round(5 * scale)), ink, -1, cv2.LINE_AA)
    return face


def _pixels(cell: Box, scale: float) -> tuple[int, int]:
    return max(2, round(cell[2] * scale)), max(2, round(cell[3] * scale))


def _ground(kind: PlateKind, width: int, height: int, rng: np.random.Generator) -> Picture:
    colour = np.array(GROUND[kind], np.float32) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    face = np.empty((height, width, 3), np.float32)
    face[:] = colour
    if kind == "green":
        # Small cars fade from white to green, downwards; large ones have a yellow head.
        fade = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None, None]
        face = np.array((225, 235, 225), np.float32) * (1 - fade) + face * fade
        if rng.random() < 0.2:
            face[:, : round(width * 0.26)] = np.array((20, 200, 240), np.float32)
    return np.clip(face, 0, 255).astype(np.uint8)


def _border(face: Picture, ink: tuple[int, int, int], scale: float, *, thin: bool) -> None:
    inset, height, width = round(4 * scale), *face.shape[:2]
    thickness = max(1, round((1.5 if thin else 3) * scale))
    corner = (width - 1 - inset, height - 1 - inset)
    cv2.rectangle(face, (inset, inset), corner, ink, thickness, cv2.LINE_AA)
    for x in (0.22, 0.78):
        for y in (12 * scale, height - 12 * scale):
            spot = (round(width * x), round(y))
            cv2.circle(face, spot, max(1, round(4 * scale)), (110, 110, 110), -1, cv2.LINE_AA)


def _stamp(
    face: Picture, mask: Picture, cell: Box, scale: float, colour: tuple[int, int, int]
) -> None:
    left, top = round(cell[0] * scale), round(cell[1] * scale)
    under = face[top : top + mask.shape[0], left : left + mask.shape[1]]
    share = mask[: under.shape[0], : under.shape[1], None].astype(np.float32) / 255
    under[:] = (under * (1 - share) + np.array(colour, np.float32) * share).astype(np.uint8)
