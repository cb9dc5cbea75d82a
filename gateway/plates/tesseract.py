"""The second reader: Tesseract, by pytesseract, on plates that our detector found.

Where the package holds a `plate.traineddata` of the project's own, that is what reads; else the
distribution's Chinese and English, which read next to no plate whole. Nothing it says alone is
taken without the guard. It costs a process and some 60 ms a look: never on the fast path.
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

from gateway.plates.decode import spelt
from gateway.plates.errors import ReaderMissing
from gateway.plates.grammar import DIGITS, LETTERS, MARKS, PROVINCES, RARE_MARKS
from gateway.plates.look import TWO, look, row_within
from gateway.plates.model import FOLDER, SECOND, Models, check_listed, open_models
from gateway.plates.net import SECOND_LOOK, THIRD_LOOK, NetReader, ranked
from gateway.plates.picture import Corners, Picture, as_picture, box_of, widened
from gateway.plates.reader import Plate, Region

OWN: Final = FOLDER / SECOND
STOCK: Final = ("chi_sim", "eng")
WHITELIST: Final = f"-c tessedit_char_whitelist={PROVINCES}{LETTERS}{DIGITS}{MARKS}{RARE_MARKS}"
AS_IT_IS: Final = "--psm 13 -c tessedit_do_invert=0"
"""The whole crop is the line: nothing is cut off, scaled or turned into its negative."""
WAIT_S: Final = 2
"""For one plate. A camera process that says nothing for three seconds is taken for hung."""
MEMORY: Final = "/dev/shm"  # noqa: S108 - pytesseract makes its names so that nobody guesses them.
"""Where Linux keeps files in memory."""
CONFIDENCE_MAX: Final = 0.99
LOOKS: Final = (SECOND_LOOK, THIRD_LOOK)
"""How much wider than the plate what is read is; the second look where the first is not sure."""
SURE: Final = 0.8
"""From here on what stands nearer counts for more than what reads surer."""


class TesseractReader:
    """Reads with Tesseract, in a process of its own for each plate."""

    name = "tesseract"
    accept = 1.0
    """Above any confidence that this reader gives: everything is for the guard."""

    def __init__(self, models: Models, own: Path | None, beat: Callable[[], object] = bool) -> None:
        self._models = models
        self._nets = NetReader(models)
        self._beat = beat
        self.runtime = models.runtime
        self._languages = "plate" if own else "+".join(STOCK)
        folder = f" --tessdata-dir {shlex.quote(str(own.parent))}" if own else ""
        self._config = f"{AS_IT_IS} {WHITELIST}{folder}"

    @classmethod
    def open(
        cls, models: Models | None = None, own: Path = OWN, beat: Callable[[], object] = bool
    ) -> "TesseractReader":
        """Open; raises ReaderMissing or ModelRefused.

        The first when the program or a language is not installed, the second when the project's own
        file is not the one on record.
        """
        try:
            installed = set(pytesseract.get_languages())
        except (pytesseract.TesseractNotFoundError, OSError) as fault:
            raise ReaderMissing(
                "tesseract is not installed: apt-get install tesseract-ocr"
            ) from fault
        missing = [each for each in STOCK if each not in installed]
        if own.exists():
            check_listed(own)
        elif missing:
            raise ReaderMissing(
                f"tesseract lacks the language {missing[0]}: "
                f"apt-get install tesseract-ocr-{missing[0].replace('_', '-')}"
            )
        # More threads make a line of text slower, and take the core from the fast path.
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        return cls(models or open_models(), own if own.exists() else None, beat)

    def read(self, picture: NDArray[np.generic], region: Region = ()) -> tuple[Plate, ...]:
        """Give every plate where the nets see one: of the sure the nearest first; never raises."""
        places = self._nets.read(picture, region)
        whole = as_picture(picture) if places else None
        if whole is None:
            return ()
        share = whole.shape[1] / picture.shape[1]
        plates = []
        for place in places:
            corners = np.array(place.corners, np.float32)
            text, confidence = self.line(whole, corners * np.float32(share))
            plates.append(self._plate(text, confidence, corners, picture.shape))
        return ranked(plates, SURE, SURE)

    def line(
        self, picture: Picture, corners: Corners, *, two_lines: bool | None = None
    ) -> tuple[str, float]:
        """Read the plate that has these corners; gives "" unless it is a plate's text."""
        if two_lines is None:
            two_lines = look(self._models, picture, corners).two_lines >= TWO
        best = "", 0.0
        for wider in LOOKS:
            said = self._look(picture, widened(corners, *wider), two_lines=two_lines)
            best = max(best, said, key=lambda one: one[1])
            if best[1] >= SURE:
                break
        return best

    def _look(self, picture: Picture, corners: Corners, *, two_lines: bool) -> tuple[str, float]:
        row = row_within(picture, corners, two_lines=two_lines)
        said, confidence = self._said(np.asarray(cv2.cvtColor(row, cv2.COLOR_BGR2RGB), np.uint8))
        text = spelt(said)
        return (text, confidence) if self._models.alphabet.kinds_of(text) else ("", 0.0)

    def _said(self, row: Picture) -> tuple[str, float]:
        self._beat()
        try:
            with _in_memory():
                said = pytesseract.image_to_data(
                    row,
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
