"""Cameras that send by themselves, from real servers on loopback: the newest, and every loss said.

Waits are for conditions, with generous ends; the clock is turned by hand where time must pass.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from demo.children import free_port
from drivers import streams
from drivers.cameras import Fault, Frame, open_camera
from drivers.errors import SourceRefused
from tests.camera.servers import HttpCamera, RtspCamera, jpeg

WAIT_S = 60
ROOT = Path(__file__).parents[2]


class Clock:
    """The real clock, and what a test adds to it."""

    added = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.added


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    running = HttpCamera()
    yield running
    running.close()


@pytest.fixture
def opened(clock):
    kept = []

    def open_(url, **more):
        kept.append(open_camera(url, clock, **more))
        return kept[-1]

    yield open_
    for each in kept:
        each.close()
        if each._thread is not None:
            each._thread.join(10)
            assert not each._thread.is_alive()


def until(camera, wanted):
    """Look until a look gives what is wanted."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        found = camera.newest()
        if wanted(found):
            return found
        time.sleep(0.01)
    raise AssertionError("never came")


def wait_for(met):
    end_s = time.monotonic() + WAIT_S
    while not met():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def shade(level):
    return lambda found: isinstance(found, Frame) and abs(float(found.picture.mean()) - level) < 4


def is_fault(*faults):
    return lambda found: isinstance(found, Fault) and found in faults


@pytest.mark.parametrize("path", ["stream", "bare", "picture", "unnamed"])
def test_the_newest_picture_comes_and_none_twice(server, opened, path):
    camera = opened(f"http://127.0.0.1:{server.port}/{path}?every_s=0.05")
    first = until(camera, shade(40))
    server.content = jpeg(200)
    later = until(camera, shade(200))
    assert later.taken_s > first.taken_s
    assert later.name != first.name
    assert camera.fed_s is not None


def test_who_looks_slowly_gets_the_newest_and_no_queue(server, opened):
    server.rate = 200
    camera = opened(f"http://127.0.0.1:{server.port}/stream")
    until(camera, shade(40))
    for level in (60, 90, 120, 150, 180):
        server.content = jpeg(level)
        fed_s = camera.fed_s
        end_s = time.monotonic() + WAIT_S
        while camera.fed_s < fed_s + 0.2 and time.monotonic() < end_s:
            time.sleep(0.02)
    found = camera.newest()
    assert shade(180)(found), found


def test_who_looks_slowly_at_a_capture_gets_no_old_picture(opened):
    """What was made a picture for the look before is old by this one."""
    server = RtspCamera()
    try:
        camera = opened(f"rtsp://127.0.0.1:{server.port}/gate")
        until(camera, shade(40))
        for level in (90, 140, 190):
            camera.newest()
            wait_for(lambda: not camera._wanted.is_set())  # What the next look would be given.
            server.content, changed_s = jpeg(level), time.monotonic()
            wait_for(lambda seen_s=changed_s: camera.fed_s > seen_s + 1)  # Nobody looks.
            assert shade(level)(camera.newest())
    finally:
        server.close()


def test_a_camera_that_is_asked_seldom_has_not_stalled_in_between(server, opened, clock):
    camera = opened(f"http://127.0.0.1:{server.port}/picture?every_s=30")
    until(camera, shade(40))
    clock.added += 29
    assert camera.newest() is None
    clock.added += streams.STALE_S + 1
    assert camera.newest() is Fault.STALE


def test_a_camera_that_is_not_there_is_said_and_found_when_it_comes(opened):
    port = free_port()  # It is nobody's while no camera listens.
    camera = opened(f"http://127.0.0.1:{port}/stream")
    until(camera, is_fault(Fault.UNREACHABLE))
    again = HttpCamera(port)
    try:
        until(camera, shade(40))
    finally:
        again.close()
    until(camera, is_fault(Fault.STALE, Fault.UNREACHABLE))


def test_a_stream_that_stalls_is_said_without_waiting(server, opened, clock):
    camera = opened(f"http://127.0.0.1:{server.port}/stream")
    until(camera, shade(40))
    server.stalls = True
    time.sleep(0.1)
    until(camera, lambda found: found is None)
    clock.added += streams.STALE_S + 1
    began_s = time.process_time()
    assert camera.newest() is Fault.STALE
    assert time.process_time() - began_s < 1
    server.stalls = False
    server.content = jpeg(90)
    until(camera, shade(90))


def test_the_very_same_picture_for_long_is_frozen_and_noise_is_not(server, opened, clock):
    camera = opened(f"http://127.0.0.1:{server.port}/stream")
    until(camera, shade(40))
    clock.added += streams.FROZEN_S + 1
    until(camera, is_fault(Fault.FROZEN))
    server.content = jpeg(41)
    until(camera, shade(41))


DIGEST = 'Digest realm="camera", nonce="n", qop="auth"'


@pytest.mark.parametrize("password", ["right", "wrong"])
@pytest.mark.parametrize("path", ["stream", "picture"])
@pytest.mark.parametrize("challenge", [
    'Basic realm="camera"', DIGEST, f"{DIGEST}, algorithm=MD5", f"{DIGEST}, algorithm=SHA-256",
])  # fmt: skip
def test_a_password_is_answered_and_a_wrong_one_said(server, opened, challenge, path, password):
    server.password, server.challenge = "right", challenge
    camera = opened(f"http://guard@127.0.0.1:{server.port}/{path}", password=password)
    until(camera, shade(40) if password == "right" else is_fault(Fault.DENIED))


@pytest.mark.parametrize("challenge", [
    "Negotiate", f"{DIGEST}, algorithm=X", "Digest nonsense", f'{DIGEST[:-1]}-int"',
])  # fmt: skip
def test_a_camera_that_asks_in_a_way_of_its_own_is_said_to_refuse(server, opened, challenge):
    """And not to have stalled, which sends the installer after its cable."""
    server.password, server.challenge = "right", challenge
    camera = opened(f"http://guard@127.0.0.1:{server.port}/stream", password="right")
    until(camera, is_fault(Fault.DENIED))


@pytest.mark.parametrize("challenge", ['Basic realm="camera"', DIGEST])
def test_a_wrong_password_is_given_once_a_time(server, opened, challenge, monkeypatch):
    """Cameras shut out for half an hour who gives it five times."""
    monkeypatch.setattr(streams, "BACK_OFF_S", (WAIT_S,))
    server.password, server.challenge = "right", challenge
    camera = opened(f"http://guard@127.0.0.1:{server.port}/picture", password="wrong")
    until(camera, is_fault(Fault.DENIED))
    assert server.tried == 1


@pytest.mark.parametrize("challenge", ['Basic realm="camera"', DIGEST])
def test_a_camera_that_knows_the_password_and_fails_for_long_is_found_again(
    server, opened, challenge, monkeypatch
):
    monkeypatch.setattr(streams, "BACK_OFF_S", (0.01,))
    server.password, server.challenge, server.failures = "right", challenge, 10
    camera = opened(f"http://guard@127.0.0.1:{server.port}/picture", password="right")
    until(camera, shade(40))


def test_what_is_no_picture_is_said(server, opened):
    camera = opened(f"http://127.0.0.1:{server.port}/words")
    until(camera, is_fault(Fault.NOT_A_PICTURE))
    server.content = b"\xff\xd8\xff no picture \xff\xd9"
    until(opened(f"http://127.0.0.1:{server.port}/stream"), is_fault(Fault.NOT_A_PICTURE))


def test_an_rtsp_stream_is_read_lost_and_opened_again(opened):
    server = RtspCamera()
    try:
        camera = opened(f"rtsp://127.0.0.1:{server.port}/gate")
        until(camera, shade(40))
        server.content = jpeg(200)
        until(camera, shade(200))
        server.hang_up()
        until(camera, is_fault(Fault.STALE))
        server.content = jpeg(120)
        until(camera, shade(120))
        assert sum(each.startswith("PLAY") for each in server.requests) == 2
    finally:
        server.close()
    until(camera, is_fault(Fault.STALE, Fault.UNREACHABLE))


def test_a_v4l2_device_that_is_not_there_is_said(opened, tmp_path):
    camera = opened(f"v4l2://{tmp_path}/video0?width=640&height=480")
    until(camera, is_fault(Fault.UNREACHABLE))


@pytest.mark.parametrize(
    "raw",
    [np.zeros((48, 64), np.uint8), np.zeros((48, 64, 2), np.uint8), np.zeros((1, 99, 1), np.uint8),
     np.zeros((48, 64, 3), np.uint16), np.zeros((8, 64, 3), np.uint8)],
    ids=["grey", "raw pairs", "raw bytes", "16 bits", "tiny"],
)  # fmt: skip
def test_raw_numbers_of_a_camera_are_no_picture(clock, raw):
    """They would end the camera process, which takes what it is given for a picture."""

    class Raw:
        def pictures(self, wanted):
            while not wanted.wait(0.01):
                pass
            yield raw
            wanted.wait(0.1)

        def close(self):
            pass

    camera = streams.StreamCamera(Raw(), clock)
    until(camera, is_fault(Fault.NOT_A_PICTURE))
    camera.close()


def test_a_fault_of_ours_in_the_thread_ends_the_process_that_looks(clock):
    class Broken:
        def pictures(self, wanted):
            raise AssertionError("a fault of ours")
            yield b""

    camera = streams.StreamCamera(Broken(), clock)
    with pytest.raises(AssertionError, match="of ours"):
        until(camera, lambda _: False)


def test_closing_ends_the_thread(server, clock):
    before = threading.active_count()
    camera = open_camera(f"http://127.0.0.1:{server.port}/stream", clock)
    until(camera, shade(40))
    camera.close()
    assert not camera._thread.is_alive()
    assert threading.active_count() <= before + 1  # the server's own may linger


ENDS = """
import sys, time
from drivers.cameras import Frame, open_camera
camera = open_camera(sys.argv[1])
end_s = time.monotonic() + 60
while not isinstance(camera.newest(), Frame) and time.monotonic() < end_s:
    time.sleep(0.01)
camera.close()
"""


def test_a_process_that_closed_its_capture_ends_well():
    """Python aborts a process that ends while one of its threads is inside OpenCV."""
    server = RtspCamera()
    try:
        done = subprocess.run(
            [sys.executable, "-c", ENDS, f"rtsp://127.0.0.1:{server.port}/gate"],
            capture_output=True, timeout=90, check=False, cwd=ROOT,
        )  # fmt: skip
    finally:
        server.close()
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "url",
    ["rtsp://name:secret@127.0.0.1/a", "http://:secret@127.0.0.1/a", "rtsp:///a", "http://",
     "http://127.0.0.1/a?every_s=0", "http://127.0.0.1/a?every_s=x", "http://[::1/a",
     "http://127.0.0.1:x/a", "v4l2:///dev/video0?wide=1", "v4l2:///dev/video0?width=x", "ftp://a/b",
     "rtsp://127.0.0.1:99999/a", "rtsp://name:secret/more@127.0.0.1/a", "http://n:secret?@h/a",
     "rtsp://name:secret？@127.0.0.1/a", "http://name：secret@h/a"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_its_password(url):
    with pytest.raises(SourceRefused) as refused:
        open_camera(url)
    assert "secret" not in str(refused.value)


def test_streams_are_taken_over_tcp(clock):
    open_camera("rtsp://127.0.0.1/a", clock)
    assert "tcp" in os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
