"""The line net's word beside the looks': summed over columns, weighed, never another grammar."""

import json
import shutil
from dataclasses import replace
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plates import line
from gateway.plates.alphabet import COLOURS, NEWEST
from gateway.plates.decode import softmax, texts_of
from gateway.plates.look import SIZE, Look, levelled
from gateway.plates.model import FOLDER, LINE, LIST, open_models
from gateway.plates.net import NetReader
from training.drawing import draw_plate, draw_scene, random_plate, wear

CLASSES = NEWEST.classes
COLUMNS = 42
TEXT, OTHER = "鲁A12345", "鲁A12346"


def places(*texts, chances=None):
    """Give looks that think these texts likely, the first most."""
    shares = chances or [0.6, 0.3, 0.05][: len(texts)]
    said = np.full((8, len(CLASSES)), 1e-6)
    for text, share in zip(texts, shares, strict=True):
        for place in range(8):
            said[place, CLASSES.index(text[place] if place < len(text) else "")] += share
    return np.asarray(said / said.sum(axis=1, keepdims=True), np.float32)


def columns(text, sure=0.95):
    """Give columns that say a text, each character in two of them."""
    said = np.full((COLUMNS, len(CLASSES)), (1 - sure) / (len(CLASSES) - 1), np.float32)
    for column in range(COLUMNS):
        nth, within = divmod(column, 5)
        name = CLASSES.index(text[nth]) if nth < len(text) and within in (1, 2) else 0
        said[column, name] = sure
    return said


@given(st.integers(0, 1 << 30), st.lists(st.integers(1, 2), min_size=1, max_size=3))
def test_a_texts_chance_is_that_of_all_its_ways_through_the_columns(seed, names):
    chances = softmax(np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32))
    ways = 0.0
    for way in product(range(3), repeat=5):
        if [name for name, _ in groupby(way) if name] == names:
            ways += float(np.prod([chances[n, name] for n, name in enumerate(way)]))
    found = np.exp(line.log_chance(np.log(chances), names))
    assert found == pytest.approx(ways, rel=1e-4, abs=1e-12)


def test_where_both_agree_a_text_is_surer_than_by_the_looks_alone():
    seen = places(TEXT, OTHER)
    best = line.weighed(seen, columns(TEXT), NEWEST)[0]
    assert best.text == TEXT
    assert best.chance > texts_of(seen, NEWEST)[0].chance
    assert best.characters[-1] < best.characters[0] <= 1


def test_what_the_looks_thought_less_likely_is_taken_when_the_line_net_is_sure_of_it():
    seen = places(TEXT, OTHER, chances=[0.55, 0.4])
    assert texts_of(seen, NEWEST)[0].text == TEXT
    assert line.weighed(seen, columns(OTHER), NEWEST)[0].text == OTHER


def test_what_the_looks_are_all_but_sure_of_stays():
    seen = places(TEXT, OTHER, chances=[0.9999, 0.0001])
    assert line.weighed(seen, columns(OTHER, sure=0.4), NEWEST)[0].text == TEXT


def test_a_text_that_neither_finds_likely_is_less_sure_than_one_that_both_do():
    seen = places(TEXT, OTHER, chances=[0.5, 0.4])
    agreed = line.weighed(seen, columns(TEXT), NEWEST)[0].chance
    apart = line.weighed(seen, columns("粤B67890"), NEWEST)[0].chance
    assert apart < agreed


@given(st.integers(0, 1 << 30), st.floats(0.3, 12))
def test_whatever_both_say_only_plates_come_out_and_shares_stay_shares(seed, sharp):
    rng = np.random.default_rng(seed)
    seen = softmax((rng.normal(size=(8, len(CLASSES))) * sharp).astype(np.float32))
    said = softmax((rng.normal(size=(COLUMNS, len(CLASSES))) * sharp).astype(np.float32))
    found = line.weighed(seen, said, NEWEST)
    shares = [each.chance for each in found]
    assert all(NEWEST.kinds_of(each.text) for each in found)
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1 + 1e-6
    assert all(0 <= each <= 1 + 1e-6 for one in found for each in one.characters)
    assert len({each.text for each in found}) == len(found)


def test_where_the_looks_see_no_plate_and_the_line_net_spells_none_there_is_no_text():
    nothing = np.zeros((8, len(CLASSES)), np.float32)
    nothing[:, 0] = 1
    assert line.weighed(nothing, columns(""), NEWEST) == []


def test_the_net_of_the_package_reads_a_drawn_plate_from_left_to_right():
    """With pixels laid otherwise than it was trained on, it would spell nothing."""
    models, rng, right = open_models(), np.random.default_rng(5), 0
    for _ in range(12):
        text, kind = random_plate(rng, "blue")
        crop = levelled(wear(draw_plate(text, kind, rng), rng, SIZE, 0.2))
        named = models.line.run(line.by_fours(crop))[0]
        assert named.shape == (1, COLUMNS, len(CLASSES))
        right += line.said(softmax(named[0]), models.alphabet) == text
    assert right >= 10


class Asked:
    """Counts how often it is asked."""

    def __init__(self, net):
        self.net, self.count = net, 0

    def run(self, blob):
        self.count += 1
        return self.net.run(blob)


def test_only_what_the_looks_are_unsure_of_is_asked_about():
    models = open_models()
    net = Asked(models.line)
    clear = draw_scene("鲁A8K362", "blue", np.random.default_rng(8), ground=3)
    for enough, asked in ((models.settings.enough, False), (1.1, True)):
        settings = replace(models.settings, enough=enough)
        reader = NetReader(replace(models, line=net, settings=settings))
        assert reader.read(clear)[0].text == "鲁A8K362"
        assert (net.count > 0) is asked


def test_models_of_before_read_without_a_line_net(tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder)
    (folder / LINE).unlink()
    listed = json.loads((folder / LIST).read_text(encoding="utf-8"))
    del listed["sha256"][LINE], listed["outputs"][LINE]
    (folder / LIST).write_text(json.dumps(listed), encoding="utf-8")
    models = open_models(folder)
    assert models.line is None
    seen = Look(places(TEXT), np.zeros((4, 2), np.float32), np.full(len(COLOURS), 0.2), 0.0)
    assert line.asked(models, np.zeros((48, 168, 3), np.uint8), seen) is None
    scene = draw_scene("鲁A8K362", "blue", np.random.default_rng(8), ground=3)
    assert NetReader(models).read(scene)[0].text == "鲁A8K362"
