"""The second reader behind the same interface, where its program is installed."""

import os
import shutil

import numpy as np
import pytest

from gateway.plates.errors import ReaderMissing
from gateway.plates.grammar import kinds_of
from gateway.plates.reader import status_of
from gateway.plates.readers import open_reader
from training.drawing import draw_scene


@pytest.fixture(scope="module")
def second():
    try:
        return open_reader("tesseract")
    except ReaderMissing as missing:
        pytest.skip(str(missing))


def test_without_its_program_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReaderMissing, match=r"apt-get install tesseract-ocr"):
        open_reader("tesseract")


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_without_its_language_it_says_what_to_install(monkeypatch, tmp_path):
    program = shutil.which("tesseract")
    wrapped = tmp_path / "tesseract"
    # The real program, looking for its languages in an empty folder.
    wrapped.write_text(f'#!/bin/sh\nTESSDATA_PREFIX="{tmp_path}" exec "{program}" "$@"\n')
    wrapped.chmod(0o755)
    (tmp_path / "eng.traineddata").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(
        ReaderMissing, match=r"lacks the language chi_sim: apt-get install tesseract-ocr-chi-sim"
    ):
        open_reader("tesseract")


def test_it_gives_plates_or_nothing_and_is_never_accepted(second):
    rng = np.random.default_rng(1)
    pictures = [
        draw_scene("鲁A12345", "blue", rng),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((24, 94), np.uint8),
    ]
    for picture in pictures:
        for plate in second.read(picture):
            assert not plate.text or kinds_of(plate.text)
            assert status_of(plate, second.accept) in {"unsure", "unread"}


def test_it_sees_the_plate_where_the_first_reader_does(second, reader):
    scene = draw_scene("鲁A12345", "blue", np.random.default_rng(4))
    (left, top, width, height), (x, y, w, h) = (
        each.read(scene)[0].box for each in (second, reader)
    )
    assert abs(left + width / 2 - x - w / 2) < 15
    assert abs(top + height / 2 - y - h / 2) < 15
