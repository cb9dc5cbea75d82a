"""Ports as URLs, and the four ways in which a port says that it is gone."""

import os
import socket
import termios
import time

import pytest
import serial

from drivers import ports
from drivers.address import centi, read_address
from drivers.errors import PortLost, PortRefused
from drivers.ports import KEPT_ALIVE, open_port
from drivers.ports.protocol_replay import read_capture
from tests.drivers.lines import Wire


def test_a_port_is_opened_for_one_only():
    wire = Wire()
    port = open_port(wire.path, 9600)
    with pytest.raises(PortRefused, match="another program") as refused:
        open_port(wire.path, 9600)
    assert refused.value.reason == "busy"
    port.close()
    open_port(wire.path, 9600).close()
    wire.unplug()


@pytest.mark.parametrize(
    ("url", "reason", "words"),
    [
        ("/dev/gate/none", "missing", "plug it in"),
        ("nosuch://x", "refused", "correct the port's address"),
        ("sim://nosuch", "refused", "gy_mcu90614"),
        ("sim://gy_mcu90614?objekt=36", "refused", "unknown parameter 'objekt'"),
        ("sim://gy_mcu90614?fault=fire", "refused", "unknown fault 'fire'"),
        ("sim://gy_mcu90614?object=hot", "refused", "no temperature"),
        ("replay:///nosuch/file", "refused", "there is no such capture"),
        ("socket://x", "refused", "^socket://x: socket://HOST:PORT is wanted$"),
        ("socket://x:y", "refused", "socket://HOST:PORT is wanted"),
        ("socket://x:99999", "refused", "socket://HOST:PORT is wanted"),
    ],
)
def test_what_cannot_be_opened_is_said_in_words(url, reason, words):
    with pytest.raises(PortRefused, match=words) as refused:
        open_port(url, 9600)
    assert refused.value.reason == reason
    assert isinstance(refused.value, OSError)


def test_a_read_from_an_unplugged_port_is_lost():
    wire = Wire()
    port = open_port(wire.path, 9600)
    wire.unplug()
    with pytest.raises(PortLost, match="plug it in again"):
        port.read_chunk(0.5)
    port.close()


def test_a_write_to_an_unplugged_port_is_lost():
    wire = Wire()
    port = open_port(wire.path, 9600)
    wire.unplug()
    with pytest.raises(PortLost):
        port.write(b"?T\r")


def test_a_flush_of_an_unplugged_port_is_lost():
    wire = Wire()
    port = open_port(wire.path, 9600)
    wire.unplug()
    with pytest.raises(PortLost):
        port.flush_input()
    assert not issubclass(termios.error, OSError)


def test_a_port_closed_from_another_thread_is_lost():
    wire = Wire()
    port = open_port(wire.path, 9600)
    os.close(port._line.fd)
    port._line.fd = None  # what close() leaves behind when it comes between two calls
    with pytest.raises(PortLost):
        port.read_chunk(0.1)
    wire.unplug()


@pytest.mark.parametrize(
    "error",
    [serial.SerialException("x"), OSError(5, "x"), termios.error(5, "x"), TypeError("x")],
)
def test_all_four_kinds_are_one(error):
    assert isinstance(error, ports.LOST)


def test_a_chunk_is_what_is_there():
    wire = Wire()
    port = open_port(wire.path, 9600)
    assert port.read_chunk(0.01) == b""
    wire.send(b"abc")
    assert port.read_chunk(1.0) == b"abc"
    port.close()
    wire.unplug()


def drained(port: ports.Port) -> list[bytes]:
    """Read until the port is lost."""
    chunks = []
    while True:
        try:
            chunks.append(port.read_chunk(0.05))
        except PortLost:
            return chunks


def test_a_capture_plays_and_then_is_unplugged(tmp_path):
    capture = tmp_path / "gate.capture"
    capture.write_text("# GY-MCU90614\n0.0 5a5a45040c78\n0.02 0d19a7  # rest\n\n0.03 5a5a\n")
    began_s = time.monotonic()
    chunks = drained(open_port(f"replay://{capture}?speed=1", 9600))
    assert time.monotonic() - began_s >= 0.03
    assert b"".join(chunks) == bytes.fromhex("5a5a45040c780d19a75a5a")
    assert b"".join(drained(open_port(f"replay://{capture}?speed=0", 9600))) == b"".join(chunks)


def test_a_capture_may_loop(tmp_path):
    capture = tmp_path / "gate.capture"
    capture.write_text("0.0 01\n0.01 02\n")
    port = open_port(f"replay://{capture}?loop=1", 9600)
    got = b""
    while len(got) < 7:
        got += port.read_chunk(1.0)
    assert got.startswith(b"\x01\x02\x01\x02\x01\x02")


@pytest.mark.parametrize("text", ["", "# nothing\n", "0.0 5a5\n", "now 5a\n"])
def test_a_capture_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="capture"):
        read_capture(text)


def test_addresses_are_read_strictly():
    known = {"object": "36.5", "seed": "1"}
    assert read_address("sim://gy?seed=3", known) == ("gy", {"object": "36.5", "seed": "3"})
    with pytest.raises(ValueError, match="unknown parameter"):
        read_address("sim://gy?sed=3", known)


@pytest.mark.parametrize(
    ("text", "value"), [("36.5", 3650), ("-0.05", -5), ("21", 2100), ("+1.25", 125)]
)
def test_degrees(text, value):
    assert centi(text) == value


@pytest.mark.parametrize("text", ["", "a", "36.555", "36,5", "3 6"])
def test_no_degrees(text):
    with pytest.raises(ValueError, match="no temperature"):
        centi(text)


def test_a_serial_server_that_loses_its_power_is_missed():
    """It says no farewell: without probes a line that is listened to would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = open_port(f"socket://127.0.0.1:{door.getsockname()[1]}", 9600)
        for (level, option), value in KEPT_ALIVE.items():
            assert port._line._socket.getsockopt(level, option) == value
        port.close()
