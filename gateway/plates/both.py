"""Both readers together: our nets, and Tesseract asked about what they are unsure of.

What the nets are sure of never waits for the second reader. Below the line an agreement raises
the confidence; the text itself is never exchanged for the other's, which joins the candidates.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gateway.plates.model import Runtime, open_models
from gateway.plates.net import NetReader
from gateway.plates.picture import as_picture
from gateway.plates.reader import Plate, Region
from gateway.plates.tesseract import TesseractReader

AGREES: Final = 2.0
"""An agreement multiplies the odds that a text is right by this.

Of 78 unsure plates of training's own sets the nets had 49 right. The second reader agreed with 28
of those and with 4 of the 29 wrong ones, which is 4; here stands what is still left if chance was
kind in one case of ten (`python -m training weigh`). It said something else of 16 and of 8, so that
says nothing of the text: it has the line net's weights, which the nets have asked already."""
HEARD_MIN: Final = 0.3
"""What a second reader less sure than this says is no candidate."""
ASKED_MAX: Final = 2
"""So many plates of a picture are worth asking about."""


class BothReaders:
    """Reads with the nets, and asks Tesseract about the plates they are unsure of."""

    name = "both"

    def __init__(self, first: NetReader, second: TesseractReader) -> None:
        self._first = first
        self._second = second
        self.accept = first.accept
        self.runtime = first.runtime

    @classmethod
    def open(cls, runtime: Runtime = "best", beat: Callable[[], object] = bool) -> "BothReaders":
        """Open both; raises PlateError when either cannot be had."""
        models = open_models(runtime=runtime)
        return cls(NetReader(models), TesseractReader.open(models, beat=beat))

    def read(self, picture: NDArray[np.generic], region: Region = ()) -> tuple[Plate, ...]:
        """Give the nets' plates with the confidence that both readers leave."""
        plates = list(self._first.read(picture, region))
        unsure = [n for n, each in enumerate(plates) if each.text and each.confidence < self.accept]
        whole = as_picture(picture) if unsure else None
        if whole is None:
            return tuple(plates)
        share = whole.shape[1] / picture.shape[1]
        for n in unsure[:ASKED_MAX]:
            corners = np.array(plates[n].corners, np.float32) * np.float32(share)
            said = self._second.line(whole, corners)
            plates[n] = weighed(plates[n], *said)
        return tuple(plates)


def weighed(plate: Plate, said: str, sure: float) -> Plate:
    """Give a plate with the confidence that a second reader's word leaves it."""
    if said == plate.text:
        return _with(plate, AGREES)
    if not said or sure < HEARD_MIN:
        return plate
    own, *others = plate.candidates
    # What the text itself leaves is shared between the nets' other texts and the second reader's.
    rest = {text: chance * (1 - sure) for text, chance in others}
    rest[said] = rest.get(said, 0.0) + sure * (1 - plate.confidence)
    return replace(plate, candidates=(own, *sorted(rest.items(), key=lambda one: -one[1])))


def _with(plate: Plate, times: float) -> Plate:
    odds = times * plate.confidence / max(1e-6, 1 - plate.confidence)
    confidence = odds / (1 + odds)
    rest = (1 - confidence) / max(1e-6, 1 - plate.confidence)
    others = tuple((text, min(1.0, chance * rest)) for text, chance in plate.candidates[1:])
    return replace(plate, confidence=confidence, candidates=((plate.text, confidence), *others))
