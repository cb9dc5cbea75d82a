"""Clock, desk, seals, systemd's words, the queue and the memory of starts."""

import json
import logging
import os
import socket
import sqlite3
import subprocess
import sys

import pytest
from nacl.public import PrivateKey, SealedBox

from gateway import clock, seal, systemd
from gateway.core.events import FacesSeen, NextTouched, SampleTaken
from gateway.desk import Desk, Note
from gateway.errors import SecretMissing, SettingsRefused
from gateway.inbox import Inbox
from gateway.journal.journal import Stamp
from gateway.mqtt import Heard
from gateway.starts import Starts

from .journals import fill, open_journal, stamp
from .site import Gate

# --- Clock ----------------------------------------------------------------------------------


class Hands:
    """Clocks that a test turns by hand."""

    def __init__(self):
        self.wall, self.boot, self.state = 1_000_000, 5_000, "unset"

    def clock(self):
        return clock.Clock(lambda: self.wall, lambda: self.boot, lambda: self.state)

    def go(self, ms, extra=0):
        self.boot += ms
        self.wall += ms + extra


def test_a_jump_is_the_wall_clock_moving_against_the_boots():
    hands = Hands()
    watch = hands.clock()
    hands.go(1000)
    stamp, jump = watch.look()
    assert (stamp.at_ms, stamp.mono_ms, stamp.clock, jump) == (1_001_000, 6_000, "unset", None)
    hands.go(100, extra=10_800_000)
    hands.state = "ntp"
    stamp, jump = watch.look()
    assert jump == clock.Jump("ntp", "unset", 10_800_000)
    assert stamp.clock == "ntp"
    hands.go(100, extra=-3_600_000)
    assert watch.look()[1].jump_ms == -3_600_000
    assert watch.look()[1] is None


def test_a_slow_drift_is_no_jump_and_a_changed_word_is_told():
    hands = Hands()
    watch = hands.clock()
    for _ in range(20):
        hands.go(1000, extra=5)
        assert watch.look()[1] is None
    hands.state = "ntp"
    hands.go(1000)
    assert watch.look()[1] == clock.Jump("ntp", "unset", 0)


def test_a_clock_set_while_nobody_looked_is_found_at_the_next_start():
    journal = open_journal()
    assert journal.newest_moment() is None
    fill(journal, 1)
    before = journal.newest_moment()
    assert before == stamp(1)
    assert clock.jump_between(before, stamp(500)) is None
    later = Stamp(before.at_ms + 7_200_000, before.mono_ms + 60_000, "ntp")
    assert clock.jump_between(before, later) == clock.Jump("ntp", "ntp", 7_140_000)
    assert clock.jump_between(stamp(1, "unset"), stamp(2)) == clock.Jump("ntp", "unset", 0)


def test_the_kernel_is_asked_and_answers():
    assert clock.kernel_clock() in {"ntp", "rtc", "unset"}
    assert len(clock.kernel_boot()) == 36
    assert clock.boot_ms() > 0


# --- Seals and the desk ---------------------------------------------------------------------


@pytest.mark.parametrize("write", [bytes, lambda key: key.hex().encode() + b"\n"])
def test_what_is_sealed_only_the_private_key_opens(tmp_path, write):
    private = PrivateKey.generate()
    file = tmp_path / "seal.pub"
    file.write_bytes(write(bytes(private.public_key)))
    sealed = seal.sealer(file)(b"secret")
    assert b"secret" not in sealed
    assert SealedBox(private).decrypt(sealed) == b"secret"


def test_a_key_that_is_none_is_said(tmp_path):
    with pytest.raises(SecretMissing, match="nowhere"):
        seal.read_key(tmp_path / "nowhere", "desk.key_file")
    (tmp_path / "bad").write_text("not a key")
    with pytest.raises(SettingsRefused, match="32 bytes"):
        seal.read_key(tmp_path / "bad", "desk.key_file")


def test_the_desk_keeps_notes_encrypted_and_deletes_them(tmp_path):
    path = tmp_path / "desk.db"
    desk = Desk.open(path, b"k" * 32)
    note = Note(status="read", text="鲁M12345", crop=b"\xff\xd8 a picture", confidence_pct=97)
    desk.keep("a/1", note, at_ms=1000)
    desk.keep("a/2", Note(status="none"), at_ms=9000)
    assert desk.find("a/1") == note
    assert desk.find("a/3") is None
    assert note.as_plate("in1").text == "鲁M12345"
    raw = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert "鲁M12345".encode() not in raw
    assert b"a picture" not in raw
    assert desk.clear(before_ms=5000, after_ms=8000) == 2
    assert desk.find("a/1") is desk.find("a/2") is None
    desk.keep("a/4", note, at_ms=1000)
    desk.close()
    stranger = Desk.open(path, b"x" * 32)
    assert stranger.find("a/4") is None
    stranger.close()


def test_a_desk_that_will_not_open_is_begun_anew(tmp_path):
    path = tmp_path / "desk.db"
    path.write_bytes(b"no database" * 500)
    desk = Desk.open(path, b"k" * 32)
    desk.keep("a/1", Note(text="x"), 0)
    assert desk.find("a/1").text == "x"
    desk.close()
    nowhere = Desk.open(tmp_path / "nowhere" / "desk.db", b"k" * 32)
    nowhere.keep("a/1", Note(text="x"), 0)
    nowhere.close()


# --- systemd --------------------------------------------------------------------------------


@pytest.fixture
def listener(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "socket"))
        sock.settimeout(5)
        yield sock


def test_notify_reaches_the_manager(listener, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", listener.getsockname())
    assert systemd.notify("READY=1", "STATUS=门开了")
    assert listener.recv(4096) == "READY=1\nSTATUS=门开了".encode()
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/socket")
    assert not systemd.notify("READY=1")
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not systemd.notify("READY=1")


def test_a_manager_that_does_not_read_holds_nothing_up(listener, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", listener.getsockname())
    sent = 0
    while systemd.notify("WATCHDOG=1"):
        sent += 1
        assert sent < 100_000
    assert sent > 0


def test_the_watchdog_is_for_this_process(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert systemd.watchdog_s() == 10.0
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_s() is None
    monkeypatch.delenv("WATCHDOG_USEC")
    assert systemd.watchdog_s() is None


def test_the_journals_own_protocol(listener):
    handler = systemd.JournalHandler("gatepost-gateway", listener.getsockname())
    record = logging.LogRecord(
        "gateway", logging.WARNING, "f", 1, "The device is lost.", None, None
    )
    record.GATE_DEVICE = "t1"
    record.GATE_REASON = "two\nlines"
    handler.emit(record)
    handler.close()
    sent = listener.recv(65536)
    assert b"MESSAGE=The device is lost.\n" in sent
    assert b"PRIORITY=4\n" in sent
    assert b"GATE_DEVICE=t1\n" in sent
    assert b"GATE_REASON\n" + (9).to_bytes(8, "little") + b"two\nlines\n" in sent


def test_on_stderr_a_line_is_a_sentence_and_its_fields():
    record = logging.LogRecord("gateway", logging.ERROR, "f", 1, "It is full.", None, None)
    record.GATE_FILE = "journal.db"
    record.GATE_REASON = 'no "room" left'
    line = systemd.KeyValueFormatter().format(record)
    assert line == 'error: It is full. file=journal.db reason="no \\"room\\" left"'


# --- The queue ------------------------------------------------------------------------------


def sample(device, object_centi_c):
    return SampleTaken(device, object_centi_c, 2000, 0.0)


def test_when_the_queue_is_full_samples_coalesce_and_touches_stay():
    inbox = Inbox(items_max=3)
    for number in range(10):
        inbox.put(sample("t1", number))
        inbox.put(sample("t2", number))
        inbox.put(Heard("topic", b""))
        inbox.put(NextTouched(f"in{number}"))
    items = inbox.take(0)
    assert [item.lane for item in items if isinstance(item, NextTouched)] == [
        f"in{number}" for number in range(10)
    ]
    assert items[-2:] == [sample("t1", 9), sample("t2", 9)]
    assert inbox.dropped == 9
    assert inbox.coalesced > 0
    assert inbox.take(0) == []


def test_a_fast_array_fills_no_queue():
    inbox = Inbox(items_max=3)
    for picture in range(1000):
        inbox.put(FacesSeen("a1", picture % 2, picture))
        inbox.put(FacesSeen("a2", 1, picture))
        inbox.put(sample("t1", picture))
    items = inbox.take(0)
    assert len(items) == 6
    assert {item for item in items if getattr(item, "taken_s", 0) == 999} == {
        FacesSeen("a1", 1, 999), FacesSeen("a2", 1, 999)
    }  # fmt: skip
    assert items[-1] == sample("t1", 999)


# --- Starts ---------------------------------------------------------------------------------


def test_after_two_deaths_within_a_minute_nothing_is_resumed(tmp_path):
    path = tmp_path / "starts.json"
    assert Starts(path, "boot", 0).resumes
    assert Starts(path, "boot", 20_000).resumes
    third = Starts(path, "boot", 40_000)
    assert not third.resumes
    third.ended()
    assert Starts(path, "boot", 41_000).resumes
    assert Starts(path, "boot", 150_000).resumes
    assert Starts(path, "other boot", 150_001).resumes
    path.write_text("spoilt")
    assert Starts(path, "boot", 0).resumes


# --- Commands -------------------------------------------------------------------------------


def gateway(*words, **more):
    return subprocess.run(
        [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, timeout=60,
        check=False, **more,
    )  # fmt: skip


def test_help_is_there_and_brings_no_camera_library():
    code = (
        "import sys; from gateway.cli import gateway\n"
        "try: gateway(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('cv2', 'serial', 'paho', 'nacl') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"
    for word in ("run", "check", "journal", "drivers", "decode", "plates"):
        assert f"\n  {word} " in told.stdout


def test_commands_on_a_journal_and_on_settings(tmp_path):
    gate = Gate(tmp_path, 1883)
    gate.journal.parent.mkdir()
    journal = open_journal(gate.journal)
    fill(journal, 9)
    journal.close()
    config = ["--config", str(gate.config)]

    told = gateway("check", *config)
    assert told.returncode == 0
    assert 'thermometer.t1.driver = "gy_mcu90614"' in told.stdout
    assert 'lane.in1.way = "in"' in told.stdout
    assert "screening.fever_centi_c = 3730" in told.stdout

    told = gateway("journal", "tail", *config, "--entries", "3", "--json")
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["seq"] for row in rows] == [7, 8, 9]
    assert {row["sealed"] for row in rows} <= {"none", "sealed"}
    assert "reading" in gateway("journal", "tail", *config).stdout

    told = gateway("journal", "verify", *config, "--json")
    assert told.returncode == 0
    assert json.loads(told.stdout)["entries"] == 9
    with sqlite3.connect(gate.journal) as connection:
        connection.execute("UPDATE entry SET kind = 'voided' WHERE id = 5")
    connection.close()
    assert gateway("journal", "verify", *config).returncode == 1

    gate.config.write_text(gate.config.read_text().replace("for_s", "for_s").replace(
        'place = "indoors"', 'place = "the moon"'))  # fmt: skip
    told = gateway("check", *config)
    assert told.returncode == 2
    assert "lane.0.place" in told.stderr or "place = 'the moon'" in told.stderr
    told = gateway("run", *config)
    assert told.returncode == 2
    assert "the moon" in told.stderr
    assert gateway("journal", "verify").returncode == 2
    assert gateway("run", "--config", str(tmp_path / "nowhere.toml")).returncode == 2
