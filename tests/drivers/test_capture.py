"""`gateway capture` keeps what a real line says, and `replay://` plays it back."""

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from drivers.distance import Distance, Range
from drivers.driver import declared, load
from drivers.framing import Refusal
from drivers.ports.protocol_replay import Chunk, read_capture
from drivers.ports.terminal import Terminal
from drivers.thermometer import Thermometer
from gateway.devices.capture import capture, pretend
from tests.drivers.test_peers import listen, values
from tests.drivers.test_wires import Bus


def run(*arguments: object):
    return CliRunner().invoke(capture, [str(one) for one in arguments])


@pytest.mark.parametrize("name", ["gy_mcu90614", "optris", "calex_pyrominibus", "mcu_bridge"])
def test_a_line_is_captured_and_plays_the_same(name, tmp_path):
    out, driver = tmp_path / "line.capture", declared(name, Thermometer)
    with Terminal(f"sim://{name}?object=36.5&ambient=21&wobble=60&rate_hz=50") as terminal:
        done = run(name, terminal.path, "--out", out, "--seconds", "3.5")  # It may stall for two.
    assert done.exit_code == 0, done.output
    chunks = read_capture(out.read_text())
    assert any(chunk.is_sent for chunk in chunks) == bool(driver.polls)
    heard = b"".join(chunk.bytes for chunk in chunks if not chunk.is_sent)
    assert f"{len(heard)} bytes" in done.output
    played = values(listen(f"replay://{out}?loop=1", driver, 6))
    assert played
    assert all(abs(one.object_centi_c - 3650) <= 60 for one in played)
    assert all(driver.write_frame(one)[:2] in heard for one in played)


def test_the_capture_is_the_bytes_in_their_order(tmp_path):
    out, driver = tmp_path / "line.capture", load("gy_mcu90614", Thermometer)
    with Terminal("sim://gy_mcu90614?wobble=90&fault=noise&rate_hz=50") as terminal:
        assert run("gy_mcu90614", terminal.path, "--out", out, "--seconds", "1").exit_code == 0
    chunks = read_capture(out.read_text())
    assert [chunk.at_s for chunk in chunks] == sorted(chunk.at_s for chunk in chunks)
    again = tmp_path / "again.capture"
    assert run("gy_mcu90614", f"replay://{out}", "--out", again).exit_code == 0
    one, other = (
        b"".join(chunk.bytes for chunk in read_capture(file.read_text())) for file in (out, again)
    )
    assert one == other
    assert driver.model in out.read_text().splitlines()[0]


def test_a_bus_that_echoes_is_captured_without_its_echo(tmp_path):
    bus, out = Bus(declared("us_100", Distance), Range(700)), tmp_path / "line.capture"
    wanted = ("us_100", bus.wire.path, "--seconds", "1", "--baud", "19200", "--line", "8N2")
    assert run(*wanted, "--out", tmp_path / "echoed.capture").exit_code == 1
    assert run(*wanted, "--out", out, "--echo").exit_code == 0
    assert out.read_text().splitlines()[0].endswith("19200 8N2")
    assert {c.bytes for c in read_capture(out.read_text()) if not c.is_sent} == {b"\x02\xbc"}
    bus.wire.unplug()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch", "sim://x"), "no device driver 'nosuch'"),
        (("gm65", "sim://gm65"), "reads passes"),
        (("optris", "sim://optris", "--option", "address"), "NAME=VALUE is wanted"),
        (("optris", "sim://optris", "--option", "address=0"), "address = '0'"),
        (("optris", "sim://optris", "--line", "8N3"), "'8N3' is not one of"),
        (("cjmcu_90614", "sim://cjmcu_90614"), "needs the option 'first'"),
    ],
)
def test_wrong_use_exits_2_and_leaves_no_file(arguments, words, tmp_path):
    done = run(*arguments, "--out", tmp_path / "x.capture")
    assert (done.exit_code, words in done.output) == (2, True), done.output
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    out = tmp_path / "x.capture"
    out.write_text("0 00\n")
    done = run("gy_mcu90614", "sim://gy_mcu90614", "--out", out)
    assert (done.exit_code, "there already" in done.output) == (2, True)
    assert out.read_text() == "0 00\n"


def test_a_port_that_cannot_be_opened_exits_1(tmp_path):
    done = run("gy_mcu90614", "/dev/gate/none", "--out", tmp_path / "x.capture")
    assert (done.exit_code, "plug it in" in done.output) == (1, True)
    assert not list(tmp_path.iterdir())


def test_a_line_that_makes_no_frames_exits_1_and_is_kept(tmp_path):
    out = tmp_path / "x.capture"
    done = run(
        "gy_mcu90614", "sim://gy_mcu90614?fault=wrong_baud", "--out", out, "--seconds", "0.5"
    )
    assert done.exit_code == 1
    assert "0 frames read" in done.output
    assert "It plays" not in done.output
    assert f"refused: {Refusal.HEADER.value}" in done.output
    assert read_capture(out.read_text())


def test_a_polled_capture_answers_when_it_is_asked(tmp_path):
    file = tmp_path / "x.capture"
    chunks = [
        Chunk(0.0, b"\x01", is_sent=True), Chunk(0.001, bytes.fromhex("0555")),
        Chunk(5.0, b"\x02", is_sent=True), Chunk(5.001, bytes.fromhex("04d5")),
    ]  # fmt: skip
    file.write_text("".join(chunk.written() for chunk in chunks))
    driver = declared("optris", Thermometer)
    found = listen(f"replay://{file}?loop=1", driver, 3)
    assert values(found)[-1] == driver.sample(3650, 2370)


def test_the_last_frame_before_the_plug_is_pulled_is_counted(tmp_path):
    file, frame = tmp_path / "x.capture", "5a5a45040c780d19a7"
    file.write_text("".join(f"0.{number:02d} {frame}\n" for number in range(5)))
    done = run("gy_mcu90614", f"replay://{file}", "--out", tmp_path / "y.capture")
    assert "45 bytes, 5 frames read" in done.output


def test_a_device_is_pretended_on_a_line_that_a_name_leads_to(tmp_path):
    link = tmp_path / "thermometer"
    command = ["pretend", "sim://gy_mcu90614?rate_hz=50", "--link", str(link)]
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", *command], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout.readline().strip() == str(link)
            assert values(listen(str(link), load("gy_mcu90614", Thermometer), 3))
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 0
        finally:
            child.kill()
    assert not link.is_symlink()


def test_a_pretended_device_is_refused_in_words():
    done = CliRunner().invoke(pretend, ["sim://gy_mcu90614?fault=fire"])
    assert (done.exit_code, "unknown fault" in done.output) == (2, True)
