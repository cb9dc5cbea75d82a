"""The second reader: Tesseract, by pytesseract, on plates that our detector found.

Stock Tesseract reads next to no Chinese plate whole (docs and `plates benchmark` say how many), so
nothing it says is taken without the guard. It costs a process and some 200 ms a plate: never on
the fast path.
"""

import os
import re
from typing import Any, Final

import cv2
import numpy as np
import pytesseract
from numpy.typing import NDArray

from gateway.plates import find, locate
from gateway.plates.errors import ReaderMissing
from gateway.plates.grammar import DIGITS, LETTERS, MARKS, PROVINCES, kinds_of
from gateway.plates.model import Settings, open_nets
from gateway.plates.net import BARE_WIDTH_MAX, SECOND_LOOK
from gateway.plates.picture import SIDE_MAX, Corners, as_picture, box_of, flattened, widened, within
from gateway.plates.reader import Plate

LANGUAGES: Final = ("chi_sim", "eng")
CONFIG: Final = f"--psm 7 -c tessedit_char_whitelist={PROVINCES}{LETTERS}{DIGITS}{MARKS}"
SIZE: Final = (224, 64)
"""A line of 64 pixels read best of the heights that were tried."""
WAIT_S: Final = 5
CONFIDENCE_MAX: Final = 0.99


class TesseractReader:
    """Reads with the distribution's Tesseract, in a process of its own for each plate."""

    name = "tesseract"
    accept = 1.0
    """Above any confidence that this reader gives: everything is for the guard."""

    def __init__(self, finder: Any, settings: Settings) -> None:
        self._finder = finder
        self._settings = settings

    @classmethod
    def open(cls) -> "TesseractReader":
        """Open; raises ReaderMissing when the program or a language is not installed."""
        try:
            installed = set(pytesseract.get_languages())
        except (pytesseract.TesseractNotFoundError, OSError) as fault:
            raise ReaderMissing(
                "tesseract is not installed: apt-get install tesseract-ocr tesseract-ocr-chi-sim"
            ) from fault
        missing = [each for each in LANGUAGES if each not in installed]
        if missing:
            raise ReaderMissing(
                f"tesseract lacks the language {missing[0]}: "
                f"apt-get install tesseract-ocr-{missing[0].replace('_', '-')}"
            )
        # More threads make a line of text slower, and take the core from the fast path.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        finder, _, settings = open_nets()
        return cls(finder, settings)

    def read(self, picture: NDArray[np.generic]) -> tuple[Plate, ...]:
        """Give every plate in a picture, the most confident first; never raises."""
        whole = as_picture(picture)
        if whole is None:
            return ()
        shrunk, _ = within(whole, SIDE_MAX)
        back = picture.shape[1] / shrunk.shape[1]
        plates = []
        for corners in self._corners(shrunk):
            crop, _ = flattened(shrunk, corners, SIZE)
            text, confidence = _read_line(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY))
            plates.append(_plate(text, confidence, np.asarray(corners * back), picture.shape))
        return tuple(sorted(plates, key=lambda plate: -plate.confidence))

    def _corners(self, picture: NDArray[np.uint8]) -> list[Corners]:
        height, width = picture.shape[:2]
        if width <= BARE_WIDTH_MAX and 1.3 < width / height < 7:
            return [np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)]
        found = find.found(self._finder, picture, self._settings.finder_accept)
        if found:
            return [widened(corners, *SECOND_LOOK) for _, corners in found]
        return list(locate.candidates(picture, 2))


def _read_line(grey: NDArray[np.uint8]) -> tuple[str, float]:
    """Give the text of a line when it is a plate's, else ""."""
    try:
        said = pytesseract.image_to_data(
            grey,
            lang="+".join(LANGUAGES),
            config=CONFIG,
            timeout=WAIT_S,
            output_type=pytesseract.Output.DICT,
        )
    except (RuntimeError, OSError):
        # Killed, timed out or confused by this one crop: that is an unread plate.
        return "", 0.0
    words = [
        (str(text).strip(), float(sure))
        for text, sure in zip(said["text"], said["conf"], strict=True)
        if str(text).strip()
    ]
    text = re.sub(r"\W", "", "".join(word for word, _ in words))
    if not kinds_of(text):
        return "", 0.0
    return text, min(CONFIDENCE_MAX, max(0.0, min(sure for _, sure in words) / 100))


def _plate(text: str, confidence: float, corners: Corners, shape: tuple[int, ...]) -> Plate:
    return Plate(
        text=text,
        plate_kind=kinds_of(text)[0] if text else "",
        confidence=confidence,
        characters=(confidence,) * len(text),
        box=box_of(corners, shape),
        corners=tuple((float(x), float(y)) for x, y in corners),
        candidates=((text, confidence),) if text else (),
    )
