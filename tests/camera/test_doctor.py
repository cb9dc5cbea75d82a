"""`gateway doctor`: what an installer is told of cameras that are well, ill, or not there."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from gateway import doctor
from gateway.camera.advice import advise, advise_picture, advise_plate
from gateway.camera.cameras import REASONS
from gateway.cli import gateway
from gateway.plates.readers import open_reader
from tests.camera.servers import HttpCamera
from tests.house.sources import ROOT
from tests.plates.settings import write_settings
from training.drawing import draw_scene

SCENE = draw_scene("鲁A12345", "blue", np.random.default_rng(3))


@pytest.fixture(scope="module")
def seen():
    """A scene that is well, and its plate."""
    wide = cv2.resize(SCENE, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    return wide, open_reader().read(wide)[0]


def test_a_camera_that_is_well_is_left_alone(seen):
    picture, plate = seen
    assert advise([(picture, [plate])] * 3) == []


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (np.zeros_like, "black"),
        (lambda p: cv2.convertScaleAbs(p, alpha=3.0, beta=120), "burnt"),
        (lambda p: cv2.resize(p, (320, 240)), "320 pixels wide"),
    ],
)
def test_a_picture_that_is_wrong_as_a_whole_is_said(seen, harm, word):
    assert word in " ".join(advise_picture(harm(seen[0])))


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda p: cv2.convertScaleAbs(p, alpha=3.0, beta=120), "expose shorter (1/500 s)"),
        (lambda p: cv2.convertScaleAbs(p, alpha=0.25), "plates are dark"),
        (lambda p: cv2.blur(p, (41, 3)), "smeared"),
    ],
)
def test_a_plate_that_is_seen_badly_is_said(seen, harm, word):
    picture, plate = seen
    assert word in " ".join(advise_plate(harm(picture), plate))


def test_small_and_askew_plates_are_said(seen):
    picture, plate = seen
    small = type(plate)(**{name: getattr(plate, name) for name in plate.__slots__} | {
        "corners": ((10, 10), (60, 40), (55, 55), (5, 25))})  # fmt: skip
    words = " ".join(advise_plate(picture, small))
    assert "58 pixels wide" in words
    assert "askew" in words


def run(config):
    result = CliRunner().invoke(gateway, ["doctor", "--config", str(config), "--json"])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_the_command_looks_through_a_real_camera(tmp_path):
    server = HttpCamera()
    try:
        server.content = bytes(cv2.imencode(".jpg", SCENE)[1])
        config = write_settings(tmp_path, camera=f"http://127.0.0.1:{server.port}/stream")
        _, (first, *_) = run(config)
    finally:
        server.close()
    assert first["device"] == "c1"
    assert first["well"]
    assert "640 x 480" in first["words"]
    assert "with a plate" in first["words"]
    assert "鲁" not in first["words"]


def test_a_camera_that_is_not_there_is_said_in_its_reasons_words(tmp_path):
    code, findings = run(write_settings(tmp_path, camera=f"folder://{tmp_path}/none"))
    assert code == 1
    assert [finding["words"] for finding in findings] == [
        "The camera's folder is gone: make it again, or correct the source."
    ]


def test_a_camera_that_is_lost_while_it_is_looked_at_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE_S", 1.0)
    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (640, 480))
    for _ in range(3):
        writer.write(SCENE)
    writer.release()
    code, findings = run(write_settings(tmp_path, camera=f"video://{film}"))
    assert code == 1
    assert [finding["well"] for finding in findings[:2]] == [True, False]
    assert findings[1]["words"] == REASONS["ended"]


HASTY = """
from gateway import doctor
from gateway.cli import main

doctor.PATIENCE_S = 2.0
main()
"""


def test_what_the_libraries_print_of_a_camera_is_not_shown(tmp_path, monkeypatch):
    """In a process of its own, as for an installer: FFmpeg is told at its first stream only."""
    monkeypatch.delenv("OPENCV_FFMPEG_LOGLEVEL", raising=False)
    config = write_settings(tmp_path, camera="rtsp://127.0.0.1:9/gate")
    done = subprocess.run(
        [sys.executable, "-c", HASTY, "doctor", "--config", str(config), "--json"],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
    )  # fmt: skip
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [finding["words"] for finding in findings] == [REASONS["unreachable"]]
    assert done.stderr == ""


def test_wrong_settings_are_wrong_use(tmp_path):
    assert run(tmp_path / "none.toml")[0] == 2
