"""What a gate's camera sees: scenes that the project draws, or real frames laid into them."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from demo.traffic import Visit
from training import drawing

DRAWN_SIZE: Final = (640, 480)
REAL_SIZE: Final = (1280, 960)
"""Real frames are at most 1,280 pixels wide; a plate must not shrink below what was tried."""
QUALITIES: Final = (88, 86, 84)
"""No two pictures of a real camera are the same bytes; three shots in turn are enough."""

Picture = np.ndarray
Shots = tuple[bytes, ...]
"""One scene as JPEG, taken more than once."""


class Scenes:
    """One camera's pictures: its own empty ground, and whoever comes before it."""

    def __init__(self, ground: int, *, real: bool) -> None:
        self._ground = ground
        self._size = REAL_SIZE if real else DRAWN_SIZE
        self._chance = np.random.default_rng(ground)
        self._empty = self._draw(None, "blue", 0, "empty", "vehicle")
        self.empty = _shots(self._empty)

    def plate_of(self, visit: Visit) -> tuple[str | None, str]:
        """Choose the visit's plate; the same visit has the same plate."""
        if not visit.plated:
            return None, "blue"
        return drawing.random_plate(self._seeded(visit))

    def far(self, visit: Visit) -> Shots:
        """Show it coming."""
        if visit.picture is not None:
            return self.empty
        return self._drawn(visit, "far")

    def standing(self, visit: Visit) -> Shots:
        """Show it in the stop zone."""
        if visit.picture is not None:
            return _shots(self._laid(visit.picture))
        return self._drawn(visit, "zone")

    def _drawn(self, visit: Visit, where: drawing.Where) -> Shots:
        text, kind = self.plate_of(visit)
        return _shots(self._draw(text, kind, visit.number, where, visit.traveller))

    def _draw(
        self, text: str | None, kind: str, number: int, where: drawing.Where, traveller: str
    ) -> Picture:
        return drawing.draw_scene(
            text,
            kind,  # type: ignore[arg-type]
            np.random.default_rng((self._ground, number)),
            self._size,
            where,
            traveller,  # type: ignore[arg-type]
            ground=self._ground,
        )

    def _seeded(self, visit: Visit) -> np.random.Generator:
        return np.random.default_rng((self._ground, visit.number, 1))

    def _laid(self, path: Path) -> Picture:
        """Lay a real frame into the empty scene, as large as it fits: a camera's size is fixed."""
        found = load(path)
        assert found is not None, path
        width, height = self._size
        scale = min(1.0, width / found.shape[1], height / found.shape[0])
        shrunk = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scene = self._empty.copy()
        left, top = (width - shrunk.shape[1]) // 2, height - shrunk.shape[0]
        scene[top : top + shrunk.shape[0], left : left + shrunk.shape[1]] = shrunk
        return scene


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """List what should be the pictures of a folder."""
    return tuple(
        sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    )


def load(path: Path) -> Picture | None:
    """Read a picture from its file; None when it is none."""
    try:
        return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):  # The second: of a file that is empty.
        return None


def _shots(picture: Picture) -> Shots:
    return tuple(
        bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
        for quality in QUALITIES
    )
