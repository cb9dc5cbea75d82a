"""What the detector learns from: street pictures with our plates laid over the cars' own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import Frame, load_crops, load_frames, standard_glyphs
from training.glyphs import BUILT_IN, Picture
from training.layouts import shape_of
from training.samples import FONT, face_of
from training.texts import LESSONS, random_plate
from training.wear import framed, lay
from training.weather import weather

SIDE: Final = 192
STRIDE: Final = 8
STEP: Final = 16.0
TILTED: Final = 0.25
"""The share of cameras that hang askew; the vehicles of as many stand far aside."""
TILT_MAX: Final = np.pi / 5
Corners = NDArray[np.float32]


class Street:
    """Makes detector samples without end from one seed."""

    def __init__(self, data: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.frames = load_frames(data)
        self.crops = load_crops(data)
        self.loaded: dict[Path, Picture] = {}
        self.standard = standard_glyphs(data)

    def batches(self, size: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
        """Give batches: pictures N x 192 x 192 x 3 and targets N x 9 x 24 x 24."""
        while True:
            made = [self.sample() for _ in range(size)]
            yield np.stack([each[0] for each in made]), np.stack([each[1] for each in made])

    def sample(self) -> tuple[Picture, NDArray[np.float32]]:
        """Make one picture and its target."""
        rng = self.rng
        frame = self.frames[int(rng.integers(0, len(self.frames)))]
        picture = self.load(frame)
        height, width = picture.shape[:2]
        plates = []
        for x, y, wide, high in frame.boxes:
            middle = np.array((x * width, y * height))
            face = self.face()
            flat = face.shape[1] / face.shape[0]
            corners = self.corners(middle, wide * width, high * height, flat)
            picture = lay(face, corners, picture)
            plates.append(corners)
        picture, plates = self.cut(picture, plates)
        return weather(picture, rng, float(rng.uniform(0.0, 0.7))), target_of(plates)

    def load(self, frame: Frame) -> Picture:
        """Load a street picture; 600 stay in memory."""
        if frame.path not in self.loaded:
            read = cv2.imread(str(frame.path))
            assert read is not None, frame.path
            if len(self.loaded) >= 600:
                return np.asarray(read, np.uint8)
            self.loaded[frame.path] = np.asarray(read, np.uint8)
        return self.loaded[frame.path]

    def face(self) -> Picture:
        """Take a drawn plate, or a real crop."""
        rng = self.rng
        if rng.random() < 0.45:
            return self.crops[int(rng.integers(0, len(self.crops)))].picture
        text, kind = random_plate(rng, None, LESSONS)
        glyphs = BUILT_IN if rng.random() < FONT else self.standard
        return framed(face_of(text, kind, shape_of(kind, rng), rng, glyphs), rng, 1.0)

    def corners(
        self, middle: NDArray[np.float64], wide: float, high: float, flat: float
    ) -> Corners:
        """Cover a box with a plate of its own shape that hangs a little otherwise."""
        rng = self.rng
        across = wide * rng.uniform(1.05, 1.4)
        half = np.array((across, max(high * rng.uniform(0.9, 1.1), across / max(flat, 1.4) * 0.95)))
        steep = 2.5 if rng.random() < TILTED else 1.0
        half[0] *= rng.uniform(0.55, 1.0) if steep > 1 else 1.0  # Seen from aside it is narrower.
        turn, shear = rng.normal(0, 0.12 * steep), rng.normal(0, 0.12 * steep)
        away = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))) * half / 2
        away = away @ np.array(((1, turn), (-turn, 1))) @ np.array(((1, shear), (0, 1)))
        return np.asarray(middle + away + rng.normal(0, 0.02 * high, (4, 2)), np.float32)

    def cut(self, picture: Picture, plates: list[Corners]) -> tuple[Picture, list[Corners]]:
        """Take a square of the picture in which a plate is 13 to 125 pixels wide."""
        rng = self.rng
        chosen = plates[int(rng.integers(0, len(plates)))] if plates else None
        share = float(np.exp(rng.uniform(np.log(0.4), np.log(1.5))))
        focus = rng.uniform(0, 1, 2) * (picture.shape[1], picture.shape[0])
        if chosen is not None:
            wide = float(np.linalg.norm(chosen[1] - chosen[0]))
            share = float(np.exp(rng.uniform(np.log(13), np.log(125)))) / wide
            if rng.random() < 0.85:
                focus = chosen.mean(axis=0)
        share = float(np.clip(share, 0.2, 2.5))
        spot = rng.uniform(0.1, 0.9, 2) * SIDE
        turn = np.array(
            ((share, 0, spot[0] - share * focus[0]), (0, share, spot[1] - share * focus[1])),
            np.float32,
        )
        if rng.random() < 0.15:
            # Stretched: other lenses, other sides.
            turn[0] *= np.float32(rng.uniform(0.8, 1.25))
        if rng.random() < TILTED:
            angle, middle = rng.uniform(-TILT_MAX, TILT_MAX), np.array((SIDE, SIDE)) / 2
            tilt = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
            turn = np.column_stack((tilt @ turn[:, :2], tilt @ (turn[:, 2] - middle) + middle))
            turn = turn.astype(np.float32)
        if share < 0.7:
            picture = np.asarray(cv2.blur(picture, (2, 2) if share > 0.4 else (3, 3)), np.uint8)
        square = self.ground()
        how = cv2.INTER_LINEAR
        cv2.warpAffine(picture, turn, (SIDE, SIDE), square, how, cv2.BORDER_TRANSPARENT)
        moved = [np.asarray(each @ turn[:, :2].T + turn[:, 2], np.float32) for each in plates]
        return square, moved

    def ground(self) -> Picture:
        """Take another street picture without its plates, for what lies beyond the picture."""
        rng = self.rng
        frame = self.frames[int(rng.integers(0, len(self.frames)))]
        loaded = self.load(frame).copy()
        height, width = loaded.shape[:2]
        for x, y, wide, high in frame.boxes:
            left, top = (
                max(0, int((x - wide * 0.6) * width)),
                max(0, int((y - high * 0.6) * height)),
            )
            part = loaded[
                top : int((y + high * 0.6) * height), left : int((x + wide * 0.6) * width)
            ]
            if part.size:
                part[:] = part.mean(axis=(0, 1))
        side = int(rng.integers(120, min(width, height)))
        left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        piece = loaded[top : top + side, left : left + side]
        return np.asarray(cv2.resize(piece, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def target_of(plates: list[Corners]) -> NDArray[np.float32]:
    """Say what the net should: 1 in a plate's middle, -1 where it does not matter, 0 elsewhere."""
    cells = SIDE // STRIDE
    target = np.zeros((9, cells, cells), np.float32)
    at = (np.arange(cells, dtype=np.float32) + 0.5) * STRIDE
    across, down = np.meshgrid(at, at)
    for corners in plates:
        middle = corners.mean(axis=0)
        wide = float(np.linalg.norm(corners[1] - corners[0]))
        high = float(np.linalg.norm(corners[3] - corners[0]))
        off_x, off_y = np.abs(across - middle[0]), np.abs(down - middle[1])
        near = (off_x < 0.65 * wide + 4) & (off_y < 0.65 * high + 4)
        core = (off_x < max(0.22 * wide, 5.0)) & (off_y < max(0.3 * high, 5.0))
        target[0][near & (target[0] == 0)] = -1
        if wide < 11:
            continue
        target[0][core] = 1
        for corner, (x, y) in enumerate(corners):
            target[1 + 2 * corner][core] = ((x - across) / STEP)[core]
            target[2 + 2 * corner][core] = ((y - down) / STEP)[core]
    return target
