"""`gateway detect`: it listens first, and sends nothing that any model takes for a setting."""

import json

import pytest
from click.testing import CliRunner

from drivers.distance import Distance, Range
from drivers.driver import Driver, declared, names
from drivers.reader import Reader, Scan
from drivers.thermometer import Sample, Thermometer
from gateway.devices import detect
from gateway.devices.cli import detect as command
from tests.drivers.lines import Wire

FAST = ("--listen-s", "1")
"""Long enough on a machine that is busy with other things."""

NEVER = {
    "set emissivity on an Optris": "84 03 b6",
    "set the output of an Optris CS": "81 00 10",
    "get emissivity on a GY-MCU90640, ask a HAIMAN": "a5 55 01 fb",
    "GY: 115200": "a5 af 54",
    "GY-MCU90640: 9600": "a5 15 01 bb",
    "GY-614V: query mode": "a4 06 03 01 ae",
    "CJMCU-90614: query": "66 66 02 56",
    "Raytek: emissivity": "45 3d 30 2e 39 37 35 0d",
    "Raytek: emissivity, not kept": "45 23 3d 30 2e 39 37 35 0d",
    "GM65: 9600": "7e 00 08 02 00 2a 39 01 a7 ea",
    "GM65: save": "7e 00 09 01 00 00 00 de c8",
    "Modbus: coil 1 on": "01 05 00 00 ff 00 8c 3a",
    "Modbus: write a register": "01 06 00 05 00 02 18 0a",
    "LCUS: relay 1 on": "a0 01 01 a2",
    "YJM: 9600": "f0 4f 06 ef ee",
}


def run(*arguments):
    return CliRunner().invoke(command, [*FAST, *arguments])


@pytest.mark.parametrize("what", NEVER)
def test_what_sets_something_is_known_as_harm(what):
    assert detect.harm(bytes.fromhex(NEVER[what]))


def test_what_is_asked_unasked_for_is_harmless_and_something_is_left_to_ask():
    asked = detect.harmless()
    assert {"raytek_mi", "us_100"} <= set(asked)
    assert not {"e1_32x32", "sdt_id_card", "gm65"} & set(asked)
    assert all(not detect.harm(poll) for driver in asked.values() for poll in driver.polls)


def talking(frame: bytes) -> Wire:
    wire = Wire()
    wire.talk(lambda: frame, 0.02)
    return wire


@pytest.mark.parametrize(
    ("driver", "frame"),
    [
        ("gy_mcu90614", declared("gy_mcu90614", Thermometer).write_frame(Sample(3650, 2130))),
        ("gy_53", declared("gy_53", Distance).write_frame(Range(1234))),
        ("a02yyuw", declared("a02yyuw", Distance).write_frame(Range(1234))),
        ("tfmini", declared("tfmini", Distance).write_frame(Range(1230))),
        ("rdm6300", declared("rdm6300", Reader).write_frame(Scan("tag", "62E3086CED"))),
    ],
)
def test_who_speaks_is_recognised_and_nothing_is_sent(driver, frame):
    wire = talking(frame)
    done = run("--json", wire.path)
    (row,) = [json.loads(line) for line in done.output.splitlines()]
    assert (done.exit_code, row["drivers"], row["was_asked"]) == (0, [driver], False)
    assert row["frames"] >= 3
    assert wire.receive() == b""
    assert "62E3" not in done.output, "what stands on a pass is not told"
    wire.unplug()


def test_who_waits_to_be_asked_is_asked_only_what_harms_nobody():
    wire, sent = Wire(), bytearray()

    def answer() -> bytes:
        came = wire.receive()
        sent.extend(came)
        return b"\x07\x08" * came.count(b"\x55")

    wire.talk(answer, 0.005)
    done = run(wire.path, "--listen-s", "3")
    assert done.exit_code == 0
    assert "us_100 at 9600 baud, 2 answers" in done.output
    assert not detect.harm(bytes(sent))
    wire.unplug()


@pytest.mark.parametrize("more", [["--listen-only"], ["--ask", "raytek_mi"]])
def test_silence_is_said_and_only_what_was_allowed_is_sent(more):
    wire = Wire()
    done = run(wire.path, *more)
    assert done.exit_code == 1
    assert f"{wire.path}: silence" in done.output
    sent = bytearray()
    while came := wire.receive():
        sent += came
    allowed = declared("raytek_mi", Thermometer).polls
    assert bytes(sent) == b"" if "--listen-only" in more else sent.startswith(allowed[0])
    wire.unplug()


def test_bytes_that_are_nobodys_are_counted_and_not_shown():
    wire = talking(b"PASS-00017342\r")
    done = run("--listen-only", wire.path)
    assert done.exit_code == 1
    assert "bytes that are no model's" in done.output
    assert "17342" not in done.output
    wire.unplug()


def test_a_port_that_is_held_or_missing_is_said(tmp_path):
    done = run(str(tmp_path / "nosuch"))
    assert done.exit_code == 1
    assert "is not there" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--ask", "nosuch", "x"), "no device driver"), (("--ask", "gy_53", "x"), "speaks by itself"),
     (("--listen-s", "0", "x"), "0.2"), (("--lisen", "x"), "No such option")],
)  # fmt: skip
def test_wrong_use_exits_2(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.output


def test_every_driver_is_either_listened_to_or_asked_or_said_not_to_be():
    """So that a new driver is thought of: those left over can only be named by the installer."""
    found = {n: declared(n, Driver) for n in names() if n != "gpio_line"}
    reachable = set(detect.speaking()) | set(detect.harmless())
    left = {n for n, d in found.items() if n not in reachable and d.kind != "barrier"}
    assert all(found[name].polls or found[name].needed or found[name].odds == 1 for name in left)
