"""`gateway drivers` and `gateway decode`, by exit status and output."""

import json

import pytest
from click.testing import CliRunner

from drivers.driver import load, names
from drivers.thermometer import Sample, Thermometer
from gateway.devices.cli import decode, drivers


def run(command, *arguments):
    return CliRunner().invoke(command, arguments)


def test_drivers_are_listed():
    done = run(drivers)
    assert done.exit_code == 0
    assert all(name in done.output for name in names())
    rows = [json.loads(line) for line in run(drivers, "--json").output.splitlines()]
    assert [row["driver"] for row in rows] == list(names())
    assert rows[0]["integrity"] == "checksum"


def test_a_frame_is_decoded():
    done = run(decode, "gy_mcu90614", "5A5A4504", "0CF5", "FF06", "03")
    assert done.exit_code == 0
    assert "object 33.17 °C, ambient -2.50 °C" in done.output


def test_frames_are_decoded_as_json():
    done = run(decode, "gy_mcu90614", "--json", "5a5a45040c780d19a7" * 2)
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert (
        rows
        == [{"bytes": "5a5a45040c780d19a7", "object_centi_c": 3192, "ambient_centi_c": 3353}] * 2
    )


def test_lines_are_decoded():
    done = run(decode, "raytek_mi", b"!T0036.5\r\n!I0024.0\r\n".hex())
    assert (done.exit_code, "object 36.50 °C" in done.output) == (0, True)


def test_a_frame_is_decoded_as_the_site_set_its_device(tmp_path):
    """An address, an order of values, a template, a map: what the driver alone cannot know."""
    swapped = run(decode, "cjmcu_90614", "--option", "first=ambient", "666601040c780d197b")
    assert "object 33.53 °C, ambient 31.92 °C" in swapped.output
    line = run(
        decode, "ascii_line", "--option", "template=T={object} A={ambient}",
        b"T=36.50 A=21.00\r\n".hex(),
    )  # fmt: skip
    assert "object 36.50 °C, ambient 21.00 °C" in line.output
    registers = tmp_path / "sensor.toml"
    registers.write_text(
        'model = "x"\nsource = "y"\nslave = 2\n'
        "[object]\nfunction = 4\naddress = 0\nstep_centi_c = 10\n"
        "[ambient]\nfunction = 4\naddress = 1\nstep_centi_c = 10\n"
    )
    driver = load("modbus", Thermometer, {"map": str(registers)})
    frame = driver.write_frame(Sample(3650, 2410)).hex()
    assert run(decode, "modbus", frame).exit_code == 1
    done = run(decode, "modbus", "--option", f"map={registers}", frame)
    assert "object 36.50 °C, ambient 24.10 °C" in done.output


@pytest.mark.parametrize(
    ("hexes", "reason"),
    [
        ("5a5a45040c780d19a6", "checksum"),
        ("5a5a4504", "length"),
        ("0011223344", "header"),
        ("", ""),
    ],
)
def test_what_is_refused_is_said_and_exits_1(hexes, reason):
    done = run(decode, "gy_mcu90614", "--json", hexes)
    assert done.exit_code == 1
    assert not reason or reason in {
        json.loads(line)["refused"] for line in done.output.splitlines()
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nosuch", "00"), "gy_mcu90614"),
        (("gy_mcu90614", "5g"), "no byte"),
        (("gy_mcu90614",), "Missing argument"),
        (("gy_mcu90614", "00", "--jsn"), "No such option"),
        (("gpio_line", "00"), "gpio_line has no frames"),
        (("cjmcu_90614", "00", "--option", "first=x"), "object or ambient is wanted"),
        (("cjmcu_90614", "00", "--option", "first"), "NAME=VALUE is wanted"),
    ],
)
def test_wrong_use_exits_2(arguments, words):
    done = run(decode, *arguments)
    assert done.exit_code == 2
    assert words in done.output
