"""What a guard corrects becomes a lesson: encrypted, for its days, and taken along by a command."""

import csv
import stat
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from gateway import contract
from gateway.config import Retention
from gateway.core import events
from gateway.desk import LESSONS, Desk, Note
from gateway.panel import Panel
from gateway.plates.cli import plates
from tests.plates.settings import write_settings
from training.drawing import draw_scene


def crop_of(text):
    """The crop that a gate keeps: a plate with room around it, as JPEG."""
    scene = draw_scene(text, "blue", np.random.default_rng(3))
    left, top, wide, high = 250, 320, 150, 110
    return bytes(cv2.imencode(".jpg", scene[top : top + high, left : left + wide])[1])


CROP = crop_of("鲁A12345")
BLANK = bytes(cv2.imencode(".jpg", np.full((96, 168, 3), 90, np.uint8))[1])
KEY = b"k" * 32
STAMP = SimpleNamespace(at_ms=1_580_000_000_000)


def panel(tmp_path, **retention):
    """The real panel, with the parts that recording asks for."""
    lessons = Desk.open(tmp_path / LESSONS, KEY)
    recorder = SimpleNamespace(journal=SimpleNamespace(ref=lambda key: f"stream/{key}"))
    settings = SimpleNamespace(retention=Retention(**retention))
    desk = Desk.open(tmp_path / "desk.db", KEY)
    return Panel(settings, recorder, None, desk, "0", lessons=lessons), lessons


def seen(key, status, text, crop=CROP):
    kind = "" if status == "typed" else "blue"  # As the core says it: typed is a text alone.
    body = contract.PlateSeen(status=status, confidence_pct=60, plate_kind=kind)
    sealed = contract.SealedPlate(text=text, candidates=())
    crops = [events.KeepCrop(key, crop)] if crop else []
    return [events.Record(body, passage=key, sealed=sealed)], crops


def test_only_what_the_guard_read_with_a_crop_is_a_lesson(tmp_path):
    its, lessons = panel(tmp_path)
    its.recorded(*seen(1, "unsure", "鲁A12346"), STAMP)
    assert list(lessons.notes()) == []
    its.recorded(*seen(1, "typed", "鲁A12345", crop=b""), STAMP)  # the crop came before
    its.recorded(*seen(2, "read", "鲁B12345"), STAMP)
    its.recorded(*seen(3, "typed", "鲁C12345", crop=b""), STAMP)  # nobody saw it
    its.recorded(*seen(4, "typed", ""), STAMP)  # the guard says: no plate
    assert [(ref, note.text, note.crop) for ref, note in lessons.notes()] == [
        ("stream/1", "鲁A12345", CROP)
    ]
    content = (tmp_path / LESSONS).read_bytes() + (tmp_path / f"{LESSONS}-wal").read_bytes()
    assert "鲁A12345".encode() not in content
    assert CROP[:40] not in content


def test_a_site_that_wants_no_lessons_keeps_none(tmp_path):
    its, lessons = panel(tmp_path, lesson_days=0)
    its.recorded(*seen(1, "typed", "鲁A12345"), STAMP)
    assert list(lessons.notes()) == []


@pytest.fixture
def site(tmp_path):
    """A gate's settings whose lessons hold two corrections."""
    (tmp_path / "desk.key").write_text(KEY.hex())
    config = write_settings(tmp_path, desk_key=tmp_path / "desk.key")
    (tmp_path / "data").mkdir()
    lessons = Desk.open(tmp_path / "data" / LESSONS, KEY)
    its, _ = panel(tmp_path)
    its._lessons = lessons
    its.recorded(*seen(1, "unsure", "鲁A12346"), STAMP)
    its.recorded(*seen(1, "typed", "鲁A12345", crop=b""), STAMP)
    its.recorded(*seen(2, "unsure", "鲁A12346"), STAMP)
    its.recorded(*seen(2, "typed", "粤BD12345", crop=b""), STAMP)
    lessons.close()
    return config


def lessons_of(tmp_path):
    return Desk.open(tmp_path / "data" / LESSONS, KEY)


def rows_of(index):
    with index.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def run(*arguments):
    return CliRunner().invoke(plates, [str(each) for each in arguments])


def test_lessons_are_taken_along_as_training_reads_them(site, tmp_path):
    out = tmp_path / "out"
    result = run("lessons", "--config", site, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "2 lessons in" in result.stdout
    rows = rows_of(out / "index.csv")
    assert [(row["label"], row["plate_colour"], row["source"]) for row in rows] == [
        ("鲁A12345", "blue", "guard"), ("粤BD12345", "", "guard"),
    ]  # fmt: skip
    for file in out.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert rows_of(out / "left_out.csv") == []


def test_a_lesson_shows_the_plate_alone_as_training_takes_it(site, tmp_path, reader):
    """The gate keeps room around it, and training takes a crop for all plate."""
    run("lessons", "--config", site, "--out", tmp_path / "out")
    (row, _) = rows_of(tmp_path / "out" / "index.csv")
    crop = cv2.imread(str(tmp_path / "out" / row["file"]))
    (plate,) = reader.read(crop)
    assert plate.text == "鲁A12345"
    (_, _, wide, high) = plate.box
    assert wide > 0.9 * crop.shape[1]
    assert high > 0.8 * crop.shape[0]


def test_what_is_no_plate_is_taken_along_for_people_and_not_for_training(site, tmp_path):
    """A crop of a whole vehicle under a plate's text, or a word under a plate's crop."""
    lessons = lessons_of(tmp_path)
    lessons.keep("stream/3", Note(status="typed", text="鲁A12345", crop=BLANK), 3)
    lessons.keep("stream/4", Note(status="typed", text="送货", crop=CROP), 4)
    lessons.keep("stream/5", Note(status="typed", text="鲁A12345", crop=b"torn"), 5)
    lessons.close()
    result = run("lessons", "--config", site, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "2 lessons in" in result.stdout
    assert "3 more are in left_out.csv" in result.stderr
    assert len(rows_of(tmp_path / "out" / "index.csv")) == 2
    others = rows_of(tmp_path / "out" / "left_out.csv")
    kept = [(tmp_path / "out" / row["file"]).read_bytes() for row in others]
    assert kept == [BLANK, CROP, b"torn"]


def test_a_folder_keeps_what_was_taken_along_before(site, tmp_path):
    """At the gate a lesson is gone after its days; the same folder is used each week."""
    out = tmp_path / "out"
    run("lessons", "--config", site, "--out", out)
    first = {row["file"]: (out / row["file"]).read_bytes() for row in rows_of(out / "index.csv")}
    lessons = lessons_of(tmp_path)
    lessons.clear(STAMP.at_ms + 1)
    lessons.keep("other/1", Note(status="typed", text="鲁B12345", crop=crop_of("鲁B12345")), 9)
    lessons.close()
    result = run("lessons", "--config", site, "--out", out)
    assert "1 lessons in" in result.stdout
    rows = rows_of(out / "index.csv")
    assert [row["label"] for row in rows] == ["鲁A12345", "粤BD12345", "鲁B12345"]
    assert {file: (out / file).read_bytes() for file in first} == first
    run("lessons", "--config", site, "--out", out)
    assert rows_of(out / "index.csv") == rows, "nothing is in it twice"


def test_a_lesson_that_the_guard_corrects_once_more_is_corrected(site, tmp_path):
    out = tmp_path / "out"
    run("lessons", "--config", site, "--out", out)
    lessons = lessons_of(tmp_path)
    lessons.keep("stream/1", Note(status="typed", text="鲁A1234S", crop=CROP), 1)
    lessons.keep("stream/2", Note(status="typed", text="没牌", crop=CROP), 1)
    lessons.close()
    run("lessons", "--config", site, "--out", out)
    assert [row["label"] for row in rows_of(out / "index.csv")] == ["鲁A1234S"]
    assert [row["label"] for row in rows_of(out / "left_out.csv")] == ["没牌"]
    listed = {row["file"] for name in ("index.csv", "left_out.csv") for row in rows_of(out / name)}
    left = {each.name for each in out.iterdir()} - {"index.csv", "left_out.csv"}
    assert left == listed, "no crop stays that no list names"


def test_another_list_in_the_folder_is_left_alone(site, tmp_path):
    (tmp_path / "index.csv").write_text("file,label\nx.jpg,y\n", encoding="utf-8")
    result = run("lessons", "--config", site, "--out", tmp_path)
    assert result.exit_code == 1
    assert "name another folder" in result.stderr
    assert (tmp_path / "index.csv").read_text(encoding="utf-8") == "file,label\nx.jpg,y\n"


def test_lessons_that_cannot_be_read_are_said_and_left_as_they_are(site, tmp_path):
    kept = tmp_path / "data" / LESSONS
    kept.write_bytes(b"broken" * 1000)
    result = run("lessons", "--config", site, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert kept.read_bytes() == b"broken" * 1000


def test_without_a_lasting_key_it_says_what_to_set(tmp_path):
    result = run("lessons", "--config", write_settings(tmp_path), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "desk.key_file" in result.stderr
    assert not (tmp_path / "out").exists()


def test_another_key_opens_no_lesson_and_that_is_said(site, tmp_path):
    Path(tmp_path / "desk.key").write_text((b"x" * 32).hex())
    result = run("lessons", "--config", site, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "opens none of its 2 lessons" in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_another_key_closed_is_counted(site, tmp_path):
    lessons = Desk.open(tmp_path / "data" / LESSONS, b"o" * 32)
    lessons.keep("old/1", Note(status="typed", text="鲁A12345", crop=CROP), 1)
    lessons.close()
    result = run("lessons", "--config", site, "--out", tmp_path / "out")
    assert (result.exit_code, "1 more do not open" in result.stderr) == (0, True)
