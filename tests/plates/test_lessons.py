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
from gateway.desk import LESSONS, Desk
from gateway.panel import Panel
from gateway.plates.cli import plates
from tests.plates.settings import write_settings

CROP = bytes(cv2.imencode(".jpg", np.full((48, 168, 3), 90, np.uint8))[1])
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
    body = contract.PlateSeen(status=status, confidence_pct=60, plate_kind="blue")
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
    its.recorded(*seen(1, "typed", "鲁A12345"), STAMP)
    its.recorded(*seen(2, "typed", "粤BD12345"), STAMP)
    lessons.close()
    return config


def run(*arguments):
    return CliRunner().invoke(plates, [str(each) for each in arguments])


def test_lessons_are_taken_along_as_training_reads_them(site, tmp_path):
    out = tmp_path / "out"
    result = run("lessons", "--config", site, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "2 lessons in" in result.stdout
    with (out / "index.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["label"], row["plate_colour"], row["source"]) for row in rows] == [
        ("鲁A12345", "blue", "guard"), ("粤BD12345", "", "guard"),
    ]  # fmt: skip
    for file in out.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (out / rows[0]["file"]).read_bytes() == CROP


def test_without_a_lasting_key_it_says_what_to_set(tmp_path):
    result = run("lessons", "--config", write_settings(tmp_path), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "desk.key_file" in result.stderr
    assert not (tmp_path / "out").exists()


def test_another_key_opens_no_lesson(site, tmp_path):
    Path(tmp_path / "desk.key").write_text((b"x" * 32).hex())
    result = run("lessons", "--config", site, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "0 lessons" in result.stdout
