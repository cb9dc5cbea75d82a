"""What hangs on wires, as the settings name it: understood in full, or refused with a reason."""

import json

import pytest
from click.testing import CliRunner

from drivers.driver import declared
from drivers.reader import Reader
from gateway import config
from gateway.cli import gateway
from gateway.core.passage import Lane
from gateway.devices.devices import SerialDevice
from gateway.devices.equipment import Equipment
from gateway.devices.lines import Patience
from gateway.errors import SettingsRefused
from gateway.inbox import Inbox

from .test_config import GOOD

WIRED = (
    GOOD.replace(
        'thermometers = ["t1"]',
        'thermometers = ["t1"]\ndistance = "d1"\nreaders = ["q1", "q2"]\nbarrier = "b1"\n'
        "barrier_channel = 2",
    )
    + """
[[distance]]
name = "d1"
driver = "a02yyuw"
port = "/dev/gate/distance1"
near_mm = 1200
far_mm = 1600

[[reader]]
name = "q1"
driver = "gm65"
port = "/dev/gate/code1"
baud = 115200
options = { asks = "no" }

[[reader]]
name = "q2"
driver = "sdt_id_card"
port = "/dev/gate/card1"
line = "8N1"

[[barrier]]
name = "b1"
driver = "modbus_coil"
port = "/dev/gate/relay1"
echo = true
options = { unit = "3" }
"""
)


def test_what_a_line_may_do_reaches_every_device():
    settings = config.parse(WIRED + "[screening]\nsilent_s = 4.5\nspoilt_pct = 9\nspoilt_s = 20\n")
    made = Equipment(settings, Inbox(), lambda _: pytest.fail)
    lines = [one for part in made._parts for one in getattr(part, "_devices", ())]
    told = {one._patience for one in lines if isinstance(one, SerialDevice)}
    assert told == {Patience(4.5, 9, 20)}


def test_all_that_is_wired_is_understood():
    settings = config.parse(WIRED)
    lane = settings.lanes[0]
    assert isinstance(lane, Lane)
    assert (lane.distance, lane.readers, lane.barrier) == ("d1", ("q1", "q2"), "b1")
    assert settings.lane[0].barrier_channel == 2
    assert [len(devices) for devices in settings.wired.values()][1:] == [1, 2, 1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("near_mm = 1200", "near_mm = 1700", "far_mm = 1600: it is not above near_mm = 1700"),
        ("near_mm = 1200", "near_mm = 20", "near_mm = 20: "),
        ("far_mm = 1600", "far_mm = 5000", "a02yyuw measures from 31 to 4500 mm"),
        ("far_mm = 1600", "", "far_mm"),
        ("far_mm = 1600", "far_mm = 1600\nfar = 1", "far = 1: no such setting"),
        ("far_mm = 1600", "far_mm = 1600\nsettle_s = 99", "settle_s = 99"),
        ('driver = "a02yyuw"', 'driver = "gm65"', "no distance driver 'gm65'; there are: a02yyuw"),
        ('distance = "d1"', 'distance = "d9"', "lane.in1.distance = 'd9': no such device"),
        ('distance = "d1"\n', "", "device 'd1': no lane uses it"),
        ('readers = ["q1", "q2"]', 'readers = ["q1"]', "device 'q2': no lane uses it"),
        ('name = "out1"', 'name = "out1"\nreaders = ["q1"]', "reader.q1: 2 lanes have it"),
        ('asks = "no"', 'asks = "perhaps"', "reader.q1.options: asks = 'perhaps'"),
        ('asks = "no"', 'ask = "no"', "gm65 has no option 'ask'"),
        ('"/dev/gate/code1"', '"spy:///dev/gate/code1?file=x"', "a spy writes down"),
        ('"/dev/gate/code1"', '"/dev/gate/card1"', "q1 is on it already"),
        ("baud = 115200", "baud = 1", "baud = 1: "),
        ('line = "8N1"', 'line = "8N3"', "line = .8N3.: "),
        (
            'driver = "gy_mcu90614"', 'driver = "calex_pyrousb"\nbaud = 1200',
            "thermometer.t1.baud = 1200: calex_pyrousb is given 0.07 s for an answer",
        ),
        ("echo = true", "echo = true\npulse_s = 0.05", "pulse_s = 0.05"),
        ("echo = true", "echo = true\npulse_s = 30", "pulse_s = 30"),
        ('unit = "3"', 'unit = "300"', "unit = '300': an address from 1 to 247"),
        ("barrier_channel = 2", "barrier_channel = 33", "barrier_channel = 33"),
        ('"/dev/gate/relay1"', '"gpio://17"', "barrier.b1.port = 'gpio://17': a serial port"),
        ('driver = "modbus_coil"', 'driver = "lcus"', "lcus has no option 'unit'"),
        ('name = "out1"', 'name = "out1"\nbarrier_channel = 2', "the lane has no barrier"),
        ('name = "out1"', 'name = "out1"\nopens_by_itself = true', "the lane has no barrier"),
        (
            'name = "out1"', 'name = "out1"\nbarrier = "b1"\nbarrier_channel = 2',
            "in1 is on this contact of b1 already",
        ),
        ('name = "q2"', 'name = "q1"', "has this name already"),
    ],
)  # fmt: skip
def test_a_fault_is_refused_with_key_value_and_reason(old, new, said):
    assert old in WIRED
    with pytest.raises(SettingsRefused, match=said.replace("[", r"\[")):
        config.parse(WIRED.replace(old, new, 1))


GPIO = WIRED.replace("modbus_coil", "gpio_line").replace('unit = "3"', 'active = "low"')


@pytest.mark.parametrize(
    ("port", "channel", "said"),
    [
        ("gpio://17", 1, ""),
        ("gpio://J8:11", 1, ""),
        ("gpio://17", 2, "gpio_line has 1 to 1"),
        ("gpio://seventeen", 1, "gpio://LINE"),
        ("/dev/gate/relay1", 1, "gpio://LINE"),
    ],
)
def test_a_gpio_line_is_named_as_one(port, channel, said):
    text = GPIO.replace("/dev/gate/relay1", port).replace("channel = 2", f"channel = {channel}")
    if said:
        with pytest.raises(SettingsRefused, match=said):
            config.parse(text)
    else:
        assert config.parse(text).barrier[0].port == port


def test_check_tells_each_as_understood_and_opens_nothing(tmp_path):
    from base64 import b64encode  # noqa: PLC0415

    from nacl.public import PrivateKey  # noqa: PLC0415

    seal = tmp_path / "seal.pub"
    seal.write_bytes(b64encode(bytes(PrivateKey.generate().public_key)))
    file = tmp_path / "gateway.toml"
    text = WIRED.replace("/etc/gatepost/seal.pub", str(seal)).replace("mqtts://", "mqtt://")
    file.write_text(text)
    done = CliRunner().invoke(gateway, ["check", "--config", str(file)])
    assert done.exit_code == 0, done.output
    for line in (
        'lane.in1.barrier = "b1"', "lane.in1.barrier_channel = 2", "distance.d1.near_mm = 1200",
        "distance.d1.settle_s = 0.5", "reader.q1.again_s = 5.0", "barrier.b1.pulse_s = 0.5",
        "barrier.b1.echo = true", 'barrier.b1.options.unit = "3"', "broker.ca_file = not set",
        "lane.in1.takes_temperature = true", "lane.out1.takes_temperature = false",
        "lane.in1.heated_drivers = true", "distance.d1.baud = 9600", 'distance.d1.line = "8N1"',
        "reader.q1.baud = 115200",
        f"reader.q2.options.number = not set: {declared('sdt_id_card', Reader).options['number']}",
    ):  # fmt: skip
        assert line in done.output.splitlines()
    done = CliRunner().invoke(gateway, ["check", "--json", "--config", str(file)])
    assert json.loads(done.output)["reader"][0]["options"] == {"asks": "no"}
