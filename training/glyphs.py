"""Masks of characters: of the standard's own glyphs where a folder has them, else of a font.

The folder holds pictures named `140_A.jpg`, `green_A.jpg`, `220_down_A.jpg`, ...
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
WHITE: Final = (245, 245, 245)


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
