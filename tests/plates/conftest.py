"""One opened reader for all tests of plates: opening takes longer than reading."""

import cv2
import pytest

from gateway.plates.reader import PlateReader
from gateway.plates.readers import open_reader


@pytest.fixture(scope="session")
def reader() -> PlateReader:
    cv2.setNumThreads(1)
    return open_reader()
