"""Tesseract's own file, written by us: Tesseract opens it, and says what the weights say."""

import shutil
import struct

import cv2
import numpy as np
import pytesseract
import pytest

from gateway.plates.alphabet import NEWEST
from gateway.plates.look import SIZE
from gateway.plates.tesseract import AS_IT_IS
from training import traineddata
from training.traineddata import Dice, beyond

WIDTH, HEIGHT = SIZE
OUTPUTS = traineddata.outputs(NEWEST.characters)
CODE = dict(zip(NEWEST.classes, traineddata.codes(NEWEST.characters), strict=True))


def by_hand(dark, bright):
    """A net that says one character of a dark column, one of a bright one, and none between."""
    rows = np.zeros((OUTPUTS, 3 * HEIGHT + 1), np.float32)
    rows[CODE[dark], :-1], rows[CODE[bright], :-1] = -0.1, 0.1
    rows[CODE[""], -1] = 4
    rows[0, -1] = -4
    layers = (
        traineddata.picture(0, HEIGHT, 3),
        traineddata.packed(3, 1, HEIGHT),
        traineddata.full("Softmax", rows),
    )
    net = traineddata.stack("Series", layers, HEIGHT, OUTPUTS)
    return traineddata.whole(traineddata.recogniser(net, "by hand"), NEWEST.characters)


def read(picture, folder):
    config = f"{AS_IT_IS} --tessdata-dir {folder}"
    return pytesseract.image_to_string(picture, lang="plate", config=config).strip()


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")
def test_tesseract_says_what_the_weights_of_a_net_by_hand_say(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    (tmp_path / "plate.traineddata").write_bytes(by_hand("鲁", "8"))
    picture = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    picture[:, 20:40] = 0
    picture[:, 60:80] = picture[:, 100:120] = 255
    assert read(picture, tmp_path) == "鲁88"
    assert read(cv2.flip(picture, 1), tmp_path) == "88鲁"
    assert read(255 - picture, tmp_path) == "8鲁鲁"


def test_a_file_holds_its_four_parts_where_its_head_says(tmp_path):
    content = by_hand("A", "B")
    count, *places = struct.unpack("<i24q", content[: 4 + 24 * 8])
    held = [place for place in places if place != traineddata.MISSING]
    assert (count, len(held), held[0]) == (24, 4, 4 + 24 * 8)
    characters = content[held[1] : held[2]].decode().splitlines()
    assert len(characters) == int(characters[0]) + 1 == OUTPUTS + 1
    assert [line.split()[0] for line in characters[4:]] == list(NEWEST.characters)
    assert content[held[3] :] == b"5.3.0"


def test_weights_keep_their_value_to_a_half_of_a_127th_of_their_row():
    rows = np.random.default_rng(3).normal(size=(5, 7)).astype(np.float32)
    rows[2] = 0
    written = traineddata.weight_rows(rows)
    steps = np.frombuffer(written[10 : 10 + 35], np.int8).reshape(5, 7)
    scales = np.frombuffer(written[-5 * 8 :], np.float64)
    largest = np.abs(rows).max(axis=1)
    assert (np.abs(steps * scales[:, None] - rows) <= largest[:, None] / 254 + 1e-6).all()


def test_what_lies_beyond_the_edges_is_thrown_in_tesseracts_order():
    """C++'s minstd_rand from a state of 1, the first throw left out: 182605794, 1291394886."""
    first, second = (2 * value / (2**31 - 1) - 1 for value in (182605794, 1291394886))
    places, seen = beyond(3, 3, 2, Dice())
    assert places.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    around = seen.reshape(-1, 3, 3, 2)
    assert np.allclose(around[0, 0, 0], (first, second), atol=1 / 254)
    assert (around[0, 0] != 0).all()
    assert (around[0, 1:, 1:] == 0).all()
    assert (around[1, :, 1:] == 0).all()
