"""The plate readers that there are, by name."""

from collections.abc import Callable
from typing import Final

from gateway.plates.errors import ReaderMissing
from gateway.plates.model import Runtime
from gateway.plates.net import NetReader
from gateway.plates.reader import PlateReader

READERS: Final = ("net", "tesseract", "both")


def open_reader(
    name: str = "net", runtime: Runtime = "best", beat: Callable[[], object] = bool
) -> PlateReader:
    """Open a reader by its name; raises PlateError with one sentence when it cannot be had.

    It says `beat` before anything that may take some seconds.
    """
    if name == "net":
        return NetReader.open(runtime=runtime)
    # Imported here, so that a gate without the second reader's programs starts all the same.
    if name == "tesseract":
        from gateway.plates.tesseract import TesseractReader  # noqa: PLC0415

        return TesseractReader.open(beat=beat)
    if name == "both":
        from gateway.plates.both import BothReaders  # noqa: PLC0415

        return BothReaders.open(runtime, beat)
    raise ReaderMissing(f"no plate reader {name!r}; there are: {', '.join(READERS)}")
