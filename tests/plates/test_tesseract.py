"""The second reader behind the same interface, where its program is installed."""

import os
import shutil
import tempfile

import numpy as np
import pytest

from gateway.camera.cameras import BEAT_S_MAX
from gateway.plates.errors import ModelRefused, ReaderMissing
from gateway.plates.grammar import kinds_of
from gateway.plates.model import LIST, SECOND
from gateway.plates.reader import status_of
from gateway.plates.readers import open_reader
from gateway.plates.tesseract import MEMORY, OWN, WAIT_S, TesseractReader
from training.drawing import draw_plate, draw_scene, random_plate, wear

DRAWN = 10
"""Plates of each kind."""


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
        TesseractReader.open(own=tmp_path / "missing")


def test_its_own_file_is_the_one_on_record_or_is_refused(second, tmp_path):
    own = tmp_path / SECOND
    own.write_bytes(OWN.read_bytes()[:-1] + b"1")
    with pytest.raises(ModelRefused, match=r"cannot be read.*reinstall"):
        TesseractReader.open(own=own)
    (tmp_path / LIST).write_bytes(OWN.with_name(LIST).read_bytes())
    with pytest.raises(ModelRefused, match=f"{SECOND} has checksum"):
        TesseractReader.open(own=own)


@pytest.mark.parametrize(
    ("kind", "shape", "size"),
    [
        ("blue", "line", (168, 48)), ("green", "green", (168, 48)), ("yellow", "line", (168, 48)),
        ("police", "line", (168, 48)), ("trailer", "rear", (168, 96)),
    ],
)  # fmt: skip
def test_its_own_file_reads_drawn_plates(second, kind, shape, size):
    """A net whose weights were written wrongly would read none."""
    rng = np.random.default_rng(12)
    sides = np.array(((0, 0), (size[0], 0), size, (0, size[1])), np.float32)
    right = 0
    for _ in range(DRAWN):
        text, _ = random_plate(rng, kind)
        crop = wear(draw_plate(text, kind, rng, shape=shape), rng, size, 0.2)
        said, _ = second.line(crop, sides, two_lines=size[1] > 48)
        right += said == text
    assert right >= 0.8 * DRAWN


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


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """A program of that name that answers as a test says; its work's place is written down."""

    def pretend(answer):
        program = tmp_path / "tesseract"
        program.write_text(
            '#!/bin/sh\ncase "$1" in\n--list-langs) printf "List of\\nchi_sim\\neng\\n"; exit;;\n'
            f'--version) echo "tesseract 5.3.0"; exit;;\nesac\ndirname "$1" > "{tmp_path}/place"\n'
            f"{answer}\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return open_reader("tesseract")

    return pretend


@pytest.mark.parametrize(
    "answer",
    [
        "exit 0", ': > "$2.tsv"', 'printf "level\\tconf\\ttext\\n" > "$2.tsv"',
        'printf "\\377\\376" > "$2.tsv"', 'printf "level\\tconf\\ttext\\n5\\tx\\ty\\n" > "$2.tsv"',
        'printf "\\377\\376" >&2; exit 1', "kill -9 $$",
    ],
    ids=["no file", "empty", "no rows", "no words", "no number", "dies with no words", "killed"],
)  # fmt: skip
def test_whatever_its_program_does_a_plate_is_unread_and_nothing_fails(pretended, answer):
    """A full disk leaves an empty answer; the camera process must not die of it."""
    second = pretended(answer)
    seen = second.read(draw_scene("鲁A12345", "blue", np.random.default_rng(4)))
    assert seen
    assert {each.text for each in seen} == {""}


def test_it_beats_before_each_plate_and_waits_for_none_longer_than_a_beat(pretended):
    pretended("exit 0")
    beats: list[str] = []
    second = open_reader("tesseract", beat=lambda: beats.append("beat"))
    pair = [draw_scene(text, "blue", np.random.default_rng(4)) for text in ("鲁A12345", "苏B67890")]
    assert len(beats) == 0 < len(second.read(np.hstack(pair))) <= len(beats)
    assert WAIT_S < BEAT_S_MAX


@pytest.mark.skipif(not os.access(MEMORY, os.W_OK), reason="no files in memory here")
def test_a_crop_goes_to_its_program_by_way_of_memory(pretended, tmp_path):
    second, before = pretended("exit 0"), tempfile.tempdir
    second.read(draw_scene("鲁A12345", "blue", np.random.default_rng(4)))
    assert (tmp_path / "place").read_text().strip() == MEMORY
    assert tempfile.tempdir == before
