"""What dies or hangs without a word: found within a bound, said, and ended. The real things."""

import ctypes
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from gateway import contract as c
from gateway import mqtt, systemd
from gateway.devices import equipment
from gateway.devices.devices import Line, SerialDevices
from gateway.errors import JournalUnwritable, PartHung
from gateway.journal.recorder import Recorder
from gateway.uplink import Out
from gateway.watch import SURE_S, Watch
from gateway.writing import PROOF_S, RETRY_S, Writing

from .journals import Disk, fill, open_journal, opened, stamp
from .site import Broker, Centre, free_port, until

GONE = c.Status(v=1, online=False, boot="watched", at_ms=0, version="0")
WILL = Out("gatepost/v1/gate/c01/east/status", c.encode(GONE), retain=True)
STUCK = """
import pathlib, sys, threading
from gateway import config, systemd
from gateway.service import Service

class Relay:
    def pulse(self, lane, ordered_s):
        threading.Event().wait()  # a relay's bus that never answers

systemd.log_to_journal("gatepost-gateway")
Service(config.read(pathlib.Path(sys.argv[1])), Relay()).run()
"""

DEAF = """
import pathlib, sys, threading
from gateway import config, screen, systemd
from gateway.service import Service

screen.BEAT_S_MAX = 5.0  # A busy machine is no server that hangs.
screen._Server.process_request = lambda *_: threading.Event().wait()
systemd.log_to_journal("gatepost-gateway")
Service(config.read(pathlib.Path(sys.argv[1]))).run()
"""


UNBORN = """
import pathlib, sys, threading
from gateway import config, panel, watch
from gateway.service import Service

watch.START_S = 1.0
panel.Panel.listen = lambda *_: threading.Event().wait()
Service(config.read(pathlib.Path(sys.argv[1]))).run()
"""


def link(port, news=lambda _: None, failed=lambda _: None, **more):
    address = mqtt.Address("127.0.0.1", port, "watched", reconnect_s_max=1, **more)
    return mqtt.Link(
        address, subscriptions=["gatepost/v1/gate/c01/east/ack"], will=WILL, news=news,
        failed=failed, jitter=lambda: 0.5,
    )  # fmt: skip


@pytest.mark.broker
def test_a_callback_that_raises_is_reported_and_ends_the_thread(broker, centre):
    came, died = [], []

    def news(item):
        came.append(item)
        assert not isinstance(item, mqtt.Heard), "a message that breaks whoever reads it"

    kept = link(broker.port, news, died.append)
    kept.start()
    until(lambda: came)
    centre.send("gatepost/v1/gate/c01/east/ack", b"?")
    until(lambda: died)
    assert isinstance(died[0], AssertionError)
    until(lambda: kept.ailing(time.monotonic()) == "the link's thread is dead")
    kept.close()


BEFORE_ITS_WORD = (
    "take = Inbox.take\n"
    "def late(self, wait_s):\n"
    "    items = take(self, wait_s)\n"
    "    ends = [item for item in items if wait_s and hasattr(item, 'who')]\n"
    "    for end in ends: put(self, end)\n"
    "    return [item for item in items if item not in ends]\n"
    "Inbox.take = late\n"
)
"""The loop finds the thread dead before it takes the word that the thread left."""


@pytest.mark.broker
@pytest.mark.parametrize("late", ["", BEFORE_ITS_WORD], ids=["word first", "death first"])
def test_a_callback_that_raises_ends_the_gate_which_says_why(broker, centre, make_gate, late):
    gate = make_gate(broker.port)
    program = ("-c", (
        "import sys\n"
        "from gateway.cli import main\n"
        "from gateway.mqtt import Heard\n"
        "from gateway.service import Inbox\n"
        "put = Inbox.put\n"
        "def breaking(self, item):\n"
        "    if isinstance(item, Heard): raise LookupError('no such thing')\n"
        "    put(self, item)\n"
        "Inbox.put = breaking\n"
        f"{late}"
        "sys.argv[1:] = ['run', '--config', sys.argv[1]]\n"
        "main()\n"
    ))  # fmt: skip
    gate.start(program=program, ready=False)
    assert gate.process.wait(60) == 1
    gate.kill()
    assert "The thread mqtt ended." in gate.said()
    assert "LookupError" in gate.said()


def test_a_slow_line_is_left_only_when_nothing_is_acknowledged_any_more(monkeypatch):
    """A batch takes 6 s on 15 KB/s, and eight are handed over at once."""
    now = [0.0]
    monkeypatch.setattr(mqtt, "monotonic", lambda: now[0])
    kept = link(1)
    mids = iter(range(1, 9))
    client = SimpleNamespace(publish=lambda *_, **__: SimpleNamespace(rc=0, mid=next(mids)))
    kept.send([WILL] * 8)
    kept._publish(client)
    for mid in range(1, 8):
        now[0] += 20.0
        kept._look_at_pubacks()
        kept._on_publish(None, None, mid, SimpleNamespace(is_failure=False), None)
    now[0] += mqtt.PUBACK_S_MAX + 1.0
    with pytest.raises(mqtt.LinkLost, match="acknowledges nothing"):
        kept._look_at_pubacks()


@pytest.mark.broker
def test_a_frozen_broker_is_found_within_two_keepalives_and_everything_arrives_later(
    tmp_path, make_gate
):
    broker = Broker(tmp_path).start()
    centre = Centre(broker.port)
    gate = make_gate(broker.port)
    settings = gate.config.read_text().replace("[broker]", "[broker]\nkeepalive_s = 5")
    gate.config.write_text(settings)
    try:
        page = gate.start().page()
        page.touch("ArrivalTouched", lane="in1")
        until(lambda: centre.keys() and centre.keys() == gate.keys())
        broker.freeze()
        page.touch("NextTouched", lane="in1")
        until(lambda: "The broker is away." in gate.said())
        page.touch("ArrivalTouched", lane="in1")
        until(lambda: len(gate.bodies("opened")) == 2)
        broker.thaw()
        until(lambda: centre.keys() == gate.keys(), 60)
        assert gate.stop() == 0
    finally:
        broker.thaw()
        centre.close()
        broker.kill()


@pytest.mark.broker
def test_a_broker_that_acknowledges_nothing_is_left(broker, monkeypatch):
    """It answers pings and connects anew, but of what is sent it says nothing."""
    monkeypatch.setattr(mqtt, "PUBACK_S_MAX", 0.0)
    monkeypatch.setattr(mqtt.Link, "_on_publish", lambda *_: None)
    came = []
    kept = link(broker.port, came.append)
    kept.start()
    until(lambda: mqtt.LinkUp() in came)
    kept.send([Out("gatepost/v1/gate/c01/east/health", b"{}")])
    until(lambda: mqtt.LinkDown("the broker acknowledges nothing that we send") in came)
    until(lambda: came.count(mqtt.LinkUp()) > 1)
    kept.close()


def test_a_serial_thread_that_dies_is_reported_with_what_it_died_of():
    died = []
    port = "sim://gy_mcu90614?object=36.4&every_s=0&for_s=0"
    devices = SerialDevices([Line("t1", "gy_mcu90614", port)], Sink(), died.append)
    devices.start()
    until(lambda: devices.health()[0].age_s is not None)
    thread = next(t for t in threading.enumerate() if t.name == "device-t1")
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(MemoryError)
    )
    until(lambda: died)
    assert isinstance(died[0], MemoryError)
    until(lambda: not devices.beats())


class Sink:
    """Takes events, until it is told to block."""

    def __init__(self):
        self.open, self.holds = threading.Event(), threading.Event()
        self.open.set()

    def put(self, _):
        if not self.open.is_set():
            self.holds.set()
        self.open.wait()


def test_a_serial_thread_that_hangs_is_found(tmp_path, make_gate):
    sink = Sink()
    port = "sim://gy_mcu90614?object=36.4&every_s=0&for_s=0"
    devices = SerialDevices([Line("t1", "gy_mcu90614", port)], sink, pytest.fail)
    devices.start()
    until(lambda: devices.health()[0].age_s is not None)
    whole = equipment.Equipment.__new__(equipment.Equipment)
    whole._parts, whole._threads = [devices], {"device-t1"}
    assert whole.ailing(time.monotonic()) is None
    sink.open.clear()
    assert sink.holds.wait(60), "only a thread that is held can be told from one that is slow"
    until(lambda: time.monotonic() - devices.beats()["device-t1"] > 0.5)
    later = time.monotonic() + equipment.BEAT_S_MAX
    assert "the thread device-t1 has hung for 3" in whole.ailing(later)
    watch = Watch([lambda _: whole.ailing(later)], None)
    watch.turned(0.0)
    with pytest.raises(PartHung, match="device-t1 has hung"):
        watch.turned(SURE_S)
    watch.close()  # Or its timer would end the tests themselves.
    sink.open.set()
    devices.stop()
    assert whole.ailing(time.monotonic()) == "the thread device-t1 is dead"


@pytest.fixture
def notes(monkeypatch):
    noted = []
    monkeypatch.setattr(systemd, "notify", lambda *states: noted.extend(states))
    return noted


def test_a_part_that_looks_hung_when_all_stood_still_ends_nobody(notes):
    """Frozen and let go on: the loop looks before the others have come round."""
    ailing = None
    watch = Watch([lambda _: ailing, lambda _: None], 10.0)
    watch.turned(0.0)
    assert notes == ["WATCHDOG=1"]
    for now in (60.0, 120.0):
        ailing = "the thread screen has hung for 60 s"
        watch.turned(now)
        watch.turned(now + SURE_S - 0.1)
        assert notes == ["WATCHDOG=1"], "the watchdog is fed while something is not well"
        ailing = None
        watch.turned(now + SURE_S)
        assert notes.pop() == "WATCHDOG=1"
    watch.close()


@pytest.mark.broker
def test_a_loop_that_hangs_says_where_and_ends_before_systemd_kills_it(make_gate):
    gate = make_gate(free_port(), lane="opens_by_itself = false")
    gate.start(program=("-c", STUCK), watchdog_s=8)
    gate.wait_note("WATCHDOG=1")
    page = gate.page()
    page.touch("ArrivalTouched", lane="in1")
    page.touch("OverrideTouched", lane="in1", decision="admit", operator="4711", reason="known")
    page.touch("OpenTouched", lane="in1")
    assert gate.process.wait(60) == 1
    gate.kill()
    said = gate.said()
    assert "Timeout" in said
    assert "in pulse" in said
    assert "service.py" in said


def test_a_page_that_nobody_can_load_any_more_ends_the_gate_which_says_why(make_gate):
    gate = make_gate(free_port()).start(program=("-c", DEAF))
    host, port = gate.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), 5):
        assert gate.process.wait(60) == 1
    gate.kill()
    assert "the thread screen has hung" in gate.said()


def test_a_start_that_hangs_says_where(make_gate):
    gate = make_gate(free_port()).start(program=("-c", UNBORN), ready=False)
    assert gate.process.wait(60) == 1
    gate.kill()
    assert "Timeout" in gate.said()
    assert "service.py" in gate.said()


# --- The journal's own proof ----------------------------------------------------------------


def test_a_journal_that_nobody_writes_to_is_proven_once_a_minute(tmp_path):
    path = tmp_path / "journal.db"
    recorder = Recorder(open_journal(path))
    writing = Writing(recorder, Disk(), 0.0, pytest.fail)
    commits = commits_of(path)
    for second in range(0, 601, 5):
        assert writing.record([], float(second), stamp(second)) == ()
        assert writing.ailing(float(second)) is None
    assert commits_of(path) - commits == 10
    assert writing.ailing(601.0 + 2 * PROOF_S) is not None
    recorder.journal.close()


def commits_of(path):
    """Count the pages in the write-ahead log: a proof is one."""
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size // 4120


def test_a_card_that_takes_nothing_is_found_before_a_passage_needs_it(tmp_path):
    path = tmp_path / "journal.db"
    recorder, disk, opened_anew = Recorder(open_journal(path)), Disk(), []
    writing = Writing(recorder, disk, 0.0, lambda: opened_anew.append(1))
    fill(recorder.journal, 1)
    recorder.journal._connection.execute("PRAGMA query_only = ON")  # as a card gone read-only
    writing.record([], PROOF_S, stamp(60))
    assert (disk.noted, recorder.not_recorded) == (["unwritable"], 0)
    assert writing.ailing(10_000.0) is None
    assert writing.record([opened(1)], PROOF_S + 0.1, stamp(61)) == ()
    assert recorder.not_recorded == 1
    now = PROOF_S
    while recorder.fault is not None:
        now += RETRY_S
        entries = writing.record([], now, stamp(62))
        assert now < PROOF_S + 60
    assert [entry.kind for entry in entries] == ["started", "opened"]
    assert (disk.noted, opened_anew) == (["unwritable", None], [1])
    recorder.journal.close()


def test_a_journal_that_gives_nothing_is_said_and_mended(tmp_path):
    """What is to be sent cannot be read: as when it cannot be written."""
    recorder, disk = Recorder(open_journal(tmp_path / "journal.db")), Disk()
    fill(recorder.journal, 4)
    opened_anew = []
    writing = Writing(recorder, disk, 0.0, lambda: opened_anew.append(1))
    writing.unreadable(JournalUnwritable("A page is torn.", torn=True), 1.0)
    assert disk.noted == ["unwritable"]
    assert writing.record([opened(9)], 1.1, stamp(9)) == ()
    entries = writing.record([], 1.0 + RETRY_S, stamp(10))
    assert [entry.kind for entry in entries] == ["started", "opened"]
    assert (disk.noted, opened_anew) == (["unwritable", None], [1])
    recorder.journal.close()


def test_a_proof_that_fails_raises_and_leaves_no_trace(tmp_path):
    journal = open_journal(tmp_path / "journal.db")
    journal._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalUnwritable):
        journal.prove()
    journal._connection.execute("PRAGMA query_only = OFF")
    assert journal.append([opened(1)], stamp())[1].kind == "opened"
    journal.close()


def test_a_command_is_answered_by_an_entry(broker, centre, make_gate):
    gate = make_gate(broker.port).start()
    topic = c.gate_topic("c01", "east", "command")
    ask = c.Command(v=1, id="k7", expires_ms=2**52, what="acknowledge", alert="nothing-there")
    until(lambda: centre.statuses)
    centre.send(topic, c.encode(ask))
    found = until(lambda: gate.bodies("answered"))
    assert [(body.command, body.outcome) for body in found] == [("k7", "nothing")]
    assert gate.stop() == 0
