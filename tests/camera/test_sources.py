"""Folder and video cameras: the newest picture, and every kind of none."""

import os
import shutil
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from drivers.cameras import Fault, Frame, decode, newest_of, open_camera
from drivers.errors import SourceRefused
from tests.camera.pictures import Folder


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "camera")


def grey(level: int, size=(48, 64)):
    return np.full((*size, 3), level, np.uint8)


def level(found) -> int:
    assert isinstance(found, Frame), found
    return round(float(found.picture.mean()))


def test_the_newest_picture_once(folder, clock):
    camera = open_camera(folder.url, clock)
    assert camera.newest() is None
    folder.lay(grey(10))
    folder.lay(grey(200))
    found = camera.newest()
    assert level(found) == 200
    assert found.taken_s == 100.0
    assert camera.newest() is None
    folder.lay(grey(90))
    assert level(camera.newest()) == 90


def test_a_picture_laid_within_one_tick_of_the_last_is_not_missed(folder, clock):
    """A folder's time of change has the grain of a kernel tick."""
    camera = open_camera(folder.url, clock)
    for shade in range(0, 250, 5):
        folder.lay(grey(shade))
        seen = [camera.newest(), camera.newest()]
        assert [level(found) for found in seen if found is not None] == [shade]


def test_the_same_picture_again_is_nothing_new_but_the_camera_lives(folder, clock):
    camera = open_camera(folder.url, clock)
    folder.lay(grey(10))
    assert level(camera.newest()) == 10
    clock.now += 5
    folder.lay(grey(10))
    assert camera.newest() is None
    assert camera.fed_s == 105.0


def test_a_picture_written_over_in_place_is_new(folder, clock):
    camera = open_camera(folder.url, clock)
    path = folder.lay(grey(10))
    assert level(camera.newest()) == 10
    camera.newest()
    path.write_bytes(folder.lay(grey(77)).read_bytes())
    assert level(camera.newest()) == 77


def test_unfinished_and_foreign_files_are_passed_over(folder, clock):
    camera = open_camera(folder.url, clock)
    (folder.path / ".half.jpg").write_bytes(b"x")
    (folder.path / "notes.txt").write_bytes(b"x")
    assert camera.newest() is None
    folder.lay(grey(30))
    assert level(camera.newest()) == 30


def test_a_folder_that_is_gone_and_comes_again(folder, clock):
    camera = open_camera(folder.url, clock)
    folder.lay(grey(30))
    assert level(camera.newest()) == 30
    shutil.rmtree(folder.path)
    assert camera.newest() is Fault.FOLDER_GONE
    assert camera.newest() is Fault.FOLDER_GONE
    folder.path.mkdir()
    folder.lay(grey(30))
    assert level(camera.newest()) == 30


def test_a_file_where_a_folder_should_be(tmp_path, clock):
    (tmp_path / "camera").write_bytes(b"")
    assert open_camera(f"folder://{tmp_path}/camera", clock).newest() is Fault.FOLDER_GONE


JPEG = bytes(
    cv2.imencode(".jpg", np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8))[1]
)
PNG = bytes(
    cv2.imencode(".png", np.random.default_rng(1).integers(0, 255, (90, 120, 3), np.uint8))[1]
)
BOMB = PNG[:16] + (60_000).to_bytes(4, "big") * 2 + PNG[24:]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no picture at all", JPEG[: len(JPEG) // 2], JPEG[:20], PNG[: len(PNG) // 2], BOMB,
        bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1]),
        JPEG[:200] + b"\0" * 4000, b"\xff\xd8\xff\xd9", b"BM" + bytes(60),
    ],
    ids=["empty", "text", "torn", "stub", "torn png", "bomb", "tiny", "zeroed", "hollow", "bmp"],
)  # fmt: skip
def test_a_picture_that_is_none_is_said_once(folder, clock, data):
    camera = open_camera(folder.url, clock)
    folder.lay_bytes(data)
    assert camera.newest() is Fault.NOT_A_PICTURE
    assert camera.newest() is None
    folder.lay(grey(30))
    assert level(camera.newest()) == 30


def test_any_bytes_are_a_picture_or_none():
    dice = np.random.default_rng(5)
    for whole in (JPEG, PNG):
        for _ in range(60):
            spoilt = bytearray(whole)
            for at in dice.integers(0, len(spoilt), 8):
                spoilt[at] = int(dice.integers(0, 256))
            found = decode(bytes(spoilt))
            assert found is None or found.shape[2] == 3


def test_a_grey_picture_comes_in_three_colours():
    assert decode(bytes(cv2.imencode(".jpg", np.zeros((40, 40), np.uint8))[1])).shape == (40, 40, 3)


def test_a_camera_may_be_asked_to_be_called_stale(folder, clock):
    camera = open_camera(f"{folder.url}?stale_s=5", clock)
    folder.lay(grey(30))
    assert level(camera.newest()) == 30
    clock.now += 4
    assert camera.newest() is None
    clock.now += 2
    assert camera.newest() is Fault.STALE
    folder.lay(grey(31))
    assert level(camera.newest()) == 31


def test_without_it_a_picture_may_stand_for_ever(folder, clock):
    camera = open_camera(folder.url, clock)
    folder.lay(grey(30))
    assert level(camera.newest()) == 30
    clock.now += 86_400
    assert camera.newest() is None


def laid(name, came_s, own_s=None):
    """A file as a folder lists it: when it came by the kernel's clock, and its own time."""
    times = (int(1e9 * each) for each in (came_s, came_s if own_s is None else own_s))
    stat = SimpleNamespace(**dict(zip(("st_ctime_ns", "st_mtime_ns"), times, strict=True)))
    return SimpleNamespace(name=name, is_file=lambda: True, stat=lambda: stat)


@pytest.mark.parametrize(
    ("files", "newest"),
    [
        ([("early", 7200), ("late", 3600)], "late"),
        ([("early", 7200), ("late", 3600), ("later", 3601)], "later"),
        ([("early", 7200), ("earlier", 7100)], "early"),
        ([("early", 3400, 3700), ("late", 3600, 3900)], "late"),
        ([("early", 3400, 3000), ("late", 3600, 3200)], "late"),
    ],
    ids=["set back", "and goes on", "nothing since", "a fast camera", "a slow camera"],
)
def test_the_newest_is_found_though_a_clock_was_set_back_or_is_wrong(files, newest):
    """A board without a clock of its own laid what came in the future before it was set back."""
    entries = [laid(f"{name}.jpg", *times) for name, *times in files]
    assert newest_of(entries, 3600 * 10**9) == f"{newest}.jpg"


def test_pictures_whose_camera_has_a_fast_clock_are_taken_in_their_order(folder, clock):
    """Those of some minutes ago are by now as old as they say."""
    camera = open_camera(folder.url, clock)
    for number in range(6):
        os.utime(folder.lay(grey(40 * number)), (time.time() - 300 + 120 * number,) * 2)
        seen = [camera.newest(), camera.newest()]
        assert [level(found) for found in seen if found is not None] == [40 * number]


def test_a_picture_that_is_written_over_is_the_newest_though_its_folder_stays(folder, clock):
    """A folder's time tells of names, not of what is written."""
    hour_ago = (time.time() - 3600,) * 2
    os.utime(folder.lay(grey(30)), hour_ago)
    folder.lay(grey(90))
    os.utime(folder.path, hour_ago)
    assert level(open_camera(folder.url, clock).newest()) == 90


def test_what_is_called_a_picture_and_is_no_file_is_passed_over(folder, clock):
    camera = open_camera(folder.url, clock)
    folder.lay(grey(30))
    os.mkfifo(folder.path / "z.jpg")  # Opening it would wait for ever.
    (folder.path / "zz.jpg").mkdir()
    (folder.path / "zzz.jpg").symlink_to("nowhere")
    assert level(camera.newest()) == 30


def test_looking_at_an_unchanged_folder_reads_nothing(folder, clock):
    camera = open_camera(folder.url, clock)
    path = folder.lay(grey(30))
    camera.newest()
    camera.newest()
    before = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.chmod(0)
    assert [camera.newest() for _ in range(50)] == [None] * 50
    assert (path.stat().st_atime_ns, path.stat().st_mtime_ns) == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "camera",
        "ftp://x/y",
        "folder:///x?stale=5",
        "folder:///x?stale_s=soon",
        "video:///x?l=1",
        "video:///x?loop=2",
        "folder:///x?stale_s=-1",
        "folder:///x?stale_s=nan",
        "v4l2:///dev/video0?width=0",
        "v4l2:///dev/video0?height=-720",
        "v4l2:///dev/video0?rate=inf",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SourceRefused, match="camera source"):
        open_camera(url)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, (64, 48))
    for shade in range(0, 200, 10):
        writer.write(grey(shade))
    writer.release()
    return path


def test_a_video_plays_at_its_own_rate(film, clock):
    camera = open_camera(f"video://{film}", clock)
    assert level(camera.newest()) == 0
    assert camera.newest() is None
    clock.now += 0.1
    assert level(camera.newest()) == pytest.approx(10, abs=4)
    clock.now += 0.5
    assert level(camera.newest()) == pytest.approx(60, abs=4), "frames that came due are skipped"
    assert camera.newest() is None


def test_a_video_ends_or_loops(film, clock):
    camera, looped = (
        open_camera(f"video://{film}", clock),
        open_camera(f"video://{film}?loop=1", clock),
    )
    seen, again = [], []
    for _ in range(50):
        seen.append(camera.newest())
        again.append(looped.newest())
        clock.now += 0.1
    assert sum(isinstance(found, Frame) for found in seen) == 20
    assert seen[-1] is Fault.ENDED
    assert sum(isinstance(found, Frame) for found in again) > 40
    assert not any(isinstance(found, Fault) for found in again)


def test_after_a_long_wait_a_video_goes_on_from_where_it_is(film, clock):
    camera = open_camera(f"video://{film}", clock)
    assert level(camera.newest()) == 0
    clock.now += 3600
    assert level(camera.newest()) < 40
    camera.close()


def test_a_video_that_is_none_is_tried_again_now_and_then(tmp_path, clock):
    path = tmp_path / "film.avi"
    camera = open_camera(f"video://{path}", clock)
    assert camera.newest() is Fault.FILE_GONE
    path.write_bytes(b"no film")
    assert camera.newest() is Fault.NOT_A_PICTURE
    assert camera.newest() is None
    clock.now += 3
    assert camera.newest() is Fault.NOT_A_PICTURE
