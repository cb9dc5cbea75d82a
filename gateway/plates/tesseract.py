"""The second reader: Tesseract, by pytesseract, on plates that our detector found.

Where the package holds a `plate.traineddata` of the project's own, that is what reads; else the
distribution's Chinese and English, which read next to no plate whole (docs and `plates benchmark`
say how many). Nothing it says alone is taken without the guard. It costs a process and 30 to 200
ms a plate: never on the fast path.
"""

import contextlib
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pytesseract
from numpy.typing import NDArray

from gateway.plates import find, locate
from gateway.plates.errors import ReaderMissing
from gateway.plates.grammar import DIGITS, LETTERS, MARKS, PROVINCES, RARE_MARKS
from gateway.plates.look import LINE, TALL, TWO, laid, look
from gateway.plates.model import FOLDER, Models, open_models
from gateway.plates.net import FIRST_LOOK, SECOND_LOOK, placed
from gateway.plates.picture import (
    SIDE_MAX,
    Corners,
    Picture,
    as_picture,
    box_of,
    cut_out,
    flattened,
    is_crop,
    is_tall,
    widened,
    within,
)  # fmt: skip
from gateway.plates.reader import Plate, Region

OWN: Final = FOLDER / "plate.traineddata"
STOCK: Final = ("chi_sim", "eng")
WHITELIST: Final = f"-c tessedit_char_whitelist={PROVINCES}{LETTERS}{DIGITS}{MARKS}{RARE_MARKS}"
WAIT_S: Final = 2
"""For one plate. A camera process that says nothing for three seconds is taken for hung."""
MEMORY: Final = "/dev/shm"  # noqa: S108 - pytesseract makes its names so that nobody guesses them.
"""Where Linux keeps files in memory."""
CONFIDENCE_MAX: Final = 0.99


class TesseractReader:
    """Reads with Tesseract, in a process of its own for each plate."""

    name = "tesseract"
    accept = 1.0
    """Above any confidence that this reader gives: everything is for the guard."""

    def __init__(self, models: Models, own: Path | None, beat: Callable[[], object] = bool) -> None:
        self._models = models
        self._beat = beat
        self.runtime = models.runtime
        self._languages = "plate" if own else "+".join(STOCK)
        folder = f" --tessdata-dir {shlex.quote(str(own.parent))}" if own else ""
        self._config = f"--psm 7 {WHITELIST}{folder}"

    @classmethod
    def open(
        cls, models: Models | None = None, own: Path = OWN, beat: Callable[[], object] = bool
    ) -> "TesseractReader":
        """Open; raises ReaderMissing when the program or a language is not installed."""
        try:
            installed = set(pytesseract.get_languages())
        except (pytesseract.TesseractNotFoundError, OSError) as fault:
            raise ReaderMissing(
                "tesseract is not installed: apt-get install tesseract-ocr tesseract-ocr-chi-sim"
            ) from fault
        missing = [each for each in STOCK if each not in installed]
        if missing and not own.exists():
            raise ReaderMissing(
                f"tesseract lacks the language {missing[0]}: "
                f"apt-get install tesseract-ocr-{missing[0].replace('_', '-')}"
            )
        # More threads make a line of text slower, and take the core from the fast path.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        return cls(models or open_models(), own if own.exists() else None, beat)

    def read(self, picture: NDArray[np.generic], region: Region = ()) -> tuple[Plate, ...]:
        """Give every plate in a picture, the most confident first; never raises."""
        part = cut_out(picture, region)
        whole = as_picture(part.array)
        if whole is None:
            return ()
        shrunk, _ = within(whole, SIDE_MAX)
        back = part.array.shape[1] / shrunk.shape[1]
        plates = []
        for corners, two_lines in self._places(shrunk):
            text, confidence = self.line(shrunk, corners, two_lines=two_lines)
            plate = self._plate(text, confidence, corners, shrunk.shape)
            plates.append(placed(plate, back, (part.left, part.top), picture.shape))
        held = [plate for plate in plates if part.holds(plate.corners)]
        return tuple(sorted(held, key=lambda plate: -plate.confidence))

    def line(
        self, picture: Picture, corners: Corners, *, two_lines: bool | None = None
    ) -> tuple[str, float]:
        """Read what lies within corners; gives "" unless it is a plate's text."""
        if two_lines is None:
            two_lines = is_tall(corners)
        crop, _ = flattened(picture, corners, TALL if two_lines else LINE)
        row = cv2.resize(laid(crop), LINE) if two_lines else crop
        text, confidence = self._said(cv2.cvtColor(row, cv2.COLOR_BGR2GRAY))
        known = self._models.alphabet.kinds_of(text)
        return (text, confidence) if known else ("", 0.0)

    def _places(self, picture: Picture) -> list[tuple[Corners, bool | None]]:
        """Find plates with the detector, and rectify them along the corners seen up close."""
        height, width = picture.shape[:2]
        if is_crop(picture):
            sides = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
            return [(sides, look(self._models, picture, sides).two_lines >= TWO)]
        line = self._models.settings.finder_accept
        rough = [corners for _, corners in find.found(self._models.finder, picture, line)]
        if not rough:
            return [(corners, None) for corners in locate.candidates(picture, 2)]
        seen = [look(self._models, picture, widened(each, *FIRST_LOOK)) for each in rough]
        return [(widened(each.corners, *SECOND_LOOK), each.two_lines >= TWO) for each in seen]

    def _said(self, grey: NDArray[np.uint8]) -> tuple[str, float]:
        self._beat()
        try:
            with _in_memory():
                said = pytesseract.image_to_data(
                    grey,
                    lang=self._languages,
                    config=self._config,
                    timeout=WAIT_S,
                    output_type=pytesseract.Output.DICT,
                )
            words = [
                (str(text).strip(), float(sure))
                for text, sure in zip(said["text"], said["conf"], strict=True)
                if str(text).strip()
            ]
        except (RuntimeError, OSError, ValueError, KeyError):
            # Killed, timed out, confused by this one crop, or no room for its answer, which then
            # is empty or torn: that is an unread plate.
            return "", 0.0
        text = re.sub(r"\W", "", "".join(word for word, _ in words))
        sure = min((sure for _, sure in words), default=0.0) / 100
        return text, min(CONFIDENCE_MAX, max(0.0, sure))

    def _plate(
        self, text: str, confidence: float, corners: Corners, shape: tuple[int, ...]
    ) -> Plate:
        return Plate(
            text=text,
            plate_kind=self._models.alphabet.kinds_of(text)[0] if text else "",
            confidence=confidence,
            characters=(confidence,) * len(text),
            box=box_of(corners, shape),
            corners=tuple((float(x), float(y)) for x, y in corners),
            candidates=((text, confidence),) if text else (),
        )


@contextlib.contextmanager
def _in_memory() -> Iterator[None]:
    """Let the crop go to the program by way of memory: a card would keep it in the clear."""
    before = tempfile.tempdir
    if os.access(MEMORY, os.W_OK):
        tempfile.tempdir = MEMORY
    try:
        yield
    finally:
        tempfile.tempdir = before
