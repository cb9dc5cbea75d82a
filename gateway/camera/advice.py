"""What an installer should change at a camera, by what its pictures show.

Pure. Limits are those under which our reader's answers fall off on worn drawn plates.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.plates.picture import flattened
from gateway.plates.reader import Plate

Picture = NDArray[np.uint8]

WIDE_MIN: Final = 640
PLATE_WIDE_MIN: Final = 90
BLACK: Final = 12
DARK: Final = 45
WHITE: Final = 250
BURNT_SHARE: Final = 0.15
SHARP_MIN: Final = 0.14
"""The step from one pixel to the next, on average, as a share of a plate's own contrast."""
STEEP: Final = 0.35
CROP: Final = (168, 48)


def advise_picture(picture: Picture) -> list[str]:
    """Say what is wrong with a picture as a whole."""
    said = []
    wide, grey = picture.shape[1], cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if wide < WIDE_MIN:
        said.append(f"the picture is {wide} pixels wide: set {WIDE_MIN} or more")
    if float(grey.mean()) < BLACK:
        said.append("the picture is black: take off the cap, switch on its lamp, or let it expose"
                    " longer")  # fmt: skip
    elif float((grey >= WHITE).mean()) > BURNT_SHARE:
        said.append("a large part is burnt white: expose shorter, or turn it away from the sun")
    return said


def advise_plate(picture: Picture, plate: Plate) -> list[str]:
    """Say what is wrong with a plate as it is seen."""
    corners = np.array(plate.corners, np.float32)
    across = corners[1] - corners[0]
    wide = float(np.hypot(*across))
    said = []
    if wide < PLATE_WIDE_MIN:
        said.append(
            f"plates are {wide:.0f} pixels wide: zoom in or go nearer until they are"
            f" {PLATE_WIDE_MIN} or more"
        )
    if abs(float(across[1])) > STEEP * abs(float(across[0])):
        said.append("plates stand askew: turn the camera level, and put it less to the side")
    crop, _ = flattened(picture, corners, CROP)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if float((grey >= WHITE).mean()) > BURNT_SHARE:
        said.append("plates are burnt white: expose shorter (1/500 s), or dim the infrared lamp")
    elif float(grey.mean()) < DARK:
        said.append("plates are dark: add light at the stop line, or raise the gain")
    spread = float(grey.std())
    steps = float(np.abs(np.diff(grey, axis=1)).mean())
    if spread > 1 and steps < SHARP_MIN * spread:
        said.append("plates are smeared: expose shorter (1/250 s or less), then set the focus")
    return said


def advise(seen: Sequence[tuple[Picture, Sequence[Plate]]]) -> list[str]:
    """Say, once each, what several pictures of a camera call for."""
    said: dict[str, None] = {}
    for picture, plates in seen:
        said.update(dict.fromkeys(advise_picture(picture)))
        if plates:
            said.update(dict.fromkeys(advise_plate(picture, plates[0])))
    return list(said)
