"""A serial device's thread on a real pseudo-terminal: what the gate hears of it."""

import os
import queue
import random
import signal
import subprocess
import sys
import time
from itertools import cycle

import pytest

from drivers.driver import load
from drivers.thermometer import Sample, Thermometer
from gateway.core.events import DeviceStateChanged, FacesSeen, SampleTaken
from gateway.devices import devices
from gateway.devices.devices import Line, SerialDevices
from gateway.devices.lines import REASONS, LineWatch, Patience
from tests.drivers.lines import WAIT_S, Wire
from tests.drivers.test_barrier import until

GY = load("gy_mcu90614", Thermometer)
FRAME = GY.write_frame(Sample(3650, 2130))


def states(events) -> list[tuple[str, str]]:
    return [(e.state, e.reason) for e in events if isinstance(e, DeviceStateChanged)]


def reached(state: str, reason: str = ""):
    return lambda events: states(events)[-1:] == [(state, reason)]


def sampled(count: int):
    return lambda events: sum(isinstance(e, SampleTaken) for e in events) >= count


def test_frames_become_samples_with_the_moment_of_their_last_byte(heard, listening):
    wire = Wire()
    began = time.monotonic()
    running = listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: FRAME)
    heard.wait(sampled(10))
    samples = heard.of(SampleTaken)
    assert {(e.device, e.object_centi_c, e.ambient_centi_c) for e in samples} == {
        ("t1", 3650, 2130)
    }
    assert all(began < e.taken_s <= time.monotonic() for e in samples)
    assert [e.taken_s for e in samples] == sorted(e.taken_s for e in samples)
    assert states(heard.events) == [("ok", "")]
    (health,) = running.health()
    assert (health.device, health.kind, health.state) == ("t1", "thermometer", "ok")
    assert health.age_s is not None
    assert health.age_s < time.monotonic() - began
    wire.unplug()


def test_a_corrupt_frame_is_counted_and_costs_itself_only(heard, listening):
    wire = Wire()
    running = listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: FRAME)
    heard.wait(sampled(3))
    wire.hush()
    spoilt = FRAME[:-1] + bytes((FRAME[-1] ^ 1,))
    before = len(heard.of(SampleTaken))
    wire.send(spoilt + FRAME)
    heard.wait(lambda events: sampled(before + 1)(events) and running.health()[0].refusals)
    # Of a machine that stalled it says so, and that is no word on the frame.
    assert running.health()[0].refusals | {"stale": 0} == {"checksum": 1, "stale": 0}
    assert {e.object_centi_c for e in heard.of(SampleTaken)} == {3650}
    wire.unplug()


def test_many_corrupt_frames_are_a_faulty_device(heard, listening):
    wire, dice = Wire(), random.Random(3)
    listening(Line("t1", "gy_mcu90614", wire.path))
    spoilt = FRAME[:-1] + bytes((FRAME[-1] ^ 1,))
    wire.talk(lambda: spoilt if dice.random() < 0.3 else FRAME, 0.02)
    heard.wait(reached("faulty", "corrupt"))
    wire.unplug()


def test_f28_a_wrong_baud_is_said_in_words(heard, listening, caplog):
    wire, dice = Wire(), random.Random(5)
    running = listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: dice.randbytes(9), 0.02)
    with caplog.at_level("WARNING"):
        heard.wait(reached("faulty", "wrong_baud"))
    assert not heard.of(SampleTaken)
    assert running.health()[0].refusals["header"] > 3
    assert any("baud" in record.message for record in caplog.records)
    wire.unplug()


def test_an_array_that_begins_late_is_not_taken_for_garbage(heard, listening):
    """Its picture takes a while: what may still become a frame says nothing of the speed."""
    wire, array = Wire(), load("gy_mcu90640", Thermometer)
    frame = array.write_frame(Sample(3480, 2130, faces=1))
    halves = cycle((frame[:800], frame[800:]))
    listening(Line("a1", "gy_mcu90640", wire.path))
    heard.wait(reached("silent", "no_bytes"))
    wire.talk(lambda: next(halves), 0.3)
    heard.wait(reached("ok"))
    assert states(heard.events) == [("silent", "no_bytes"), ("ok", "")]
    assert {one.faces for one in heard.of(FacesSeen)} == {1}
    wire.unplug()


def test_a_silent_line_is_said(heard, listening):
    wire = Wire()
    listening(Line("t1", "gy_mcu90614", wire.path))
    heard.wait(reached("silent", "no_bytes"))
    wire.unplug()


def test_f23_an_unplugged_port_is_said_and_opened_again(heard, listening, tmp_path):
    link = tmp_path / "thermometer"
    first, second = Wire(), Wire()
    link.symlink_to(first.path)
    listening(Line("t1", "gy_mcu90614", str(link)))
    first.talk(lambda: FRAME)
    heard.wait(sampled(3))
    link.unlink()
    first.unplug()
    heard.wait(reached("lost", "unplugged"))
    second.talk(lambda: FRAME)
    before = len(heard.of(SampleTaken))
    link.symlink_to(second.path)
    heard.wait(sampled(before + 3))
    assert states(heard.events) == [("ok", ""), ("lost", "unplugged"), ("ok", "")]
    second.unplug()


def test_a_port_that_is_not_there_is_said_once_and_waited_for(heard, listening, tmp_path):
    link = tmp_path / "thermometer"
    listening(Line("t1", "gy_mcu90614", str(link)))
    heard.wait(reached("lost", "missing"))
    wire = Wire()
    wire.talk(lambda: FRAME)
    link.symlink_to(wire.path)
    heard.wait(reached("ok"))
    assert states(heard.events) == [("lost", "missing"), ("ok", "")]
    wire.unplug()


def test_f25_a_port_held_by_another_is_said(heard, listening):
    wire = Wire()
    wire.talk(lambda: FRAME)
    listening(Line("t1", "gy_mcu90614", wire.path))
    heard.wait(sampled(1))
    listening(Line("t2", "gy_mcu90614", wire.path))
    heard.wait(reached("lost", "busy"))
    wire.unplug()


def test_what_waited_before_the_port_was_opened_is_not_a_sample(heard, listening):
    wire = Wire()
    old = GY.write_frame(Sample(4000, 2130))
    wire.send(old * 20)
    until(lambda: wire.waiting() == 20 * len(old))
    listening(Line("t1", "gy_mcu90614", wire.path))
    wire.talk(lambda: FRAME)
    heard.wait(sampled(3))
    assert {e.object_centi_c for e in heard.of(SampleTaken)} == {3650}
    wire.unplug()


PAUSED = """
import sys, time
from gateway.devices.devices import Line, SerialDevices

class Out:
    def put(self, event):
        print(type(event).__name__, getattr(event, "object_centi_c", ""), flush=True)

running = SerialDevices([Line("t1", "gy_mcu90614", sys.argv[1])], Out(), sys.exit)
running.start()
sys.stdin.read()
print("refusals", running.health()[0].refusals, flush=True)
running.stop()
"""


def test_a_process_that_was_away_throws_away_what_waited():
    wire = Wire()
    child = subprocess.Popen(
        [sys.executable, "-c", PAUSED, wire.path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin
    assert child.stdout
    wire.talk(lambda: FRAME)
    while "SampleTaken 3650" not in child.stdout.readline():
        pass
    os.kill(child.pid, signal.SIGSTOP)
    wire.hush()
    for _ in range(20):
        wire.send(GY.write_frame(Sample(4000, 2130)))
    time.sleep(devices.AWAY_S_MAX + 0.5)  # the pause itself is what is tested
    os.kill(child.pid, signal.SIGCONT)
    wire.talk(lambda: GY.write_frame(Sample(3700, 2130)))
    seen = ""
    while "3700" not in seen:
        seen += child.stdout.readline()
    child.stdin.close()
    seen += child.stdout.read()
    child.stdout.close()
    assert child.wait(WAIT_S) == 0
    assert "4000" not in seen
    assert "'stale': 1" in seen
    wire.unplug()


def test_a_polled_device_is_asked_and_heard(heard, listening):
    wire, driver = Wire(), load("raytek_mi", Thermometer)
    listening(Line("t2", "raytek_mi", wire.path))
    answers = dict(zip(driver.polls, (b"!T0036.5\r\n", b"!I0024.0\r\n"), strict=True))

    def answer() -> bytes:
        return b"".join(answers[poll + b"\r"] for poll in wire.receive().split(b"\r")[:-1])

    wire.talk(answer, 0.01)
    heard.wait(sampled(5))
    assert {(e.object_centi_c, e.ambient_centi_c) for e in heard.of(SampleTaken)} == {(3650, 2400)}
    wire.unplug()


def test_a_pretend_device_goes_the_same_way(heard, listening):
    listening(Line("t1", "raytek_mi", "sim://raytek_mi?object=36.5&wobble=0"))
    heard.wait(sampled(3))
    assert {e.object_centi_c for e in heard.of(SampleTaken)} == {3650}


def test_a_fault_of_ours_ends_the_process():
    class Broken:
        def put(self, event):
            raise RuntimeError("a fault of ours")

    failures = queue.Queue()
    running = SerialDevices([Line("t1", "gy_mcu90614", "/nosuch")], Broken(), failures.put)
    running.start()
    assert isinstance(failures.get(timeout=WAIT_S), RuntimeError)
    running.stop()


@pytest.mark.parametrize("reason", ["unplugged", "wrong_baud", "corrupt", "busy", "no_bytes"])
def test_each_reason_has_its_line(reason):
    assert REASONS[reason].endswith(".")


def test_verdicts_by_table():
    def judged(seconds: int, **count: int):
        watch = LineWatch(0.0)
        for tenth in range(seconds * 10):
            watch.heard(
                tenth / 10,
                **{"bytes_in": 9, "bytes_framed": 9, "accepted": 1, "refused": 0} | count,
            )
        return watch.judge(seconds)

    assert judged(5) == ("ok", "")
    assert judged(1, bytes_framed=0, accepted=0, refused=1) is None
    assert judged(5, bytes_framed=0, accepted=0, refused=1) == ("faulty", "wrong_baud")
    assert judged(5, accepted=0, refused=1) == ("faulty", "no_frames")
    assert judged(5, accepted=0) == ("faulty", "no_frames")
    assert judged(5, bytes_in=0, bytes_framed=0, accepted=0) == ("silent", "no_bytes")
    assert LineWatch(0.0).judge(1.0) is None
    assert LineWatch(0.0).judge(2.5) == ("silent", "no_bytes")


def test_how_much_a_line_may_do_is_the_sites_to_say():
    def judged(patience: Patience, refused_every: int, quiet_s: float = 0.0):
        watch = LineWatch(0.0, patience)
        for tenth in range(200):
            refused = tenth % refused_every == 0
            watch.heard(
                tenth / 10, bytes_in=9, bytes_framed=9, accepted=not refused, refused=refused
            )
        return watch.judge(20.0 + quiet_s)

    assert judged(Patience(), 10) == ("faulty", "corrupt")
    assert judged(Patience(spoilt_pct=20), 10) == ("ok", "")
    assert judged(Patience(), 20) == ("ok", ""), "one in twenty may be"
    assert judged(Patience(spoilt_pct=1), 20) == ("faulty", "corrupt")
    assert judged(Patience(spoilt_pct=1, spoilt_s=2), 20) == ("ok", ""), "one in two seconds"
    assert judged(Patience(), 1000, quiet_s=3.0) == ("silent", "no_bytes")
    assert judged(Patience(silent_s=5.0), 1000, quiet_s=3.0) == ("ok", "")


def test_one_bad_frame_in_a_hundred_is_no_fault_and_old_ones_are_forgotten():
    watch = LineWatch(0.0)
    for tenth in range(200):
        watch.heard(tenth / 10, bytes_in=9, bytes_framed=9, accepted=1, refused=tenth % 100 == 0)
    assert watch.judge(20.0) == ("ok", "")
    for tenth in range(200, 230):
        watch.heard(tenth / 10, bytes_in=9, bytes_framed=0, accepted=0, refused=1)
    assert watch.judge(23.0).state == "faulty"
    for tenth in range(230, 400):
        watch.heard(tenth / 10, bytes_in=9, bytes_framed=9, accepted=1, refused=0)
    assert watch.judge(40.0) == ("ok", "")
