"""The camera process for real: spawned, fed pictures, killed, hung, and started again."""

import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.cameras import Fault, Frame
from gateway.camera import cameras as camera
from gateway.camera.blobs import View
from gateway.camera.cameras import Cameras
from gateway.camera.child import _STATE_OF, Health, load_ground, teller
from gateway.camera.wire import (
    Beat,
    CameraOrder,
    Orders,
    Seen,
    Unpacker,
    WireBroken,
    ZoneOrder,
    encode,
)  # fmt: skip
from gateway.core.events import DeviceStateChanged, PlateRead, VehicleGone, VehicleSeen
from tests.camera.pictures import Folder
from tests.camera.scenes import TEXTS, draw, told
from tests.camera.servers import RtspCamera
from tests.drivers.lines import WAIT_S, Heard
from training import drawing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "camera")


@pytest.fixture
def watching(heard, tmp_path):
    """Start camera processes that are stopped after the test, and that must not have failed."""
    running, failures = [], queue.Queue()

    def start(source: str, *, ground="ground.png", reader="net", **how) -> Cameras:
        order = CameraOrder(
            "c1",
            source,
            (ZoneOrder("in1", drawing.ZONE),),
            ground_file=str(tmp_path / ground),
        )
        patient = {"beat_s_max": WAIT_S} | how  # On a busy machine slow is not hung.
        orders = Orders((order,), reader=reader)
        running.append(Cameras(orders, heard, failures.put, **patient))
        running[-1].start()
        return running[-1]

    yield start
    for each in running:
        each.stop()
        assert each.child_id is None
    assert failures.empty(), failures.get()


def stated(state: str, reason: str = ""):
    """Wait for a state that is the camera's latest."""

    def met(events) -> bool:
        states = [(e.state, e.reason) for e in events if isinstance(e, DeviceStateChanged)]
        return states[-1:] == [(state, reason)]

    return met


def came(kind: type, count: int = 1):
    return lambda events: sum(isinstance(e, kind) for e in events) >= count


def tracks(heard) -> list:
    return told(e for e in heard.events if not isinstance(e, DeviceStateChanged))


def test_a_vehicle_in_the_folder_becomes_events(folder, heard, watching):
    folder.lay(draw(where="empty"))
    running = watching(folder.url)
    heard.wait(stated("ok"))
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(PlateRead))
    folder.lay(draw(where="empty", seed=2))
    heard.wait(came(VehicleGone))
    assert tracks(heard) == [(1, "zone", "vehicle"), (1, "read", TEXTS[0]), (1, "gone")]
    (read,) = heard.of(PlateRead)
    assert read.crop.startswith(b"\xff\xd8")
    (health,) = running.health()
    assert (health.device, health.kind, health.state, health.refusals) == ("c1", "camera", "ok", {})


def test_a_killed_process_is_said_and_started_again(folder, heard, watching):
    """What stands in the zone is seen again, under a number that was never used."""
    folder.lay(draw(where="empty"))
    running = watching(folder.url)
    heard.wait(stated("ok"))
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(PlateRead))
    folder.lay(draw(where="empty", seed=2))
    heard.wait(came(VehicleGone))
    folder.lay(draw(TEXTS[1], 4, "zone"))
    heard.wait(came(PlateRead, 2))
    assert running.child_id
    os.kill(running.child_id, signal.SIGKILL)
    heard.wait(stated("lost", "child_died"))
    heard.wait(stated("ok"))
    heard.wait(came(PlateRead, 3))
    assert tracks(heard)[-2:] == [(3, "zone", "vehicle"), (3, "read", TEXTS[1])]
    assert running.health()[0].refusals == {"child": 1}


def test_a_hung_process_is_killed(folder, heard, watching):
    folder.lay(draw(where="empty"))
    running = watching(folder.url, beat_s_max=1.5)
    heard.wait(stated("ok"))
    hung = running.child_id
    assert hung
    os.kill(hung, signal.SIGSTOP)
    heard.wait(stated("lost", "child_hung"))
    heard.wait(stated("ok"))
    assert running.child_id != hung
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_all_of_the_service_hears_is_no_death_of_the_camera(
    folder, heard, watching, number
):
    """systemd and a terminal signal the whole group; the process ends with its input alone."""
    folder.lay(draw(where="empty"))
    running = watching(folder.url)
    heard.wait(stated("ok"))
    child = running.child_id
    os.kill(child, number)
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(VehicleSeen))
    assert running.child_id == child
    assert stated("ok")(heard.events)


def test_a_folder_that_is_gone_is_said_and_found_again(folder, heard, watching):
    folder.lay(draw(where="empty"))
    running = watching(folder.url)
    heard.wait(stated("ok"))
    shutil.rmtree(folder.path)
    heard.wait(stated("lost", "folder_gone"))
    folder.path.mkdir()
    folder.lay(draw(where="empty", seed=3))
    heard.wait(stated("ok"))
    deadline = time.monotonic() + WAIT_S
    while not running.health()[0].refusals and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.health()[0].refusals == {"folder_gone": 1}
    assert tracks(heard) == []


def test_a_picture_that_is_none_is_counted_and_then_said(folder, heard, watching):
    folder.lay(draw(where="empty"))
    running = watching(folder.url)
    heard.wait(stated("ok"))
    folder.lay_bytes(b"no picture")
    heard.wait(stated("faulty", "not_a_picture"))
    folder.lay(draw(where="empty", seed=3))
    heard.wait(stated("ok"))
    assert running.health()[0].refusals == {"not_a_picture": 1}


def test_a_camera_without_any_picture_is_silent(folder, heard, watching):
    watching(folder.url)
    heard.wait(stated("silent", "no_picture"))


def test_a_source_that_is_none_is_said(heard, watching):
    watching("ftp://nowhere/x")
    heard.wait(stated("lost", "refused"))


def test_a_reader_that_cannot_be_had_is_said_and_stays_said(folder, heard):
    order = CameraOrder("c1", folder.url, (ZoneOrder("in1"),))
    running = Cameras(Orders((order,), reader="nosuch"), heard, pytest.fail)
    running.start()
    heard.wait(stated("faulty", "reader_missing"))
    running.stop()
    assert stated("faulty", "reader_missing")(heard.events)


GATEWAY = """
import sys, time
from gateway.camera.cameras import Cameras
from gateway.camera.wire import CameraOrder, Orders, ZoneOrder

class Out:
    def put(self, event):
        print(running.child_id, flush=True)

order = CameraOrder("c1", sys.argv[1], (ZoneOrder("in1"),))
running = Cameras(Orders((order,)), Out(), sys.exit)
running.start()
time.sleep(60)
"""


def test_it_does_not_outlive_a_gateway_that_is_killed(folder):
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, folder.url], stdout=subprocess.PIPE, text=True
    )
    assert gateway.stdout
    child = int(gateway.stdout.readline())
    os.kill(child, 0)
    gateway.kill()
    gateway.wait()
    gateway.stdout.close()
    deadline = time.monotonic() + WAIT_S
    while Path(f"/proc/{child}").exists() and _state(child) != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_the_empty_lane_is_kept_over_a_restart(folder, heard, watching, tmp_path):
    folder.lay(draw(where="empty"))
    watching(folder.url)
    heard.wait(stated("ok"))
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(PlateRead))
    folder.lay(draw(where="empty", seed=2))
    heard.wait(came(VehicleGone))
    folder.lay(draw(where="empty", seed=3))
    deadline = time.monotonic() + WAIT_S
    while not (tmp_path / "ground.png").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert load_ground(tmp_path / "ground.png").layers[0].shape == (120, 160, 3)


def test_a_card_that_takes_no_ground_costs_no_camera(folder, heard, watching):
    running = watching(folder.url, ground="gone/ground.png")
    folder.lay(draw(where="empty"))
    heard.wait(stated("ok"))
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(PlateRead))
    folder.lay(draw(where="empty", seed=2))
    heard.wait(came(VehicleGone))
    folder.lay(draw(where="empty", seed=3))  # The ground is sure now, and would be kept.
    folder.lay(draw(TEXTS[1], 4, "zone"))
    heard.wait(came(PlateRead, 2))
    running.stop()
    assert running.deaths == 0


SLOW = """#!/bin/sh
case "$1" in
--list-langs) printf "List of\\nchi_sim\\neng\\n"; exit;;
--version) echo "tesseract 5.3.0"; exit;;
esac
exec sleep 30
"""


def test_a_second_reader_that_is_slow_is_no_hung_process(
    folder, heard, watching, tmp_path, monkeypatch
):
    """On a Pi it takes seconds for each plate."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tesseract").write_text(SLOW)
    (tmp_path / "bin" / "tesseract").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    running = watching(folder.url, reader="tesseract", beat_s_max=camera.BEAT_S_MAX)
    folder.lay(draw(where="empty"))
    heard.wait(stated("ok"))
    folder.lay(draw(TEXTS[0], 1, "zone"))
    heard.wait(came(PlateRead))
    running.stop()
    assert running.deaths == 0


def test_a_process_with_a_capture_ends_without_a_dump():
    """A dump of its memory would hold plates."""
    server = RtspCamera()
    try:
        order = CameraOrder("c1", f"rtsp://127.0.0.1:{server.port}/gate", (ZoneOrder("in1"),))
        with subprocess.Popen(
            [sys.executable, "-m", "gateway.camera.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
        ) as child:  # fmt: skip
            try:
                child.stdin.write(encode(Orders((order,))))
                child.stdin.flush()
                unpacker, ok = Unpacker(), DeviceStateChanged("c1", "ok", "")
                while ok not in unpacker.feed(chunk := os.read(child.stdout.fileno(), 65_536)):
                    assert chunk, "it ended by itself"
                _, said = child.communicate(timeout=WAIT_S)
            finally:
                child.kill()
    finally:
        server.close()
    assert (child.returncode, said) == (0, b"")


def test_a_message_is_whole_though_a_signal_is_heard_in_the_middle_of_it():
    """The pipe is full, and the gate that is to read it is ending."""
    there, here = os.pipe()
    fcntl.fcntl(here, fcntl.F_SETPIPE_SZ, 4096)
    message, got = PlateRead("c1", "in1", 1, "unread", crop=bytes(32_000)), []

    def read():
        unpacker = Unpacker()
        while chunk := os.read(there, 4096):
            got.extend(unpacker.feed(chunk))

    reading = threading.Thread(target=read)
    before = signal.signal(signal.SIGALRM, lambda *_: reading.start())
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        teller(here)(message)
        os.close(here)
        reading.join(WAIT_S)
    finally:
        signal.signal(signal.SIGALRM, before)
        os.close(there)
    assert got == [message]


class Times:
    """What looks at a camera gave, and the states that were told of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.health = Health(0.0)
        self.states: list = []

    def look(self, *found, step_s: float = 0.1) -> list:
        for each in found:
            state = self.health.take(each, self.now)
            if state is not None:
                self.states.append(state)
            self.now += step_s
        return self.states


FRAME = Frame(np.zeros((48, 64, 3), np.uint8), 0.0, "#1")


def test_a_camera_that_hangs_is_frozen_once_though_its_pictures_come_slowly():
    times = Times()
    times.look(FRAME, *[Fault.FROZEN, None, None, None, None] * 20, FRAME)
    assert times.states == [("ok", ""), ("faulty", "frozen"), ("ok", "")]
    assert times.health.refusals == {"frozen": 1}


@pytest.mark.parametrize("fault", [Fault.STALE, Fault.UNREACHABLE, Fault.NOT_A_PICTURE])
def test_a_stream_that_breaks_after_each_picture_is_well(fault):
    """Some cameras end their stream after a few; told each time it would fill the journal."""
    times = Times()
    times.look(*[FRAME, fault, fault, fault, fault] * 20)
    assert times.states == [("ok", "")]
    assert times.health.refusals[fault.value] >= 20
    times.look(*[fault] * 30)
    assert times.states[1:] == [_STATE_OF[fault]]


def test_under_a_cap_every_picture_is_the_same_and_it_is_called_black():
    times = Times()
    black = View(FRAME.picture)
    times.look(FRAME)
    for _ in range(60):
        times.health.shows(black, times.now)
        times.look(FRAME)
    times.look(*[Fault.FROZEN, None] * 20)
    assert times.states == [("ok", ""), ("faulty", "black")]


@pytest.mark.parametrize("data", [b"", b"no picture", None])
def test_a_kept_lane_that_cannot_be_read_is_learnt_anew(tmp_path, data):
    file = tmp_path / "ground.png"
    if data is not None:
        file.write_bytes(data)
    assert load_ground(file) is None


# --- The wire -------------------------------------------------------------------------------

MESSAGES = [
    VehicleSeen("c1", "in1", 1, True, "bicycle"),
    PlateRead(
        "c1", "in1", 1, "unsure", "鲁A12345", 51, ("鲁A12345", "鲁A1Z345"), "blue", b"\xff\xd8"
    ),
    VehicleGone("c1", "in1", 1, True),
    DeviceStateChanged("c1", "lost", "folder_gone"),
    Beat((Seen("c1", None, {}), Seen("c2", 0.5, {"stale": 3}))),
    Orders((CameraOrder("c1", "folder:///x", (ZoneOrder("in1", drawing.ZONE),)),), "net", 7),
]


@pytest.mark.parametrize("chunk_bytes", [1, 3, 4096])
def test_messages_come_out_as_they_went_in(chunk_bytes):
    stream, unpacker, out = b"".join(map(encode, MESSAGES)), Unpacker(), []
    for at in range(0, len(stream), chunk_bytes):
        out += unpacker.feed(stream[at : at + chunk_bytes])
    assert out == MESSAGES


@pytest.mark.parametrize(
    "stream",
    [
        b"\xff\xff\xff\xff", b"\0\0\0\1\xc1", b"\0\0\0\3\x92\xa1x",
        encode(Beat()).replace(b"Beat", b"Boot"), b"printed by a library\n" * 9,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(stream):
    with pytest.raises(WireBroken):
        Unpacker().feed(stream)


def test_every_reason_of_a_camera_has_its_line():
    assert all(line.endswith(".") for line in camera.REASONS.values())
