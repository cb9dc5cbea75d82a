"""Pictures for people: what was found, drawn into a picture; and what was missed, on one sheet."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.picture import SIDE_MAX, Picture, as_picture, flattened, widened, within
from gateway.plates.reader import Plate, Status, status_of

INK: Final[dict[Status, tuple[int, int, int]]] = {
    "read": (60, 170, 40),
    "unsure": (0, 140, 240),
    "unread": (50, 50, 210),
    "none": (50, 50, 210),
}
CELL: Final = (300, 150)
"""Width and height of a miss on the sheet."""
CROP: Final = (276, 84)
COLUMNS: Final = 4
_FACE: Final = "uni"


def write(picture: Picture, text: str, at: tuple[int, int], ink: tuple[int, int, int]) -> None:
    """Write a text, Chinese too, with its lower left at a point."""
    cv2.putText(picture, text, at, (255, 255, 255), cv2.FontFace(_FACE), 19, weight=900)
    cv2.putText(picture, text, at, ink, cv2.FontFace(_FACE), 19, weight=500)


def annotated(picture: NDArray[np.generic], plates: Sequence[Plate], accept: float) -> Picture:
    """Draw each plate's corners, text and confidence into a copy of a picture."""
    whole = as_picture(picture)
    if whole is None:
        return np.zeros((1, 1, 3), np.uint8)
    shown, _ = within(whole, SIDE_MAX)
    shown = shown.copy()
    share = shown.shape[1] / picture.shape[1]
    for plate in reversed(plates):
        ink = INK[status_of(plate, accept)]
        corners = np.round(np.array(plate.corners) * share).astype(np.int32)
        cv2.polylines(shown, [corners], isClosed=True, color=ink, thickness=2)
        words = f"{plate.text} {plate.confidence:.0%}" if plate.text else "?"
        left, top = corners.min(axis=0)
        write(shown, words, (max(0, int(left)), max(20, int(top) - 6)), ink)
    return shown


def miss(
    picture: NDArray[np.generic] | None, plate: Plate | None, label: str, name: str
) -> Picture:
    """Draw one miss: the plate as it was rectified, what it is and what was said."""
    width, height = CELL
    cell = np.full((height, width, 3), 255, np.uint8)
    whole = as_picture(picture) if picture is not None else None
    if whole is not None:
        cell[6 : 6 + CROP[1], 12 : 12 + CROP[0]] = _crop(whole, plate)
    write(cell, f"{label}", (12, 112), (40, 40, 40))
    said = f"{plate.text} {plate.confidence:.2f}" if plate is not None and plate.text else "-"
    write(cell, f"{said}  [{name[-12:]}]", (12, 138), INK["unread"])
    return cell


def _crop(whole: Picture, plate: Plate | None) -> Picture:
    if plate is not None:
        corners = widened(np.array(plate.corners, np.float32), 1.3, 1.5)
        return flattened(whole, corners, CROP)[0]
    share = min(CROP[0] / whole.shape[1], CROP[1] / whole.shape[0])
    small = cv2.resize(whole, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    small = small[: CROP[1], : CROP[0]]
    below, beside = CROP[1] - small.shape[0], CROP[0] - small.shape[1]
    grey = (200, 200, 200)
    framed = cv2.copyMakeBorder(small, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=grey)
    return np.asarray(framed, np.uint8)


def sheet(cells: Sequence[Picture]) -> Picture:
    """Lay cells out in rows; an empty sheet says that nothing was missed."""
    if not cells:
        cell = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
        write(cell, "no misses", (12, 80), INK["read"])
        return cell
    blank = np.full_like(cells[0], 255)
    filled = [*cells, *[blank] * (-len(cells) % COLUMNS)]
    rows = [np.hstack(filled[n : n + COLUMNS]) for n in range(0, len(filled), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)
