"""The plate readers that there are, by name."""

from typing import Final

from gateway.plates.errors import ReaderMissing
from gateway.plates.net import NetReader
from gateway.plates.reader import PlateReader

READERS: Final = ("net", "tesseract")


def open_reader(name: str = "net") -> PlateReader:
    """Open a reader by its name; raises PlateError with one sentence when it cannot be had."""
    if name == "net":
        return NetReader.open()
    if name == "tesseract":
        # Imported here, so that a gate without the second reader's programs starts all the same.
        from gateway.plates.tesseract import TesseractReader  # noqa: PLC0415

        return TesseractReader.open()
    raise ReaderMissing(f"no plate reader {name!r}; there are: {', '.join(READERS)}")
