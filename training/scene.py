"""A gate as its camera sees it: a fixed ground for a seed, and a traveller before it.

The same `rng` seed gives the same vehicle, wherever it stands: its looks are drawn first.
"""

from functools import lru_cache
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np

from gateway.plates.grammar import PlateKind
from training.faces import Picture, draw_plate

Where: TypeAlias = Literal["empty", "far", "near", "zone", "two"]
Traveller: TypeAlias = Literal["vehicle", "bicycle", "person"]
Colour: TypeAlias = tuple[int, int, int]

ZONE: Final = ((0.12, 0.66), (0.88, 0.66), (0.98, 1.0), (0.02, 1.0))
"""The stop zone, relative to the picture; a vehicle in "zone" or "two" has its wheels there."""
PLACES: Final[dict[str, tuple[float, float, float]]] = {
    "far": (0.515, 0.385, 0.14),
    "near": (0.51, 0.62, 0.29),
    "zone": (0.50, 0.955, 0.50),
}
"""Wheels' middle (x, y) and a car's width, relative to the picture's size and width."""

PAINTS: Final[tuple[Colour, ...]] = (
    (235, 235, 235), (60, 58, 55), (160, 160, 158), (40, 40, 150),
    (120, 75, 35), (70, 80, 95), (205, 215, 220), (95, 70, 60),
)  # fmt: skip

BICYCLE: Final = (
    ((-0.24, 0.16), (-0.06, 0.36)),
    ((-0.06, 0.36), (0.16, 0.36)),
    ((0.24, 0.16), (0.14, 0.46)),
    ((-0.24, 0.16), (0.0, 0.14)),
    ((0.0, 0.14), (0.16, 0.36)),
    ((0.10, 0.47), (0.20, 0.47)),
)
"""The frame's tubes, from point to point."""


def draw_scene(
    text: str | None,
    kind: PlateKind,
    rng: np.random.Generator,
    size: tuple[int, int] = (640, 480),
    where: Where = "zone",
    traveller: Traveller = "vehicle",
    *,
    ground: int = 0,
    light: float = 1.0,
) -> Picture:
    """Draw what a gate's camera sees, BGR, of a size (width, height).

    `text` None is a vehicle with its plate covered. `ground` chooses the gate; `light` is 1 by
    day and about 0.35 by night. "two" is one vehicle in the zone and another waiting far behind.
    """
    seed = int(rng.integers(0, 2**32))
    looks = np.random.default_rng(seed)
    picture = _ground(ground, *size).copy()
    if where == "two":
        other = np.random.default_rng(seed + 1)
        _draw_vehicle(picture, None, "blue", other, PLACES["far"])
    if where != "empty":
        spot = PLACES["zone" if where == "two" else where]
        jitter = rng.uniform(-0.008, 0.008, 2)
        spot = (spot[0] + float(jitter[0]), spot[1] + float(jitter[1]), spot[2])
        if traveller == "vehicle":
            _draw_vehicle(picture, text, kind, looks, spot)
        else:
            _draw_rider(picture, looks, spot, on_bicycle=traveller == "bicycle")
    return _exposed(picture, rng, light)


def _exposed(picture: Picture, rng: np.random.Generator, light: float) -> Picture:
    """Lay the sensor's noise over the picture, and the evening."""
    noise = np.empty((picture.shape[0] // 2, picture.shape[1] // 2, 3), np.int16)
    cv2.setRNGSeed(int(rng.integers(0, 2**31)))
    cv2.randn(noise, 0, 3.5)
    grain = cv2.resize(noise, (picture.shape[1], picture.shape[0]))
    lit = picture.astype(np.float32) * (light * rng.uniform(0.985, 1.015)) + grain
    return np.clip(cv2.GaussianBlur(lit, (3, 3), 0.5), 0, 255).astype(np.uint8)


# --- The ground -------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def _ground(seed: int, width: int, height: int) -> Picture:
    rng = np.random.default_rng(1000 + seed)
    picture = np.zeros((height, width, 3), np.uint8)
    horizon = round(height * 0.27)
    _fade(picture, 0, horizon, (232, 214, 196), (238, 232, 226))
    _houses(picture, horizon, rng)
    _fade(picture, horizon, height, (128, 140, 142), (112, 122, 126))
    _hedges(picture, horizon, rng)
    road = [(0.44, 0.27), (0.60, 0.27), (1.12, 1.0), (-0.12, 1.0)]
    _area(picture, road, (96, 96, 98))
    for edge in ((0.452, 0.27, -0.06, 1.0), (0.588, 0.27, 1.06, 1.0)):
        _stripe(picture, edge, (205, 208, 208), 3)
    _area(picture, [(0.12, 0.955), (0.90, 0.955), (0.905, 0.975), (0.115, 0.975)], (215, 218, 218))
    _booth(picture, left=bool(seed % 2))
    texture = rng.normal(0, 4.5, (height, width, 1)).astype(np.float32)
    rough = picture.astype(np.float32) + cv2.GaussianBlur(texture, (3, 3), 0)[:, :, None] * 1.6
    return np.clip(rough, 0, 255).astype(np.uint8)


def _fade(picture: Picture, top: int, bottom: int, first: Colour, last: Colour) -> None:
    share = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None, None]
    colours = np.array(first, np.float32) * (1 - share) + np.array(last, np.float32) * share
    picture[top:bottom] = colours.astype(np.uint8)


def _houses(picture: Picture, horizon: int, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    left = -0.05
    while left < 1.0:
        wide, tall = rng.uniform(0.12, 0.24), rng.uniform(0.13, 0.24)
        wall = tuple(int(v) for v in np.array((150, 165, 182)) + rng.integers(-25, 26))
        top, right = round(horizon - tall * height), round((left + wide) * width)
        cv2.rectangle(picture, (round(left * width), top), (right, horizon), wall, -1)
        glass = tuple(int(v * 0.72) for v in wall)
        for x in np.arange(left + 0.02, left + wide - 0.02, 0.035):
            for y in range(top + 8, horizon - 14, 20):
                corner = (round(x * width), y)
                cv2.rectangle(picture, corner, (corner[0] + 11, y + 10), glass, -1)
        left += wide + rng.uniform(0.0, 0.05)


def _hedges(picture: Picture, horizon: int, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    for x in rng.uniform(-0.02, 1.02, 260):
        if 0.43 < x < 0.63:
            continue
        y = horizon + rng.uniform(-0.02, 0.035) * height
        shade = int(rng.integers(0, 45))
        colour = (45 + shade // 2, 88 + shade, 58 + shade // 2)
        cv2.circle(picture, (round(x * width), round(y)), int(rng.integers(5, 13)), colour, -1)


def _booth(picture: Picture, *, left: bool) -> None:
    """Draw the guard's booth and the barrier's post beside the road; the arm stands open."""
    x = 0.03 if left else 0.80
    _area(picture, [(x, 0.18), (x + 0.17, 0.18), (x + 0.17, 0.58), (x, 0.58)], (196, 200, 202))
    _area(
        picture,
        [(x - 0.02, 0.15), (x + 0.19, 0.15), (x + 0.19, 0.19), (x - 0.02, 0.19)],
        (70, 75, 150),
    )
    _area(
        picture,
        [(x + 0.02, 0.24), (x + 0.15, 0.24), (x + 0.15, 0.39), (x + 0.02, 0.39)],
        (120, 104, 84),
    )
    post = x + 0.20 if left else x - 0.05
    _area(
        picture,
        [(post, 0.45), (post + 0.03, 0.45), (post + 0.03, 0.62), (post, 0.62)],
        (40, 120, 225),
    )
    for i in range(8):
        colour = (60, 60, 205) if i % 2 else (230, 230, 230)
        _stripe(picture, (post + 0.012, 0.45 - i * 0.05, post + 0.014, 0.40 - i * 0.05), colour, 5)


def _area(picture: Picture, corners: list[tuple[float, float]], colour: Colour) -> None:
    scale = np.array((picture.shape[1], picture.shape[0]))
    points = np.round(np.array(corners) * scale * 16).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, shift=4)


def _stripe(
    picture: Picture, line: tuple[float, float, float, float], colour: Colour, thick: int
) -> None:
    height, width = picture.shape[:2]
    first = (round(line[0] * width), round(line[1] * height))
    last = (round(line[2] * width), round(line[3] * height))
    cv2.line(picture, first, last, colour, thick, cv2.LINE_AA)


# --- Travellers -------------------------------------------------------------------------------


class Easel:
    """Draws in a traveller's own lengths: x to both sides of its middle, y up from the ground."""

    def __init__(self, picture: Picture, spot: tuple[float, float, float]) -> None:
        height, width = picture.shape[:2]
        self.picture = picture
        self.unit = spot[2] * width
        self.middle, self.foot = spot[0] * width, spot[1] * height

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Give the picture's own point."""
        return self.middle + x * self.unit, self.foot - y * self.unit

    def area(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon."""
        points = np.round(np.array([self.at(*each) for each in corners]) * 16).astype(np.int32)
        cv2.fillPoly(self.picture, [points], colour, cv2.LINE_AA, shift=4)

    def both(self, corners: list[tuple[float, float]], colour: Colour) -> None:
        """Fill a polygon given by its right half."""
        self.area(corners + [(-x, y) for x, y in reversed(corners)], colour)

    def oval(self, spot: tuple[float, float], size: tuple[float, float], colour: Colour) -> None:
        """Fill an ellipse of two half axes."""
        (x, y), axes = self.at(*spot), (size[0] * self.unit, size[1] * self.unit)
        box = ((x, y), (2 * axes[0], 2 * axes[1]), 0.0)
        cv2.ellipse(self.picture, box, colour, -1, cv2.LINE_AA)

    def stroke(
        self, first: tuple[float, float], last: tuple[float, float], wide: float, colour: Colour
    ) -> None:
        """Draw a line of some width."""
        ends = [tuple(round(v) for v in self.at(*each)) for each in (first, last)]
        cv2.line(self.picture, *ends, colour, max(1, round(wide * self.unit)), cv2.LINE_AA)

    def ring(self, spot: tuple[float, float], radius: float, wide: float, colour: Colour) -> None:
        """Draw a circle."""
        x, y = self.at(*spot)
        thick = max(1, round(wide * self.unit))
        cv2.circle(
            self.picture,
            (round(x), round(y)),
            round(radius * self.unit),
            colour,
            thick,
            cv2.LINE_AA,
        )


def _shade(paint: Colour, share: float) -> Colour:
    blue, green, red = (min(255, int(v * share)) for v in paint)
    return blue, green, red


def _draw_vehicle(
    picture: Picture,
    text: str | None,
    kind: PlateKind,
    looks: np.random.Generator,
    spot: tuple[float, float, float],
) -> None:
    """Draw a car from the front, or a lorry's cab for the yellow kinds."""
    easel = Easel(picture, spot)
    paint = PAINTS[int(looks.integers(0, len(PAINTS)))]
    lorry = kind in {"yellow", "trailer"}
    roof = 1.02 if lorry else float(looks.uniform(0.74, 0.86))
    easel.oval((0.0, 0.01), (0.56, 0.05), (62, 62, 63))
    for side in (-1, 1):
        wheel = [(side * 0.33, 0.0), (side * 0.47, 0.0), (side * 0.48, 0.25), (side * 0.33, 0.25)]
        easel.area(wheel, (30, 30, 30))
    _body(easel, paint, roof, lorry=lorry)
    _front(easel, paint, looks)
    _plate(easel, text, kind, looks)


def _body(easel: Easel, paint: Colour, roof: float, *, lorry: bool) -> None:
    top = 0.40 if lorry else 0.31
    easel.both([(top - 0.04, roof), (top, roof - 0.03), (0.43, 0.55), (0.43, 0.5)], paint)
    easel.both([(0.43, 0.56), (0.49, 0.44), (0.50, 0.36), (0.50, 0.12), (0.46, 0.07)], paint)
    easel.both([(0.40, 0.555), (0.47, 0.45), (0.40, 0.44)], _shade(paint, 1.12))
    easel.both([(0.50, 0.20), (0.50, 0.12), (0.46, 0.07)], _shade(paint, 0.72))
    easel.both(
        [(top - 0.045, roof - 0.035), (top - 0.02, roof - 0.05), (0.385, 0.56)], (82, 70, 58)
    )
    easel.area(
        [(-0.30, 0.565), (-0.12, 0.565), (-0.10, roof - 0.045), (-0.22, roof - 0.045)],
        (112, 99, 86),
    )
    easel.oval((0.16, 0.645), (0.042, 0.055), (58, 74, 100))
    easel.oval((0.16, 0.57), (0.095, 0.04), (48, 46, 52))
    for side in (-1, 1):
        easel.oval((side * 0.475, 0.60), (0.045, 0.03), _shade(paint, 0.85))


def _front(easel: Easel, paint: Colour, looks: np.random.Generator) -> None:
    for side in (-1, 1):
        lamp = [(side * 0.25, 0.37), (side * 0.46, 0.41), (side * 0.48, 0.36), (side * 0.28, 0.325)]
        easel.area(lamp, (225, 228, 228))
        easel.oval((side * 0.37, 0.367), (0.035, 0.025), (255, 252, 246))
        easel.oval((side * 0.40, 0.17), (0.03, 0.02), (190, 200, 205))
    easel.both([(0.22, 0.415), (0.20, 0.335)], (38, 38, 40))
    bars = int(looks.integers(2, 5))
    for bar in range(bars):
        y = 0.345 + 0.065 * (bar + 0.5) / bars
        easel.stroke((-0.205, y), (0.205, y), 0.006, (120, 120, 122))
    easel.oval((0.0, 0.375), (0.024, 0.024), (205, 205, 208))
    easel.both([(0.30, 0.155), (0.26, 0.085)], _shade(paint, 0.35))


def _plate(easel: Easel, text: str | None, kind: PlateKind, looks: np.random.Generator) -> None:
    if text is None:
        # Covered: a cloth over the place where the plate is.
        easel.both([(0.15, 0.29), (0.16, 0.18)], (105, 125, 140))
        return
    face = draw_plate(text, kind, looks, scale=0.75)
    high = 0.30 * face.shape[0] / face.shape[1]
    tilt = float(looks.uniform(-0.006, 0.006))
    corners = [(-0.15, 0.235 + high / 2 + tilt), (0.15, 0.235 + high / 2 - tilt)]
    corners += [(0.152, 0.235 - high / 2 - tilt), (-0.152, 0.235 - high / 2 + tilt)]
    easel.both([(0.165, 0.245 + high / 2), (0.165, 0.225 - high / 2)], (45, 45, 45))
    paste(easel.picture, face, np.array([easel.at(*each) for each in corners], np.float32))


def paste(picture: Picture, face: Picture, corners: np.ndarray) -> None:
    """Lay a plate's face over four corners of a picture (clockwise from the top left)."""
    left, top = np.floor(corners.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 2
    left, top = max(left, 0), max(top, 0)
    under = picture[top:bottom, left:right]
    if under.size == 0:
        return
    wide = max(4, round(float(np.linalg.norm(corners[1] - corners[0])) * 1.4))
    shrunk = min(1.0, wide / face.shape[1])
    face = cv2.resize(face, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
    height, width = face.shape[:2]
    own = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    turn = cv2.getPerspectiveTransform(own, corners.astype(np.float32) - np.float32((left, top)))
    size = (under.shape[1], under.shape[0])
    laid = cv2.warpPerspective(
        face, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    share = cv2.warpPerspective(np.full((height, width), 1.0, np.float32), turn, size)[:, :, None]
    under[:] = (under * (1 - share) + laid * share).astype(np.uint8)


def _draw_rider(
    picture: Picture,
    looks: np.random.Generator,
    spot: tuple[float, float, float],
    *,
    on_bicycle: bool,
) -> None:
    """Draw a person on foot, or on a bicycle seen a little from the side."""
    easel = Easel(picture, (spot[0], spot[1], spot[2] * 0.62))
    coat = PAINTS[int(looks.integers(1, len(PAINTS)))]
    trousers, skin = (70, 55, 48), (140, 170, 215)
    lift = 0.16 if on_bicycle else 0.0
    easel.oval((0.0, 0.0), (0.30 if on_bicycle else 0.16, 0.03), (66, 66, 67))
    if on_bicycle:
        for x in (-0.24, 0.24):
            easel.ring((x, 0.16), 0.155, 0.018, (35, 35, 35))
        for first, last in BICYCLE:
            easel.stroke(first, last, 0.022, (40, 60, 170))
    for side in (-1, 1):
        easel.stroke((side * 0.05, 0.46 + lift), (side * 0.07, 0.03 + lift * 0.6), 0.085, trousers)
    easel.area(
        [(-0.13, 0.86 + lift), (0.13, 0.86 + lift), (0.11, 0.42 + lift), (-0.11, 0.42 + lift)], coat
    )
    reach = (0.17, 0.50) if on_bicycle else (0.16, 0.46)
    easel.stroke((0.12, 0.82 + lift), reach, 0.06, _shade(coat, 0.85))
    easel.stroke((-0.12, 0.82 + lift), (-reach[0], reach[1]), 0.06, _shade(coat, 0.85))
    easel.oval((0.0, 0.96 + lift), (0.075, 0.095), skin)
    easel.oval((0.0, 1.01 + lift), (0.08, 0.06), (40, 38, 38))
    easel.area(
        [
            (-0.065, 0.945 + lift),
            (0.065, 0.945 + lift),
            (0.05, 0.885 + lift),
            (-0.05, 0.885 + lift),
        ],
        (225, 205, 165),
    )
